"""``alloy verify``: the main job."""

import argparse
import os
import sys
from pathlib import Path

from verifier.cli_common import (
    Subparsers,
    add_check_options,
    add_command,
    check_options,
    check_writable,
    exit_code,
    parse_tiers,
    progress,
    write_output,
)
from verifier.errors import UsageError
from verifier.report.text import clean
from verifier.verdicts import Tier

_DESCRIPTION = """\
Verify artifacts claim by claim. A TARGET is a catalog name, a folder that holds an alloy and what it
points to, an *.alloy.json file, or a Hub repository id; without one, the whole catalog is verified.

exit codes (the first that applies): 4 a check itself broke, 2 bad usage or unreadable input,
1 something is refuted, 3 with --strict something could not be checked, 0 nothing is refuted"""


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``verify`` to the command line."""
    parser = add_command(
        subparsers,
        "verify",
        run_verify,
        description=_DESCRIPTION,
        examples=(
            "alloy verify --catalog reference --offline",
            "alloy verify olmoe-1b-7b-compacted-5b --tier 1,3 -v",
            "alloy verify some/folder --json report.json --html report.html",
            "alloy verify owner/repository --strict",
            "alloy verify some/folder --tier 2 --base models/base",
            "alloy verify --json - -q | python -m json.tool",
        ),
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to verify (default: the catalog)")
    parser.add_argument("--catalog", metavar="NAME", help="reference or published (default: both)")
    parser.add_argument("--tier", default="1,3,4", metavar="LIST", help="tiers to check (default: 1,3,4)")
    parser.add_argument(
        "--base", type=Path, metavar="FOLDER", help="tier 2: the base model of the one target"
    )
    parser.add_argument(
        "--reforge-minutes",
        type=_minutes,
        default=60.0,
        metavar="N",
        help="tier 2: longest time for one recipe that trains or profiles (default: 60)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON (- for standard output)")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML page")
    parser.add_argument("--markdown", metavar="FILE", help="write a summary as Markdown")
    parser.add_argument("--strict", action="store_true", help="exit 3 if a claim could not be checked")
    add_check_options(parser)
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="show every claim")
    loudness.add_argument("-q", "--quiet", action="store_true", help="no progress and no table")


def run_verify(args: argparse.Namespace) -> int:
    """Run ``alloy verify`` and return its exit code.

    Raises:
        UsageError: unknown tier, catalog or target, or an output file that cannot be written.
        DocumentError: a target is no readable alloy.
    """
    from verifier.engine import verify
    from verifier.report.terminal import show

    tiers = parse_tiers(args.tier)
    check_catalog(args.catalog)
    _check_base(args, tiers)
    outputs = (args.json, args.html, args.markdown)
    if outputs.count("-") > 1:
        raise UsageError("more than one report for standard output", remedy="Give - only once.")
    check_writable(*outputs)
    _spare_retries(args)
    with progress(args.quiet) as on_progress:
        report = verify(args.targets or None, tiers=tiers, options=check_options(args, on_progress))
    if not args.quiet:
        show(report, sys.stderr if "-" in outputs else sys.stdout, args.verbose)
    if args.json:
        from verifier.report.json import dumps

        write_output(args.json, dumps(report))
    if args.html:
        from verifier.report.html import page

        write_output(args.html, page(report))
    if args.markdown:
        from verifier.report.markdown import summary

        write_output(args.markdown, summary(report))
    return exit_code(report, strict=args.strict, tiers=tiers)


def _minutes(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError(text)
    return value


def _check_base(args: argparse.Namespace, tiers: tuple[int, ...]) -> None:
    if args.base is None:
        return
    if Tier.REFORGE not in tiers or len(args.targets) != 1:
        raise UsageError(
            "--base: expected exactly one TARGET and tier 2, whose recipe starts from that model",
            remedy="for example: alloy verify some/folder --tier 2 --base models/base",
        )
    if not args.base.is_dir():
        raise UsageError(f"--base: expected a folder with a model, found none at {clean(args.base, 200)!r}")


def _spare_retries(args: argparse.Namespace) -> None:
    """Go offline, and say so, where a run over the catalog would ask an unreachable Hub again and again."""
    if args.offline or args.targets or args.catalog == "reference" or os.environ.get("ALLOY_MIRROR"):
        return
    from verifier.catalog import Catalog
    from verifier.hub_probe import unreachable

    repo = next((e.repo for e in Catalog.find().entries(args.catalog) if e.repo), None)
    why = unreachable(repo) if repo else None
    if why:
        print(f"note: {clean(why, 300)}; going on as with --offline", file=sys.stderr)
        args.offline = True


def check_catalog(name: str | None) -> None:
    """Refuse a catalog that does not exist.

    Raises:
        UsageError: naming the two that do.
    """
    if name not in (None, "reference", "published"):
        raise UsageError(
            f"unknown catalog: expected reference or published, found {clean(name, 40)!r}",
            remedy="Leave --catalog out to use both.",
        )
