"""The drill: every attested thing is falsified once, and exactly the right claims go red.

For each artifact of both catalogs, each hash, score, link and derived number is changed, one at a time.
The pinned digest of the alloy must go red every time; a claim that stood VERIFIED at that very place must
be REFUTED, with a finding of its own that points there; and no claim that does not state a dependence on
the place may change at all. Then each file of evidence loses one bit.
"""

import dataclasses
import shutil
from functools import cache
from pathlib import Path

import pytest

from tests.drills.faults import Fault, depends, faults, flip_byte, planted, with_fault
from verifier.alloy.parse import Alloy, get, load
from verifier.catalog import Catalog, LockEntry
from verifier.claims.extract import extract
from verifier.claims.model import Claim
from verifier.claims.samples import paths
from verifier.engine import Options, context_for, decide
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.store import open_store
from verifier.pinning import materialise
from verifier.runners.model import ScoreResult
from verifier.sources import FolderFiles
from verifier.tiers.context import Context
from verifier.verdicts import Outcome, Tier, Verdict

ENTRIES = {entry.name: entry for entry in Catalog.find().entries()}

# A claim may stand VERIFIED at a place and yet hold for the planted value too, if it says no more than that
# the value is well-formed, present, in order or a whole number of problems.
LENIENT = frozenset({"hash-form", "quant-output", "at-most", "positive", "reachable", "architecture"})


@cache
def folder_of(name: str, root: Path) -> Path:
    """The artifact's files, laid out as in its repository; skips if the alloy is not to be had."""
    target = root / name
    target.mkdir(parents=True)
    try:
        materialise(ENTRIES[name], open_store(offline=True), target)
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        pytest.skip(f"needs the alloy of {name}: {error}")
    return target


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return tmp_path_factory.mktemp("drill")


_SCORES: dict[tuple[str, ...], ScoreResult] = {}


def remembering(context: Context) -> Context:
    """The same context, which scores each file once in this session, whatever folder it lies in."""

    def score(benchmark: str, samples: Path) -> ScoreResult:
        files = sorted(samples.iterdir()) if samples.is_dir() else [samples]
        key = (benchmark, *map(context.digest, files))
        if key not in _SCORES:
            _SCORES[key] = context.score(benchmark, samples)
        return _SCORES[key]

    return dataclasses.replace(context, score=score)


# Tier 2 has a drill of its own, in test_reforge_faults.py: it executes a recipe for every fault.
TIERS = (Tier.RECIPE, Tier.BYTES, Tier.SCORES)


def judge(entry: LockEntry, alloy: Alloy, folder: Path, tiers=TIERS) -> dict[str, tuple[Claim, Outcome]]:
    """Every claim with its outcome, on the files of a folder."""
    options = Options(offline=True, jobs=2)
    store = open_store(offline=True)
    context = remembering(context_for(alloy, FolderFiles(folder), store, options, vouched=True))
    claims = extract(alloy, entry.name, pinned=entry.alloy.sha256, repo=entry.repo)
    return {c.id: (c, decide(c, context)) for c in claims if c.tier in tiers}


@cache
def baseline(name: str, root: Path) -> dict[str, tuple[Claim, Outcome]]:
    entry, folder = ENTRIES[name], folder_of(name, root)
    result = judge(entry, load(folder / entry.alloy.path), folder)
    assert all(o.verdict is not Verdict.ERROR for _, o in result.values())
    return result


def unexpected(before, after, fault: Fault) -> list[str]:
    """What is wrong with the reaction to a fault."""
    wrong = []
    if before.keys() != after.keys():
        wrong.append(f"claims appear or vanish: {sorted(before.keys() ^ after.keys())[:3]}")
    for claim_id, (claim, was) in before.items():
        if claim_id not in after:
            continue
        now = after[claim_id][1]
        if not depends(claim, fault.pointer):
            if now.verdict is not was.verdict or now.found != was.found:
                wrong.append(f"{claim_id}: {was.verdict} -> {now.verdict} without depending on the place")
        elif now.verdict is Verdict.ERROR:
            wrong.append(f"{claim_id}: {now.reason}")
        elif claim.kind == "alloy-digest" and now.verdict is not Verdict.REFUTED:
            wrong.append(f"{claim_id}: the pin did not notice")
        elif claim.pointer == fault.pointer and claim.kind not in LENIENT and was.verdict is Verdict.VERIFIED:
            found = [f for f in now.findings if f.claim_id == claim_id and f.pointer == fault.pointer]
            if now.verdict is not Verdict.REFUTED or not found:
                wrong.append(f"{claim_id} ({claim.kind}): {now.verdict}: {now.reason}")
    return wrong


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_every_planted_value_goes_red_where_it_stands(name, folders):
    entry, folder = ENTRIES[name], folder_of(name, folders)
    alloy, before = load(folder / entry.alloy.path), baseline(name, folders)
    planted_here = list(faults(alloy.document, tuple(c for c, _ in before.values())))
    assert len(planted_here) >= 5
    wrong = {}
    for fault in planted_here:
        problems = unexpected(before, judge(entry, with_fault(alloy, fault), folder), fault)
        if problems:
            wrong[fault.pointer] = problems
    assert not wrong
    print(f"{name}: {len(planted_here)} faults, all red")


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_one_flipped_bit_in_any_evidence_file_goes_red(name, folders, tmp_path):
    entry, folder, before = ENTRIES[name], folder_of(name, folders), baseline(name, folders)
    alloy = load(folder / entry.alloy.path)
    present = [f for f in entry.files if (folder / f.path).is_file()]
    if not present:
        pytest.skip(f"{name} publishes no evidence that is at hand besides its alloy")
    for number, pin in enumerate(present):
        copy = tmp_path / str(number)  # two files of an artifact may have the same bytes
        shutil.copytree(folder, copy)
        flip_byte(copy / pin.path, pin.size // 2)
        after = judge(entry, alloy, copy)
        touching = {
            i
            for i, (c, _) in before.items()
            if pin.path
            in (c.params.get("path"), *(one for p in c.inputs for one in paths(get(alloy.document, p))))
        }
        red = {i for i in touching if after[i][1].verdict is Verdict.REFUTED}
        attested = any(
            before[i][1].verdict is Verdict.VERIFIED and before[i][0].tier is Tier.BYTES for i in touching
        )
        assert red or not attested, f"{pin.path}: nothing went red"
        changed = {i for i in before if after[i][1].verdict is not before[i][1].verdict}
        assert changed <= touching, f"{pin.path}: {sorted(changed - touching)} changed without resting on it"
        assert all(
            after[i][1].verdict is not Verdict.VERIFIED
            for i in touching
            if before[i][0].tier is Tier.SCORES and before[i][1].verdict is Verdict.VERIFIED and attested
        )


def test_every_fault_really_changes_the_value():
    from decimal import Decimal

    for value in (
        0,
        5,
        Decimal("36.0"),
        Decimal("3.0382"),
        Decimal("1E+2"),
        True,
        "a" * 64,
        "sha256:" + "0" * 64,
    ):
        assert planted(value) != value
    assert planted("text") is None
