"""What is fuzzed: each target runs one case from a seed through a real entry point.

A case may end in an answer or in an ``AlloyError``. Anything else is a finding: another exception, a hang, a
document that changes on its way through, or a pass for a changed attested value.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import mutate
from verifier.alloy.parse import get, parse, parse_json, serialise
from verifier.catalog import Catalog, LockEntry
from verifier.claims.extract import extract
from verifier.engine import Options, verify
from verifier.errors import AlloyError
from verifier.evidence.safetensors_header import parse_header, read_header
from verifier.evidence.store import open_store
from verifier.gate_entry import plain, read_lock
from verifier.report import expected
from verifier.report.json import dumps
from verifier.report.model import ArtifactReport
from verifier.verdicts import Verdict

BOUNDS = (
    "hash-form",
    "positive",
    "at-most",
    "within-tolerance",
    "not-before",
    "forged-params",
    "active-params",
)
"""Kinds of claims that ask for a form or a range: another value that fits is just as true by them."""


IN_A_PROCESS = ("expert-activation-profile", "lora", "quant", "train")
"""Stages that are redone in a process of their own: too slow for many cases."""


class ViolationError(AssertionError):
    """A property does not hold."""


@dataclass(frozen=True)
class Artifact:
    """A reference artifact laid out as a folder.

    Attributes:
        name: catalog name.
        folder: where its files lie.
        alloy: the alloy's path in it.
    """

    name: str
    folder: Path
    alloy: Path

    def document(self) -> Any:
        """The alloy as JSON."""
        return parse(self.alloy.read_bytes()).document


@dataclass(eq=False)
class Workbench:
    """Seeds and a scratch folder, shared by all cases of one process.

    Attributes:
        scratch: an empty folder; cases leave nothing behind that later ones read.
        tiers: on which folders are verified.
    """

    scratch: Path
    tiers: tuple[int, ...] = (1, 3, 4)
    catalog: Catalog = field(default_factory=Catalog.find)

    @cached_property
    def entries(self) -> tuple[LockEntry, ...]:
        """The reference catalog."""
        return self.catalog.entries("reference")

    @cache  # noqa: B019  one workbench a process
    def artifact(self, name: str) -> Artifact:
        """A reference artifact as a folder, laid out once."""
        entry = self.catalog.get(name)
        folder = self.scratch / "artifacts" / name
        store = open_store(offline=True)
        for pin in (entry.alloy, *entry.files):
            source = store.fetch(
                repo=entry.repo, revision=entry.revision, path=pin.path, sha256=pin.sha256, size=pin.size
            )
            target = folder / pin.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return Artifact(name=name, folder=folder, alloy=folder / entry.alloy.path)

    def any_artifact(self, rng: Random) -> Artifact:
        """One of the reference artifacts."""
        return self.artifact(rng.choice([e.name for e in self.entries]))

    @cached_property
    def surgical(self) -> list[str]:
        """Names of the reference artifacts whose recipes only move and blank bytes."""
        stages = {e.name: self.artifact(e.name).document()["stages"] for e in self.entries}
        return [name for name, of in stages.items() if not any(s["type"] in IN_A_PROCESS for s in of)]

    def file(self, rng: Random, role: str) -> bytes:
        """Bytes of a pinned reference file of a role."""
        entry = rng.choice([e for e in self.entries if any(p.role == role for p in e.files)])
        pin = rng.choice([p for p in entry.files if p.role == role])
        return (self.artifact(entry.name).folder / pin.path).read_bytes()

    def variant(self, artifact: Artifact, alloy: bytes) -> Path:
        """A folder like an artifact's, with another alloy in it."""
        folder = self.scratch / "variant"
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(artifact.folder, folder, copy_function=_link)
        changed = folder / artifact.alloy.relative_to(artifact.folder)
        changed.unlink()
        changed.write_bytes(alloy)
        return folder


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _mutated(rng: Random, data: bytes) -> bytes:
    if rng.random() < 0.3:
        return mutate.raw(rng, data)
    return mutate.encode(mutate.document(rng, parse_json(data, max_bytes=2**24)))


def fuzz_alloy(bench: Workbench, rng: Random) -> None:
    """Parse, collect claims, and write the document again without a loss."""
    data = _mutated(rng, bench.any_artifact(rng).alloy.read_bytes())
    alloy = parse(data)
    claims = extract(alloy, "fuzz", repo="owner/fuzz")
    if not claims or len({c.id for c in claims}) != len(claims):
        raise ViolationError("no claims, or two with one id")
    again = parse(serialise(alloy.document).encode())
    if again.document != alloy.document:
        raise ViolationError("the document changed on its way through")


