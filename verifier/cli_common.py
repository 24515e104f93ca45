"""What the subcommands share: options, exit codes, output files and progress."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.errors import UsageError
from verifier.report.text import clean
from verifier.verdicts import Tier, Verdict

if TYPE_CHECKING:
    from verifier.engine import Options
    from verifier.report.model import Report

Subparsers = argparse._SubParsersAction  # argparse has no public name for it
TIERS = tuple(Tier)

OK, REFUTED, BAD_USAGE, NOT_CHECKED, BROKE = range(5)


def add_command(
    subparsers: "Subparsers[argparse.ArgumentParser]",
    name: str,
    func: Callable[[argparse.Namespace], int],
    *,
    examples: Iterable[str],
    description: str,
) -> argparse.ArgumentParser:
    """Add a subcommand with its examples as epilog, and return its parser."""
    from verifier.cli import COMMANDS

    parser = subparsers.add_parser(
        name,
        help=next((c.help for c in COMMANDS if c.name == name), description),
        description=description,
        epilog="examples:\n" + "\n".join(f"  {e}" for e in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=func)
    return parser


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how claims are checked."""
    parser.add_argument("--offline", action="store_true", help="never ask the Hub; use cache and mirror only")
    parser.add_argument(
        "-j", "--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="parallel jobs"
    )
    parser.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run sample code even where the sandbox lacks layers; the report says so",
    )


def check_options(
    args: argparse.Namespace, progress: Callable[[str, int, int], None] | None = None
) -> "Options":
    """Return the library's options for a parsed command line."""
    from verifier.engine import Options

    return Options(
        offline=args.offline,
        jobs=args.jobs,
        unsafe_no_sandbox=args.unsafe_no_sandbox,
        catalog=getattr(args, "catalog", None),
        base=getattr(args, "base", None),
        reforge_minutes=getattr(args, "reforge_minutes", 60.0),
        on_progress=progress,
    )


def parse_tiers(text: str) -> tuple[int, ...]:
    """Return the tiers of a list such as ``1,3,4``, in order and without repeats.

    Raises:
        UsageError: empty, or a tier that this version does not check.
    """
    known = {str(int(t)): int(t) for t in TIERS}
    parts = [p.strip() for p in text.split(",") if p.strip()]
    for part in parts:
        if part not in known:
            raise UsageError(
                f"unknown tier: expected a list of {', '.join(known)}, found {clean(part, 40)!r}",
                remedy="1 is the recipe, 2 the re-forge, 3 the bytes, 4 the scores.",
            )
    if not parts:
        raise UsageError(f"no tier given: expected a list of {', '.join(known)}", remedy="Try --tier 1,3,4.")
    return tuple(sorted({known[p] for p in parts}))


def exit_code(report: "Report", *, strict: bool, tiers: Iterable[int]) -> int:
    """Return the exit code that a report calls for.

    A broken check weighs more than a refuted claim: what else is wrong cannot be known then.

    Args:
        report: what was found.
        strict: whether a claim of ``tiers`` that could not be checked counts.
        tiers: the tiers that were asked for.
    """
    wanted = frozenset(int(t) for t in tiers)
    checked = [c for a in report.artifacts for c in a.checked]
    verdicts = [c.outcome.verdict for c in checked]
    if Verdict.ERROR in verdicts:
        return BROKE
    if Verdict.REFUTED in verdicts:
        return REFUTED
    asked = [c.outcome.verdict for c in checked if int(c.claim.tier) in wanted]
    # An empty set of claims is never a pass.
    bare = not report.artifacts or any(not a.checked for a in report.artifacts)
    undecided = Verdict.UNVERIFIABLE in asked or Verdict.NOT_CHECKED in asked
    return NOT_CHECKED if strict and (bare or undecided) else OK


def check_writable(*targets: str | None) -> None:
    """Refuse output files that cannot be written, before any work is spent.

    Raises:
        UsageError: naming the file and why.
    """
    for target in targets:
        if target is None or target == "-":
            continue
        path = Path(target)
        if path.is_dir():
            raise UsageError(f"output file: expected a file name, found the folder {clean(target)}")
        if not path.parent.is_dir():
            raise UsageError(
                f"output file {clean(target)}: its folder does not exist", remedy="Make the folder first."
            )


def write_output(target: str, text: str) -> None:
    """Write ``text`` to a file, or to standard output for ``-``.

    Raises:
        UsageError: the file cannot be written.
    """
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"output file {clean(target)}: cannot be written ({error.strerror})") from error


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Give a progress callback: a bar on a terminal, one line per step elsewhere, None when quiet.

    Everything goes to standard error.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars() as update:
            yield update
    else:
        yield _lines()


def _lines() -> Callable[[str, int, int], None]:
    told: set[str] = set()

    def update(what: str, done: int, total: int) -> None:
        if what not in told:
            told.add(what)
            print(f"… {clean(what, 100)}", file=sys.stderr, flush=True)

    return update


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Label(TextColumn):
        """A label that is never read as markup."""

        def render(self, task: object) -> Text:
            return Text(clean(getattr(task, "description", ""), 60))

    console = Console(file=sys.stderr)
    columns = (Label(""), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[str, TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done, total=total or None, visible=done < total)

        yield update


def _jobs(text: str) -> int:
    try:
        jobs = int(text)
    except ValueError:
        jobs = 0
    if not 1 <= jobs <= 1024:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1024, found {clean(text, 40)!r}")
    return jobs
