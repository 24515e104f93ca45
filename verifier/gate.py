"""The gate on catalog changes: verify just the entries that a change touches, and refuse silent drift.

1. git says which lock entries, expected-verdict snapshots and evidence blobs the change touches;
2. a changed pin, claimed value or expected verdict, or a deleted entry, needs a stated reason: a new item
   of the entry's ``reasons`` list in the same change;
3. each touched entry is verified, and its measured verdicts must equal its reviewed snapshot. A claim that
   is refuted *as reviewed* is not a failure; an unexpected refutation, or an unexpected pass, is.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from verifier import gate_git
from verifier.errors import AlloyError, DocumentError, UsageError
from verifier.gate_entry import (
    LOCK_SUFFIX,
    Lock,
    Problem,
    expectation,
    gained_reason,
    pin_changes,
    plain,
    quoted,
    read_lock,
    same_expectation,
    shown,
    stored,
    verdict_changes,
)
from verifier.report import expected
from verifier.report.model import ArtifactReport
from verifier.verdicts import JSON, Verdict

if TYPE_CHECKING:
    from verifier.engine import Options

WHICH = ("published", "reference")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_BLOB = re.compile(r"[0-9a-f]{64}")
_REASON = 'append a sentence to the entry\'s "reasons" that says why, in the same change'


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """One touched catalog entry and what became of it.

    Attributes:
        name, catalog: which entry.
        path: its lock file, from the top of the repository.
        kind: ``added``, ``changed``, ``deleted``, ``evidence`` (only bytes that it pins were touched)
            or ``unreadable``.
        reason: the newly stated reasons, if any.
        problems: why the change is refused; empty for an accepted one.
        report: what was measured; None where nothing was verified.
        expected: reviewed verdicts on the new side.
        previous: reviewed verdicts on the base side.
        lock: the new side's lock entry.
        pairs: keys of ``report.scores`` that answer the same benchmark: (base model's, artifact's).
    """

    name: str
    catalog: str
    path: str
    kind: str
    reason: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    report: ArtifactReport | None = None
    expected: Mapping[str, Mapping[str, JSON]] | None = None
    previous: Mapping[str, Mapping[str, JSON]] | None = None
    lock: Lock | None = None
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The gate's answer.

    Attributes:
        base: merge base that the change is compared with.
        head: the change's last commit.
        entries: touched entries, by catalog and name; empty if the change leaves the catalog alone.
    """

    base: str
    head: str
    entries: tuple[EntryChange, ...]

    def exit_code(self) -> int:
        """0 accepted, 1 refused, 2 an unreadable entry, 4 a check broke (the highest one counts)."""
        codes = [0]
        for entry in self.entries:
            codes += [1] if entry.problems else []
            codes += [2] if entry.kind == "unreadable" else []
            codes += [4] if entry.report and entry.report.counts()[Verdict.ERROR] else []
        return max(codes)


def gate(base: str, *, catalog: Path, tiers: Iterable[int] = (1, 3, 4), options: "Options") -> GateResult:
    """Judge the change between a revision and ``HEAD``.

    Args:
        base: revision that the change is to be merged into.
        catalog: catalog folder inside a git working tree.
        tiers: tiers to verify touched entries on.
        options: how to verify.

    Returns:
        One record per touched entry. A fault of an entry is a problem in its record, never an exception.

    Raises:
        UsageError: no repository, no such revision, or uncommitted changes in the catalog.
    """
    history = gate_git.open_history(catalog, base)
    folder = _inside(catalog, history.root)
    dirty = gate_git.uncommitted(history, folder)
    if dirty:
        some = ", ".join(sorted(dirty)[:5])
        raise UsageError(
            f"catalog: expected what HEAD holds, found uncommitted changes in {some!r}",
            remedy="commit or remove them: the gate verifies the files that the commits hold",
        )
    touched = _touched(history, folder, catalog)
    wanted = frozenset(tiers)
    entries = tuple(_judge(history, folder, *key, wanted, options) for key in sorted(touched))
    return GateResult(base=history.base, head=history.head, entries=entries)


def _inside(catalog: Path, root: Path) -> str:
    try:
        return catalog.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise UsageError(f"{catalog}: expected a folder inside {root}, found one outside") from error