def fuzz_lock(bench: Workbench, rng: Random) -> None:
    """Load a lock entry, both as the catalog and as the gate read it."""
    entry = rng.choice(bench.entries)
    data = _mutated(rng, entry.path.read_bytes())
    root = bench.scratch / "catalog"
    shutil.rmtree(root, ignore_errors=True)
    (root / "reference").mkdir(parents=True)
    (root / "published").mkdir()
    (root / "reference" / entry.path.name).write_bytes(data)
    try:
        read_lock(data, entry.path.name)
    except AlloyError as error:
        if not str(error):
            raise ViolationError("an error without a message") from error
    Catalog(root).entries()


def fuzz_snapshot(bench: Workbench, rng: Random) -> None:
    """Read expected verdicts, both as the test front end and as the gate read them."""
    names = [p for e in bench.entries if (p := bench.catalog.verdicts_path(e)).exists()]
    data = rng.choice(names).read_bytes() if names else b'{"a": {"verdict": "VERIFIED", "found": 1}}'
    changed = _mutated(rng, data)
    path = bench.scratch / "snapshot.json"
    path.write_bytes(changed)
    try:
        expected.parse(changed, "snapshot")
    except AlloyError as error:
        if not str(error):
            raise ViolationError("an error without a message") from error
    expected.read(path)


def fuzz_header(bench: Workbench, rng: Random) -> None:
    """Parse the header of a safetensors file."""
    data = bench.file(rng, "weights")
    size = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + size], data[8 + size :]
    header = _mutated(rng, header.rstrip(b" "))
    length = len(header) if rng.random() < 0.8 else rng.choice((0, 1, 7, 2**31, 2**63, 2**64 - 1, size))
    changed = length.to_bytes(8, "little") + header + rest[: rng.choice((len(rest), 0, 1, len(rest) - 1))]
    if rng.random() < 0.2:
        changed = mutate.raw(rng, data)
    path = bench.scratch / "w.safetensors"
    path.write_bytes(changed)
    found = read_header(path)
    if any(t.end > len(changed) or t.begin > t.end for t in found.tensors):
        raise ViolationError("a tensor lies outside of its file")
    if parse_header(changed, len(changed)) != found:
        raise ViolationError("the file and its bytes are read differently")


def fuzz_samples(bench: Workbench, rng: Random) -> None:
    """Read a samples file."""
    from verifier.runners import samples

    lines = bench.file(rng, "samples").splitlines(keepends=True)
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(lines))
        lines[at] = _mutated(rng, lines[at].rstrip(b"\n")).replace(b"\n", b" ") + rng.choice(
            (b"\n", b"", b"\n\n")
        )
    data = b"".join(lines)
    path = bench.scratch / "samples.jsonl"
    path.write_bytes(mutate.raw(rng, data) if rng.random() < 0.2 else data)
    prompts = {f"AlloyBench/{i}": "" for i in range(16)}
    found = samples.load(path, prompts)
    answered = {answer.task_id for answer in found.answers}
    if answered | set(found.missing) != set(prompts) or answered & set(found.missing):
        raise ViolationError("answered and missing problems do not add up")


def fuzz_log(bench: Workbench, rng: Random) -> None:
    """Read the log of a harness, by the reader of either and whatever it really is, and a results file."""
    from verifier.runners.lm_eval import log as lm_eval_log
    from verifier.runners.lm_eval import results as lm_eval_results
    from verifier.runners.lmms_eval import log as lmms_eval_log

    entry = rng.choice([e for e in bench.entries if any("samples_" in p.path for p in e.files)])
    pin = rng.choice([p for p in entry.files if "samples_" in p.path or "results" in p.path])
    data = (bench.artifact(entry.name).folder / pin.path).read_bytes()
    path = bench.scratch / Path(pin.path).name
    if pin.path.endswith(".json"):
        path.write_bytes(_mutated(rng, data))
        lm_eval_results.load(path)
        return
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at] = _mutated(rng, lines[at].rstrip(b"\n")).replace(b"\n", b" ") + b"\n"
    changed = b"".join(lines)
    path.write_bytes(mutate.raw(rng, changed) if rng.random() < 0.2 else changed)
    reader = rng.choice((lm_eval_log, lmms_eval_log))
    digest = hashlib.sha256()
    number = sum(1 for _ in reader.read(path, digest))
    if digest.hexdigest() != hashlib.sha256(path.read_bytes()).hexdigest():
        raise ViolationError("the digest is of other bytes than the file's")
    if number > len(path.read_bytes().splitlines()):
        raise ViolationError("more samples than lines")


