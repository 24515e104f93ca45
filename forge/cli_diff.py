"""``alloy diff``: what differs between two folders of weights, or two files."""

import argparse
import sys
from typing import TYPE_CHECKING

from verifier.cli_common import Subparsers, add_command, check_writable, progress, write_output
from verifier.report.text import clean

if TYPE_CHECKING:
    from forge.diff import Difference

SAME, DIFFERENT = 0, 1

_DESCRIPTION = """\
Tell what differs between two folders of weights, or between two safetensors or GGUF files: files, tensors,
the first differing byte of each, by how much values differ, and where. Nothing is held in memory as a whole.

exit codes: 0 the same, byte for byte; 1 something differs; 2 bad usage or unreadable input"""


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``diff`` to the command line."""
    parser = add_command(
        subparsers,
        "diff",
        run_diff,
        description=_DESCRIPTION,
        examples=(
            "alloy diff base/ forged/",
            "alloy diff a/model.safetensors b/model.safetensors --top 50",
            "alloy diff base/ forged/ --plot difference.png --json difference.json",
            "alloy diff base/ forged/ -q && echo the same",
        ),
    )
    parser.add_argument("a", metavar="A", help="folder or file; differences are relative to it")
    parser.add_argument("b", metavar="B", help="the other folder or file")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON (- for standard output)")
    parser.add_argument("--plot", metavar="FILE", help="draw the difference per layer (.png or .svg)")
    parser.add_argument("--top", type=_top, default=10, metavar="N", help="how many to list (default: 10)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no text")


def run_diff(args: argparse.Namespace) -> int:
    """Run ``alloy diff``: 0 if both sides are the same, 1 if they differ.

    Raises:
        UsageError: nothing there, or an output file that cannot be written.
        DocumentError: a malformed safetensors file.
        EvidenceMissingError: ``--plot`` without matplotlib.
    """
    from forge.diff import compare
    from forge.diff_plot import check_format, plot, require
    from forge.diff_stats import available

    check_writable(args.json, args.plot)
    if args.plot:
        check_format(args.plot)
        require()
    measured = available()
    with progress(args.quiet) as on_progress:
        more = {"on_progress": on_progress} if on_progress else {}
        found = compare(args.a, args.b, statistics=measured, **more)
    if not args.quiet:
        _show(found, args.top, measured, to_error=args.json == "-")
    if args.json:
        import json

        from forge.diff_report import document

        write_output(args.json, json.dumps(document(found), indent=1, allow_nan=False) + "\n")
    if args.plot:
        plot(found, args.plot)
    return SAME if found.same else DIFFERENT


def _show(found: "Difference", top: int, measured: bool, *, to_error: bool) -> None:
    from forge.diff_report import lines

    stream = sys.stderr if to_error else sys.stdout
    for line in lines(found, top):
        print(line, file=stream)
    if not measured and not found.same:
        print("no statistics: numpy is missing; pip install 'alloy-verifier[plot]'", file=stream)


def _top(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 100000, found {clean(text, 40)!r}")
    return int(text)
