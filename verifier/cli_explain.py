"""``alloy explain``: one claim in full."""

import argparse
import difflib
from typing import TYPE_CHECKING

from verifier.cli_common import (
    TIERS,
    Subparsers,
    add_check_options,
    add_command,
    check_options,
    exit_code,
    progress,
)
from verifier.errors import UsageError
from verifier.report.explain import meaning
from verifier.report.text import clean, value

if TYPE_CHECKING:
    from verifier.report.model import Checked
    from verifier.targets import Target

_LONG = 1000


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``explain`` to the command line."""
    parser = add_command(
        subparsers,
        "explain",
        run_explain,
        description="Tell what one claim says, what decides it, and what is found when it is checked now.",
        examples=(
            "alloy explain olmoe-1b-7b-compacted-5b-humaneval_plus-base-score",
            "alloy explain folder-name-model-hash --target some/folder",
        ),
    )
    parser.add_argument("claim", metavar="CLAIM-ID", help="id of a claim, as verify -v and pytest show it")
    parser.add_argument("--target", metavar="TARGET", help="where the claim stands (default: the catalog)")
    add_check_options(parser)


def run_explain(args: argparse.Namespace) -> int:
    """Run ``alloy explain`` and return the exit code that the one claim calls for.

    Raises:
        UsageError: no such claim; close ones are named.
    """
    from verifier.engine import resolve, verify_target
    from verifier.report.model import Report

    targets = resolve([args.target] if args.target else None, check_options(args))
    target, tier = _find(args.claim, targets)
    tiers = tuple(int(t) for t in TIERS) if tier is None else (tier,)
    with progress(quiet=False) as on_progress:
        artifact = verify_target(target, tiers, check_options(args, on_progress), frozenset({args.claim}))
    checked = next((c for c in artifact.checked if c.claim.id == args.claim), None)
    if checked is None:
        raise _unknown(args.claim, _ids(target))
    print(explanation(checked))
    report = Report(artifacts=(artifact,), environment={})
    return exit_code(report, strict=False, tiers=tiers)


def explanation(checked: "Checked") -> str:
    """Return everything known about a claim, one fact a line."""
    claim, outcome = checked.claim, checked.outcome
    lines = [
        clean(claim.id, _LONG),
        f"  says        {clean(claim.statement, _LONG)}",
        f"  claimed     {value(claim.expected, _LONG)}",
        f"  stands at   {clean(claim.pointer or 'the document root', _LONG)}",
        f"  decided by  tier {int(claim.tier)}, {clean(claim.kind)}"
        + (f", {clean(outcome.method, _LONG)}" if outcome.method else ""),
        *(f"  rests on    {clean(pointer, _LONG)}" for pointer in claim.inputs),
        *(f"  evidence    {clean(what)} {clean(digest)}" for what, digest in outcome.digests),
        f"  found       {value(outcome.found, _LONG)}",
        f"  verdict     {outcome.verdict.value}: {meaning(outcome.verdict)}",
        f"  because     {clean(outcome.reason, _LONG)}",
    ]
    for finding in outcome.findings:
        lines.append(f"  finding     {clean(finding.code)}: {clean(finding.message, _LONG)}")
        if finding.remedy:
            lines.append(f"  to mend     {clean(finding.remedy, _LONG)}")
    return "\n".join(lines)


def _find(claim_id: str, targets: "list[Target]") -> "tuple[Target, int | None]":
    """Return where the claim stands, and its tier if a lock entry tells it."""
    ids = []
    for target in targets:
        if target.entry is None:
            return target, None  # not in the catalog: only checking it tells its claims
        for claim in target.entry.claims:
            if claim.id == claim_id:
                return target, int(claim.tier)
            ids.append(claim.id)
    raise _unknown(claim_id, ids)


def _ids(target: "Target") -> list[str]:
    """Return all claim ids of an artifact on disk; none of one on the Hub, to spare a second download."""
    from verifier.alloy.parse import load
    from verifier.claims.extract import extract

    return [c.id for c in extract(load(target.path), target.name)] if target.path else []


def _unknown(claim_id: str, ids: list[str]) -> UsageError:
    close = difflib.get_close_matches(claim_id[:300], ids, n=5, cutoff=0.5)
    near = "; close ones are " + ", ".join(clean(c) for c in close) if close else ""
    return UsageError(
        f"unknown claim: expected the id of one of {len(ids)} claims, found {clean(claim_id)}{near}",
        remedy="alloy verify -v lists the ids of all claims.",
    )
