"""Score samples files with both judges, against evalplus's own command line on the same files.

Ground truth is computed before on both sides. The score cache is empty before every file, so that each
solution is executed. Two comparisons: ``alloy score`` file by file, each in a process of its own; and
``alloy verify --tier 4`` over the published catalog, which judges all seven files in one process. Goal: at
most 0.4 times evalplus's wall-clock time over the seven published files.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import Measured, must, report, run, tool

DATASET = "HumanEvalPlus-v0.1.10.jsonl.gz"


def published(mirror: Path) -> list[Path]:
    """The published HumanEval samples of a mirror."""
    return sorted((mirror / "hub").glob("*/*/eval/humaneval/*samples*.jsonl"))


def forget_scores(cache: Path) -> None:
    """Empty the cache of everything but the ground truth."""
    for path in cache.iterdir() if cache.is_dir() else ():
        if path.name != "truth":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def ours(path: Path, mirror: Path, cache: Path, jobs: int) -> tuple[Measured, dict[str, Any]]:
    """``alloy score`` on one file with a cold score cache."""
    forget_scores(cache)
    out = cache.parent / "score.json"
    command = [tool("alloy"), "score", path, "--benchmark", "humaneval_plus", "-j", str(jobs), "--json", out]
    env = {"ALLOY_CACHE": str(cache), "ALLOY_MIRROR": str(mirror)}
    return must(run([*command, "--offline"], env=env)), json.loads(out.read_text())


def whole(mirror: Path, cache: Path, jobs: int) -> Measured:
    """``alloy verify --tier 4`` over the published catalog with a cold score cache."""
    forget_scores(cache)
    command = [tool("alloy"), "verify", "--catalog", "published", "--tier", "4", "--offline", "-j", str(jobs)]
    env = {"ALLOY_CACHE": str(cache), "ALLOY_MIRROR": str(mirror)}
    # Some published scores are refuted, rightly.
    return must(run(command, env=env), codes=(0, 1))


def theirs(path: Path, mirror: Path, folder: Path, parallel: int | None) -> tuple[Measured, dict[str, Any]]:
    """``evalplus.evaluate`` on a copy of the file; it writes its results beside it."""
    copy = folder / f"{path.parent.parent.parent.name}-{path.name}"
    shutil.copy(path, copy)
    results = copy.with_name(copy.name.replace(".jsonl", "_eval_results.json"))
    results.unlink(missing_ok=True)
    env = {
        "HUMANEVAL_OVERRIDE_PATH": str(mirror / "datasets" / DATASET),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    command = [tool("evalplus.evaluate"), "--dataset", "humaneval", "--samples", copy]
    measured = must(run([*command, *(["--parallel", str(parallel)] if parallel else [])], env=env))
    return measured, json.loads(results.read_text())["eval"]


def agreement(score: dict[str, Any], evaluated: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Problems that each side passes on base and plus, and where they differ."""
    passed = {t: r[0]["base_status"] == r[0]["plus_status"] == "pass" for t, r in evaluated.items()}
    confirmed = {task: result["confirmed"] is True for task, result in score["tasks"].items()}
    differ = sorted(task for task in passed if passed[task] != confirmed.get(task))
    return sum(confirmed.values()), sum(passed.values()), differ


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="samples (default: the mirror's seven)")
    parser.add_argument(
        "--mirror", type=Path, default=os.environ.get("ALLOY_MIRROR"), help="default: $ALLOY_MIRROR"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="workers of alloy score (default: cores)"
    )
    parser.add_argument("--parallel", type=int, help="workers of evalplus (default: its own, half the cores)")
    parser.add_argument("--limit", type=int, help="only the first so many files")
    args = parser.parse_args()
    if args.mirror is None:
        parser.error("expected --mirror or ALLOY_MIRROR with datasets/ and hub/")
    files = (args.files or published(args.mirror))[: args.limit]
    if not files:
        parser.error(f"expected samples files, found none in {args.mirror}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for warming in (True, False):
            for path in files[:1] if warming else files:
                mine, score = ours(path, args.mirror, folder / "alloy", args.jobs)
                official, evaluated = theirs(path, args.mirror, folder, args.parallel)
                confirmed, passed, differ = agreement(score, evaluated)
                row = {"file": f"{path.parent.parent.parent.name}/{path.name}", "alloy": mine.seconds}
                row |= {"alloy cpu": mine.cpu, "evalplus": official.seconds, "evalplus cpu": official.cpu}
                row |= {"confirmed": confirmed, "evalplus passed": passed, "differ": differ}
                rows += [] if warming else [row]
                print("warming" if warming else json.dumps(row), file=sys.stderr, flush=True)
        complete = files == published(args.mirror)
        catalog = whole(args.mirror, folder / "alloy", args.jobs) if complete else None
    total = {
        side: sum(row[side] for row in rows) for side in ("alloy", "evalplus", "alloy cpu", "evalplus cpu")
    }
    ratios = {"ratio": total["alloy"] / total["evalplus"]}
    if catalog is not None:
        total["catalog in one process"] = catalog.seconds
        ratios["ratio of the catalog in one process"] = catalog.seconds / total["evalplus"]
    report({"files": rows, "total": total, **ratios})


if __name__ == "__main__":
    main()
