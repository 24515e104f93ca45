"""Cost of tier 1 over generated catalogs of growing size: it must stay linear.

Every generated artifact is a copy of one of the reference artifacts under a name and digest of its own.
"""

import argparse
import json
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from _measure import Measured, must, report, run, tool

from verifier.catalog import Catalog
from verifier.evidence.cache import Cache

ROOT = Path(__file__).resolve().parent.parent


def generate(folder: Path, count: int) -> None:
    """Write ``catalog/reference`` with ``count`` lock entries, and a cache with their alloys."""
    locks = folder / "catalog" / "reference"
    locks.mkdir(parents=True)
    cache = Cache(folder / "cache")
    seed = Cache(ROOT / "_cache" / "reference", read_only=True)
    sources = []
    for entry in Catalog(ROOT / "catalog").entries("reference"):
        path = seed.get(entry.alloy.sha256)
        if path is None:
            raise SystemExit(f"expected the alloy of {entry.name} in {seed.root}")
        sources.append((json.loads(entry.path.read_text()), json.loads(path.read_text())))
    for number in range(count):
        lock, alloy = sources[number % len(sources)]
        name = f"generated-{number:06d}"
        data = json.dumps({**alloy, "name": name}).encode()
        digest = sha256(data).hexdigest()
        blob = cache.path(digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        text = json.dumps(renamed(lock, name, digest, len(data)))
        (locks / f"{name}.lock.json").write_text(text)


def renamed(lock: dict[str, Any], name: str, digest: str, size: int) -> dict[str, Any]:
    """The lock entry of a copy."""
    claims = [
        {**claim, "id": claim["id"].replace(lock["name"], name, 1)}
        | ({"claimed": name} if claim["pointer"] == "/name" else {})
        for claim in lock["claims"]
    ]
    return {
        **lock,
        "name": name,
        "alloy": {**lock["alloy"], "sha256": digest, "size": size},
        "claims": claims,
    }


def measure(count: int) -> tuple[Measured, Counter[str]]:
    """Verify a generated catalog as a process; also the verdicts of its tier-1 claims."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, count)
        env = {"ALLOY_CATALOG": str(folder / "catalog"), "ALLOY_CACHE": str(folder / "cache")}
        command = [tool("alloy"), "verify", "--tier", "1", "--offline", "--json", folder / "report.json"]
        measured = must(run(command, env=env), codes=(0, 1))
        found = json.loads((folder / "report.json").read_text())["artifacts"]
    if len(found) != count:
        raise SystemExit(f"expected {count} artifacts in the report, found {len(found)}")
    return measured, Counter(c["verdict"] for a in found for c in a["claims"] if c["tier"] == 1)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[100, 1000, 10_000],
        help="catalog sizes (default: 100 1000 10000)",
    )
    args = parser.parse_args()
    figures: dict[str, Any] = {}
    for size in args.sizes:
        measured, verdicts = measure(size)
        figures[f"{size} alloys"] = {
            "seconds": round(measured.seconds, 2),
            "cpu seconds": round(measured.cpu, 2),
            "alloys per second": round(size / measured.seconds),
            "alloys per cpu second": round(size / measured.cpu),
            "peak MiB": round(measured.peak_mib),
            "tier-1 verdicts": dict(sorted(verdicts.items())),
        }
    report(figures)


if __name__ == "__main__":
    main()
