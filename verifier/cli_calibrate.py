"""``alloy calibrate``: does a card's pipeline reproduce the known score of the base model?"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from verifier.cli_common import (
    NOT_CHECKED,
    OK,
    REFUTED,
    Subparsers,
    add_check_options,
    add_command,
    check_options,
    check_writable,
    progress,
    write_output,
)
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.report.text import clean, encode, value
from verifier.verdicts import JSON

if TYPE_CHECKING:
    from decimal import Decimal

    from verifier.engine import Options
    from verifier.evidence.store import EvidenceStore
    from verifier.targets import Target
    from verifier.tiers.arithmetic import Interval
    from verifier.tiers.calibration import Calibration

SCHEMA = "alloy-calibration/1"
_HEAD = ("anchor", "benchmark", "published", "measured", "difference", "tolerance", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One artifact's anchors.

    Attributes:
        name: of the artifact.
        alloy_hash: first 16 hex digits of the sha256 of its alloy; None if that was not at hand.
        anchors: what its base samples say about each.
        missing: why the alloy was not at hand.
    """

    name: str
    alloy_hash: str | None
    anchors: "tuple[Calibration, ...]" = ()
    missing: str = ""


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``calibrate`` to the command line."""
    parser = add_command(
        subparsers,
        "calibrate",
        run_calibrate,
        description=(
            "Score the base model's own samples again, and hold the result against the score that the card\n"
            "cites for it (calibrationAnchor), or that a prior baseline starts from (anchorReproduction).\n"
            "Each anchor is passed, failed, or impossible to say, with the reason. The tolerance is the\n"
            "card's, or 3.0 points. Exit code 1 if an anchor failed; 3 with --strict if one is impossible\n"
            "to say, or there is none."
        ),
        examples=(
            "alloy calibrate some/folder",
            "alloy calibrate olmoe-1b-7b-compacted-5b --offline",
            "alloy calibrate owner/repository --json calibration.json --strict",
            "alloy calibrate some/folder --json - | python -m json.tool",
        ),
    )
    parser.add_argument(
        "targets", nargs="+", metavar="TARGET", help="catalog name, folder, alloy file or Hub id"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.add_argument("--strict", action="store_true", help="exit 3 unless every anchor passed")
    add_check_options(parser)


def run_calibrate(args: argparse.Namespace) -> int:
    """Run ``alloy calibrate`` and return its exit code.

    Raises:
        UsageError: unknown target, or an output file that cannot be written.
        DocumentError: a target is no readable alloy.
        JudgeError: a judge broke.
    """
    from verifier.engine import resolve
    from verifier.evidence.store import open_store

    check_writable(args.json)
    with progress(quiet=args.json == "-") as on_progress:
        options = check_options(args, on_progress)
        store = open_store(options.offline)
        found = [_calibrate(target, options, store) for target in resolve(args.targets, options)]
    show(found, sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        write_output(args.json, "".join(encode(document(found), indent=1)) + "\n")
    return exit_code(found, strict=args.strict)


def _calibrate(target: "Target", options: "Options", store: "EvidenceStore") -> Calibrated:
    from verifier.engine import opened
    from verifier.tiers.calibration import calibrate

    try:
        with opened(target, options, store=store) as context:
            hashed = context.alloy.alloy_hash
            return Calibrated(name=target.name, alloy_hash=hashed, anchors=calibrate(context))
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        if target.entry is None:
            raise
        missing = f"the alloy is not at hand: {error} {error.remedy}".strip()
        return Calibrated(name=target.name, alloy_hash=None, missing=missing)


def exit_code(found: Sequence[Calibrated], *, strict: bool) -> int:
    """The exit code that anchors call for: 1 if one failed; with ``strict``, 3 unless all passed."""
    from verifier.tiers.calibration import State

    states = [anchor.state for one in found for anchor in one.anchors]
    if State.FAILED in states:
        return REFUTED
    # No anchor at all is never a pass.
    open_ = State.IMPOSSIBLE in states or any(not one.anchors for one in found)
    return NOT_CHECKED if strict and open_ else OK


def show(found: Sequence[Calibrated], file: TextIO) -> None:
    """Write a table of anchors for each artifact, and the reason below each row."""
    for one in found:
        print(f"{clean(one.name, 80)} ({clean(one.alloy_hash or 'not at hand')})", file=file)
        if not one.anchors:
            print(f"  {clean(one.missing or 'the card has no anchor', 1000)}", file=file)
        else:
            print("\n".join(_table(one.anchors)), file=file)


def _table(anchors: "Sequence[Calibration]") -> Iterator[str]:
    rows = [_HEAD, *(_row(one) for one in anchors)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ["  " + "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    yield lines[0].rstrip()
    for line, one in zip(lines[1:], anchors, strict=True):
        yield line.rstrip()
        wide = "; the card's own tolerance is wider than usual" if one.wide else ""
        yield f"    at {clean(one.anchor.pointer)}: {clean(one.reason, 1000)}{wide}"


def _row(one: "Calibration") -> tuple[str, ...]:
    difference = one.difference
    return (
        one.anchor.kind,
        clean(one.anchor.benchmark or "?", 40),
        "-" if one.published is None else value(one.published, 40),
        "-" if one.measured is None else str(one.measured),
        "-" if difference is None else f"{difference:+.2f}",
        f"{one.tolerance}{'' if one.stated else ' (default)'}",
        one.state.value,
    )


def document(found: Sequence[Calibrated]) -> dict[str, JSON]:
    """The result as JSON values; scores in percent, differences and tolerances in points."""
    states = [anchor.state.value for one in found for anchor in one.anchors]
    return {
        "schema": SCHEMA,
        "counts": {name: states.count(name) for name in ("passed", "failed", "impossible")},
        "artifacts": [
            {
                "name": one.name,
                "alloyHash": one.alloy_hash,
                "missing": one.missing or None,
                "anchors": [_anchor(anchor) for anchor in one.anchors],
            }
            for one in found
        ],
    }


def _anchor(one: "Calibration") -> dict[str, JSON]:
    return {
        "pointer": one.anchor.pointer,
        "kind": one.anchor.kind,
        "model": one.anchor.model,
        "benchmark": one.anchor.benchmark,
        "state": one.state.value,
        "reason": one.reason,
        "published": one.published,
        "measured": _span(one.measured),
        "difference": _number(one.difference),
        "tolerance": _number(one.tolerance),
        "toleranceStated": one.stated,
        "wideTolerance": one.wide,
        "method": one.method or None,
        "digests": dict(one.digests),
    }


def _span(measured: "Interval | None") -> JSON:
    if measured is None:
        return None
    return {"low": _number(measured.low), "high": _number(measured.high)}


def _number(number: "Decimal | None") -> JSON:
    return None if number is None else round(float(number), 4)
