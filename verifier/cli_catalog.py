"""``alloy pin`` and ``alloy catalog check``: the pinned facts, and whether they still agree."""

import argparse
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verifier.cli_common import NOT_CHECKED, OK, REFUTED, Subparsers, add_command
from verifier.errors import AlloyError, EvidenceMissingError
from verifier.report.text import clean, value
from verifier.verdicts import Tier

if TYPE_CHECKING:
    from verifier.catalog import Catalog, LockEntry
    from verifier.claims.model import Claim
    from verifier.evidence.store import EvidenceStore

_CATALOGS = ("reference", "published")
_MAX_PROBLEMS = 20


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``pin`` and ``catalog`` to the command line."""
    pin = add_command(
        subparsers,
        "pin",
        run_pin,
        description=(
            "Make or update the catalog entry of an artifact: digests and sizes of its files, its claims.\n"
            "Facts alone are written; the card's prose stays with its publisher."
        ),
        examples=(
            "alloy pin owner/repository --catalog published",
            "alloy pin some/folder --catalog reference --reason 'samples were generated anew'",
        ),
    )
    pin.add_argument("target", metavar="TARGET", help="a folder, a Hub repository id, or a catalog name")
    pin.add_argument("--catalog", required=True, choices=_CATALOGS, help="which catalog")
    pin.add_argument("--reason", metavar="TEXT", default="", help="why pins change; kept in the entry")
    pin.add_argument("--name", help="name of the entry (default: that of the target)")
    pin.add_argument("--repo", metavar="OWNER/NAME", help="Hub repository that a folder's files belong to")
    pin.add_argument("--offline", action="store_true", help="never ask the Hub; use cache and mirror only")
    catalog = add_command(
        subparsers,
        "catalog",
        run_check,
        description=(
            "Check that every catalog entry is well-formed and agrees with its evidence: the alloy is the\n"
            "pinned one and makes the claims on record, samples are the pinned ones, reviewed verdicts\n"
            "cover the claims.\n\n"
            "exit codes: 1 something disagrees, 3 with --strict some evidence is missing, 0 else"
        ),
        examples=("alloy catalog check", "alloy catalog check --catalog reference --offline --strict"),
    )
    catalog.add_argument("action", choices=("check",), help="what to do")
    catalog.add_argument("--catalog", choices=_CATALOGS, help="check this catalog only")
    catalog.add_argument(
        "--offline", action="store_true", help="never ask the Hub; use cache and mirror only"
    )
    catalog.add_argument("--strict", action="store_true", help="exit 3 if evidence is not at hand")


def run_pin(args: argparse.Namespace) -> int:
    """Run ``alloy pin``.

    Raises:
        UsageError: no such target, or pins change without a reason.
        DocumentError: the target's alloy is unreadable.
        EvidenceMissingError: a file that is to be pinned cannot be had.
    """
    from verifier.catalog import Catalog
    from verifier.pinning import pin

    entry = pin(
        args.target,
        Catalog.find(),
        args.catalog,
        args.reason,
        name=args.name,
        repo=args.repo,
        offline=args.offline,
    )
    print(
        f"pinned {clean(entry.name)}: alloy {entry.alloy.sha256[:16]}, {len(entry.files)} files, "
        f"{len(entry.claims)} claims"
    )
    print(f"  {clean(entry.path)}")
    return OK


@dataclass(slots=True)
class Check:
    """What checking one entry brought up.

    Attributes:
        problems: where entry and evidence disagree.
        missing: what was not at hand.
    """

    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def run_check(args: argparse.Namespace) -> int:
    """Run ``alloy catalog check``.

    Raises:
        DocumentError: a lock entry or a snapshot is malformed.
    """
    from verifier.catalog import Catalog
    from verifier.evidence.store import open_store

    catalog, store = Catalog.find(), open_store(args.offline)
    entries = catalog.entries(args.catalog)
    checks = {entry.name: check(entry, catalog, store) for entry in entries}
    for name, found in checks.items():
        state = "DISAGREES" if found.problems else "incomplete" if found.missing else "ok"
        print(f"{state:<10} {clean(name)}")
        for line in (*found.problems[:_MAX_PROBLEMS], *found.missing):
            print(f"           {line}")
    wrong, partial = (
        (
            sum(map(bool, column))
            for column in zip(*((c.problems, c.missing) for c in checks.values()), strict=True)
        )
        if checks
        else (0, 0)
    )
    print(
        f"{len(entries)} entries, {wrong} disagree with their evidence, {partial} have evidence not at hand"
    )
    if not entries:
        print("the catalog is empty, so nothing was checked", file=sys.stderr)
    if wrong:
        return REFUTED
    return NOT_CHECKED if args.strict and (partial or not entries) else OK


def check(entry: "LockEntry", catalog: "Catalog", store: "EvidenceStore") -> Check:
    """Compare one entry with its evidence."""
    found = Check()
    _check_files(entry, store, found)
    _check_claims(entry, store, found)
    _check_verdicts(entry, catalog, found)
    return found


def _check_files(entry: "LockEntry", store: "EvidenceStore", found: Check) -> None:
    for file in entry.files:
        if file.role == "weights" and entry.repo is not None:
            continue  # never downloaded; tier 3 compares the Hub's metadata
        try:
            store.fetch(
                repo=entry.repo, revision=entry.revision, path=file.path, sha256=file.sha256, size=file.size
            )
        except EvidenceMissingError as error:
            found.missing.append(clean(error, 300))
        except AlloyError as error:
            found.problems.append(clean(error, 300))


def _check_claims(entry: "LockEntry", store: "EvidenceStore", found: Check) -> None:
    from verifier.alloy.parse import load
    from verifier.claims.extract import extract

    alloy = entry.alloy
    try:
        path = store.fetch(
            repo=entry.repo, revision=entry.revision, path=alloy.path, sha256=alloy.sha256, size=alloy.size
        )
        made = extract(load(path), entry.name, pinned=alloy.sha256, repo=entry.repo)
    except EvidenceMissingError as error:
        found.missing.append(clean(error, 300))
    except AlloyError as error:
        found.problems.append(clean(error, 300))
    else:
        found.problems += differences(entry.claims, made)


def differences(recorded: "tuple[Claim, ...]", made: "tuple[Claim, ...]") -> list[str]:
    """Return where the claims on record and those that the alloy makes differ, one line each."""
    from verifier.catalog import claim_facts
    from verifier.report.expected import plain, same

    old = {fact["id"]: plain(fact) for fact in claim_facts(recorded)}
    new = {fact["id"]: plain(fact) for fact in claim_facts(made)}
    lines = [f"{clean(i)}: on record, but the alloy makes no such claim" for i in old if i not in new]
    lines += [f"{clean(i)}: the alloy makes this claim, but it is not on record" for i in new if i not in old]
    for claim in old.keys() & new.keys():
        lines += [
            f"{clean(claim)}: {key} is {value(old[claim][key], 80)} on record, "
            f"{value(new[claim][key], 80)} in the alloy"
            for key in old[claim]
            if not same(old[claim][key], new[claim][key])
        ]
    return sorted(lines)


def _check_verdicts(entry: "LockEntry", catalog: "Catalog", found: Check) -> None:
    from verifier.report.expected import read

    path = catalog.verdicts_path(entry)
    reviewed = read(path)
    if not reviewed:
        found.problems.append(f"no reviewed verdicts: expected {clean(path)}")
        return
    ids = {c.id for c in entry.claims}
    # Where a device decides the bytes, verdicts of tier 2 differ between reviewers' machines.
    needed = {c.id for c in entry.claims if c.tier is not Tier.REFORGE}
    found.problems += sorted(f"{clean(i)}: has no reviewed verdict" for i in needed - reviewed.keys())
    found.problems += sorted(
        f"{clean(i)}: has a reviewed verdict, but is no claim" for i in reviewed.keys() - ids
    )