def _touched(history: gate_git.History, folder: str, catalog: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    blobs: set[str] = set()
    prefix = "" if folder == "." else folder + "/"
    for path in gate_git.changed_paths(history):
        if path.startswith(prefix):
            found |= _entry_of(path.removeprefix(prefix))
        last = path.rsplit("/", 1)[-1]
        blobs |= {last} if _BLOB.fullmatch(last) else set()
    return found | _pinning(catalog, blobs)


def _entry_of(path: str) -> set[tuple[str, str]]:
    match path.split("/"):
        case [which, file] if which in WHICH and file.endswith(LOCK_SUFFIX):
            return {(which, file.removesuffix(LOCK_SUFFIX))}
        case [which, "verdicts", file] if which in WHICH and file.endswith(".json"):
            return {(which, file.removesuffix(".json"))}
    return set()


def _pinning(catalog: Path, blobs: set[str]) -> set[tuple[str, str]]:
    """Entries that pin one of the touched evidence blobs (their verdicts rest on those bytes)."""
    found = set()
    for which in WHICH if blobs else ():
        for path in sorted((catalog / which).glob("*" + LOCK_SUFFIX)):
            try:
                pinned = read_lock(path.read_bytes(), path.name).digests()
            except DocumentError:
                continue  # An unreadable entry of this change is reported by itself.
            if pinned & blobs:
                found.add((which, path.name.removesuffix(LOCK_SUFFIX)))
    return found


def _judge(
    history: gate_git.History,
    folder: str,
    which: str,
    name: str,
    tiers: frozenset[int],
    options: "Options",
) -> EntryChange:
    top = "" if folder == "." else folder + "/"
    path = f"{top}{which}/{name}{LOCK_SUFFIX}"
    snapshot = f"{top}{which}/verdicts/{name}.json"
    change = EntryChange(name=name, catalog=which, path=path, kind="unreadable")
    if not _NAME.fullmatch(name):
        message = f"entry name: expected letters, digits, dots and dashes, found {name!r}"
        return replace(change, problems=(Problem(code="bad-name", message=message),))
    try:
        return _measured(_compared(history, change, snapshot), history.root, tiers, options)
    except AlloyError as error:
        problem = Problem(code="unreadable", message=str(error), remedy=error.remedy)
        return replace(change, problems=(problem,))


def _compared(history: gate_git.History, change: EntryChange, snapshot: str) -> EntryChange:
    """Apply the rules about pins to both sides of one entry."""
    old = _side(history, history.base, change.path, lenient=True)
    new = _side(history, history.head, change.path)
    before = _expected(history, history.base, snapshot, lenient=True)
    after = _expected(history, history.head, snapshot)
    change = replace(change, lock=new, previous=before, expected=after)
    if new is None:
        return _deleted(history, change, old, after is not None)
    if old is None:
        return replace(change, kind="added", reason=new.reasons)
    problems = pin_changes(old, new) + (verdict_changes(before or {}, after) if after is not None else [])
    if before is not None and after is None:
        problems.append(
            Problem(code="expected-verdicts-removed", message=f"{snapshot}: expected, found none")
        )
    kind = "changed" if old.text != new.text or before != after else "evidence"
    if gained_reason(old, new):
        return replace(change, kind=kind, reason=new.reasons[len(old.reasons) :])
    if new.reasons[: len(old.reasons)] != old.reasons:
        message = f"reasons: expected the {len(old.reasons)} on record to stay, found them altered"
        problems.append(Problem(code="reasons-rewritten", message=message, needle='"reasons":'))
    return replace(
        change, kind=kind, problems=tuple(replace(p, remedy=p.remedy or _REASON) for p in problems)
    )


def _side(history: gate_git.History, revision: str, path: str, *, lenient: bool = False) -> Lock | None:
    data = gate_git.blob(history, revision, path)
    try:
        return None if data is None else read_lock(data, path)
    except DocumentError:
        if lenient:  # An unreadable base pins nothing: the new side is judged as a new entry.
            return None
        raise


def _expected(
    history: gate_git.History, revision: str, path: str, *, lenient: bool = False
) -> dict[str, Mapping[str, JSON]] | None:
    data = gate_git.blob(history, revision, path)
    try:
        return None if data is None else expected.parse(data, path)
    except DocumentError:
        if lenient:
            return None
        raise


def _deleted(history: gate_git.History, change: EntryChange, old: Lock | None, orphan: bool) -> EntryChange:
    """A deleted entry has no list to state a reason in, so an earlier commit of the change must have."""
    change = replace(change, kind="deleted")
    if orphan:
        message = f"{change.path}: expected the entry that these verdicts belong to, found none"
        return replace(change, problems=(Problem(code="verdicts-without-entry", message=message),))
    if old is None:
        return change
    for data in gate_git.versions(history, change.path):
        try:
            lock = read_lock(data, change.path)
        except DocumentError:
            continue
        if gained_reason(old, lock):
            return replace(change, reason=lock.reasons[len(old.reasons) :])
    remedy = 'state the reason in the entry\'s "reasons" in one commit and delete it in a later one'
    message = f"{change.path}: expected the entry that is on record, found it deleted without a stated reason"
    return replace(change, problems=(Problem(code="entry-deleted", message=message, remedy=remedy),))


def _measured(change: EntryChange, root: Path, tiers: frozenset[int], options: "Options") -> EntryChange:
    """Verify the new side and compare it with its reviewed snapshot."""
    if change.lock is None:
        return change
    from verifier.catalog import load_entry
    from verifier.engine import verify_target
    from verifier.targets import of_entry

    # Not by name: a folder of the change that is called like an entry would be verified in its place.
    target = of_entry(load_entry(root / change.path))
    report = verify_target(target, sorted(tiers), options)
    problems = list(change.problems)
    problems += _stale(change.lock, report)
    if change.expected is None:
        message = f"{change.name}: expected a reviewed snapshot of its verdicts, found none"
        remedy = "make it with pytest --snapshot-update tests/test_verdict_snapshots.py and review it"
        problems.append(Problem(code="expected-verdicts-missing", message=message, remedy=remedy))
    else:
        problems += _unexpected(change.expected, report, change.lock, tiers)
    pairs = _pairs(change.lock, report, options)
    return replace(change, report=report, problems=tuple(problems), pairs=pairs)


def _pairs(lock: Lock, report: ArtifactReport, options: "Options") -> tuple[tuple[str, str], ...]:
    """Which scored samples files of the alloy answer the same benchmark, the base model's first."""
    if not report.scores:
        return ()
    from verifier.alloy.parse import get, load
    from verifier.claims.samples import label
    from verifier.evidence.store import open_store
    from verifier.runners import registry

    role, (sha256, size) = next(iter(lock.pins.items()))
    alloy = load(
        open_store(options.offline).fetch(
            repo=lock.repo,
            revision=lock.revision,
            path=role.removeprefix("alloy:"),
            sha256=sha256,
            size=size,
        )
    )
    found = []
    for item in get(alloy.document, "/results/benchmarks") or ():
        runner = registry.find(item["name"])
        if runner is not None:
            base, own = (
                f"{runner.name}:{label(item.get(key))}" for key in ("baseSamplesPath", "samplesPath")
            )
            found += [(base, own)] if base in report.scores and own in report.scores else []
    return tuple(found)


def _stale(lock: Lock, report: ArtifactReport) -> list[Problem]:
    """Claims on which the lock entry and the alloy itself disagree."""
    problems = []
    for checked in report.checked:
        claim = checked.claim
        facts = lock.claims.get(claim.id)
        if facts is None:
            message = f"{claim.id}: expected the claim in the lock entry, found none"
            problems.append(Problem(code="lock-stale", message=message, remedy="run alloy pin again"))
        elif facts["pointer"] != claim.pointer or stored(facts["claimed"]) != stored(claim.expected):
            message = (
                f"{claim.id}: expected {shown(claim.expected)} as the alloy says at {claim.pointer}, "
                f"found {shown(facts['claimed'])} at {facts['pointer']}"
            )
            problems.append(Problem(code="lock-stale", message=message, needle=quoted(claim.id)))
    return problems


def _unexpected(
    expected: Mapping[str, Mapping[str, JSON]], report: ArtifactReport, lock: Lock, tiers: frozenset[int]
) -> list[Problem]:
    problems = []
    measured = {c.claim.id: c for c in report.checked}
    for claim, checked in measured.items():
        outcome = checked.outcome
        now = {"verdict": outcome.verdict.value, "found": plain(outcome.found)}
        if claim not in expected:
            message = f"{claim}: expected a reviewed verdict, found none (measured {expectation(now)})"
            problems.append(Problem(code="verdict-not-reviewed", message=message, needle=quoted(claim)))
        elif int(checked.claim.tier) in tiers and not same_expectation(expected[claim], now):
            message = f"{claim}: expected {expectation(expected[claim])}, found {expectation(now)}"
            message += f": {outcome.reason}"
            problems.append(Problem(code="verdict-differs", message=message, needle=quoted(claim)))
    for claim in expected:
        if claim not in measured and lock.claims.get(claim, {}).get("tier", 1) in tiers:
            message = f"{claim}: expected {expectation(expected[claim])}, found no such claim in the alloy"
            problems.append(Problem(code="claim-missing", message=message, needle=quoted(claim)))
    return problems