def fuzz_folder(bench: Workbench, rng: Random) -> None:
    """Verify a folder whose alloy is damaged, on the cheap tiers, and write the report."""
    artifact = bench.any_artifact(rng)
    folder = bench.variant(artifact, _mutated(rng, artifact.alloy.read_bytes()))
    report = verify(folder, tiers=(1, 3), options=Options(offline=True, jobs=1))
    json.loads(dumps(report))
    broken = [c for a in report.artifacts for c in a.checked if c.outcome.verdict is Verdict.ERROR]
    if broken:
        raise ViolationError(f"a check broke: {broken[0].claim.id}: {broken[0].outcome.reason}")
    if any(not c.outcome.reason for a in report.artifacts for c in a.checked):
        raise ViolationError("a verdict without a reason")


def fuzz_attested(bench: Workbench, rng: Random) -> None:
    """Change one attested value of a reference artifact: some claim must lose its VERIFIED."""
    artifact = bench.any_artifact(rng)
    document = artifact.document()
    pointers = sorted(set(_attested(document, artifact.name)))
    pointer = rng.choice(pointers)
    changed, old, new = mutate.forge(rng, document, pointer)
    folder = bench.variant(artifact, mutate.encode(changed))
    report = verify(folder, tiers=bench.tiers, options=Options(offline=True, jobs=1))
    if plain(old) != plain(new) and all(map(_all_verified, report.artifacts)):
        raise ViolationError(
            f"{artifact.name}: {pointer} changed from {old!r} to {new!r}, and all is VERIFIED"
        )


def fuzz_reforge(bench: Workbench, rng: Random) -> None:
    """Redo a damaged recipe: an answer, and never VERIFIED for another modelHash than the base gives."""
    artifact = bench.artifact(rng.choice(bench.surgical))
    data = artifact.alloy.read_bytes()
    folder = bench.variant(artifact, _mutated(rng, data))
    report = verify(folder, tiers=(2,), options=Options(offline=True, jobs=1, base=artifact.folder / "base"))
    (one,) = report.artifacts
    if one.counts()[Verdict.ERROR]:
        broken = next(c for c in one.checked if c.outcome.verdict is Verdict.ERROR)
        raise ViolationError(f"{artifact.name}: {broken.claim.id} broke: {broken.outcome.reason}")
    hash_ = "/results/integrity/modelHash"
    claimed = get(parse((folder / artifact.alloy.relative_to(artifact.folder)).read_bytes()).document, hash_)
    if one.counts()[Verdict.VERIFIED] and claimed != get(artifact.document(), hash_):
        raise ViolationError(f"{artifact.name}: modelHash {claimed} was VERIFIED")


def _all_verified(report: ArtifactReport) -> bool:
    counts = report.counts()
    return bool(report.checked) and counts[Verdict.VERIFIED] == len(report.checked)


def _attested(document: Any, name: str) -> Iterator[str]:
    alloy = parse(serialise(document).encode())
    for claim in extract(alloy, name):
        value = get(document, claim.pointer)
        scalar = value is not None and not isinstance(value, dict | list)
        if claim.pointer and scalar and value == claim.expected and claim.kind not in BOUNDS:
            yield claim.pointer


TARGETS: dict[str, Callable[[Workbench, Random], None]] = {
    "alloy": fuzz_alloy,
    "lock": fuzz_lock,
    "snapshot": fuzz_snapshot,
    "header": fuzz_header,
    "samples": fuzz_samples,
    "folder": fuzz_folder,
    "attested": fuzz_attested,
    "reforge": fuzz_reforge,
    "log": fuzz_log,
}


def case(bench: Workbench, target: str, seed: str) -> str:
    """Run one case.

    Returns:
        ``accepted``, or ``refused`` for an error of this package.
    """
    try:
        TARGETS[target](bench, Random(f"{target}:{seed}"))
    except AlloyError:
        return "refused"
    return "accepted"
