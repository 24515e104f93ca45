"""``alloy gate``: judge what a change does to the catalog."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.cli_common import parse_tiers

if TYPE_CHECKING:
    from verifier.gate import GateResult

_DESCRIPTION = """\
Verify just the catalog entries that a change touches (the commits between the merge base with REV and
HEAD), and refuse a change to a pinned digest, revision, claimed value or expected verdict, or a deleted
entry, unless the entry's "reasons" list gains a sentence in the same change. A claim that is refuted as
reviewed is accepted; a verdict that differs from the reviewed snapshot is not."""

_EPILOG = """\
examples:
  alloy gate --base origin/main
  alloy gate --base main --summary gate.md --json gate.json --annotations none
  alloy gate --base HEAD~1 --tier 1,3 --offline

In a workflow the summary also goes to $GITHUB_STEP_SUMMARY and problems become annotations.
exit codes: 0 accepted or nothing to do, 1 refused, 2 bad usage or an unreadable entry, 4 a check broke"""


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``gate`` to the command line.

    Args:
        subparsers: the subcommands of ``alloy``.
    """
    parser = subparsers.add_parser(
        "gate",
        help="judge what a change does to the catalog (for pull requests)",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--base", required=True, metavar="REV", help="revision that the change is to be merged into"
    )
    parser.add_argument("--tier", default="1,3,4", metavar="LIST", help="tiers to verify on (default: 1,3,4)")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the Markdown summary there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the answer as JSON there")
    parser.add_argument(
        "--annotations",
        choices=("github", "none"),
        default="github" if os.environ.get("GITHUB_ACTIONS") == "true" else "none",
        help="show problems at the lock entry's line (default: github inside a workflow, else none)",
    )
    parser.add_argument("--offline", action="store_true", help="never ask the Hub")
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="parallel jobs"
    )
    parser.set_defaults(func=run_gate)


def run_gate(args: argparse.Namespace) -> int:
    """Run ``alloy gate``.

    Args:
        args: the parsed command line.

    Returns:
        The exit code: 0 accepted or nothing to do, 1 refused, 2 an unreadable entry, 4 a check broke.

    Raises:
        UsageError: no repository, unknown revision or tier, or a file that cannot be written.
    """
    from verifier.catalog import Catalog
    from verifier.engine import Options
    from verifier.gate import gate

    tiers = parse_tiers(args.tier)
    options = Options(offline=args.offline, jobs=max(1, args.jobs))
    result = gate(args.base, catalog=Catalog.find().root, tiers=tiers, options=options)
    _write(result, args)
    return result.exit_code()


def _write(result: "GateResult", args: argparse.Namespace) -> None:
    from verifier.gate_text import annotations, as_json, markdown

    summary = markdown(result)
    if args.summary:
        _save(args.summary, summary, "w")
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    if step:
        _save(Path(step), summary, "a")
    if args.json:
        _save(args.json, as_json(result), "w")
    if args.annotations == "github":
        for line in annotations(result):
            print(line)
    sys.stdout.write(summary)


def _save(path: Path, text: str, mode: str) -> None:
    from verifier.errors import UsageError

    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be written, found {error.strerror}") from error
