"""The report as a table per artifact, for people at a terminal.

Texts from documents become ``rich.text.Text`` after :func:`verifier.report.text.clean`; they are never
parsed as markup.
"""

import os
from typing import TYPE_CHECKING, TextIO

from verifier.report.explain import compared, one_line, share
from verifier.report.model import ArtifactReport, Checked, Report
from verifier.report.text import clean, value
from verifier.runners.suspicion import NOTES
from verifier.verdicts import Severity, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {
    Verdict.VERIFIED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.UNVERIFIABLE: "yellow",
    Verdict.NOT_CHECKED: "cyan",
    Verdict.ERROR: "bold magenta",
}

_PIPE_WIDTH = 160
_FEW = 3  # artifacts up to which comparisons are shown unasked
_WIDE = 110  # columns of a terminal from which on hashes fit beside names


def show(report: Report, file: TextIO, verbose: bool = False) -> None:
    """Write the report to ``file``.

    Colour appears on a terminal alone, and not where ``NO_COLOR`` is set.

    Args:
        report: what was found.
        file: text stream to write to.
        verbose: show every claim, not just those that were refuted or could not be computed.
    """
    console = _console(file)
    console.print(_summary(report, hashes=console.width >= _WIDE))
    for artifact in report.artifacts:
        _details(console, artifact, verbose, compare=verbose or len(report.artifacts) <= _FEW)
    _total(console, report)


def _console(file: TextIO) -> "Console":
    from rich.console import Console

    class Plain(Console):
        """A console that leaves a closed pipe to the command line: rich would exit with 1, "refuted"."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    terminal = file.isatty()
    return Plain(
        file=file,
        force_terminal=terminal,
        no_color=not terminal or bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not terminal,
        width=None if terminal else _PIPE_WIDTH,
    )


def _summary(report: Report, hashes: bool) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("artifact", overflow="fold", min_width=12)
    if hashes:
        table.add_column("alloy hash", no_wrap=True)
    for verdict in Verdict:
        table.add_column(verdict.value, justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for artifact in report.artifacts:
        counts = artifact.counts()
        cells = [Text(str(counts[v]), style=STYLES[v] if counts[v] else "dim") for v in Verdict]
        if hashes:
            cells.insert(0, Text(clean(artifact.alloy_hash) if artifact.alloy_hash else "not at hand"))
        table.add_row(Text(clean(artifact.name, 80)), *cells, share(counts, Verdict.VERIFIED))
    return table


def _details(console: "Console", artifact: ArtifactReport, verbose: bool, compare: bool) -> None:
    from rich.text import Text

    bad = (Verdict.REFUTED, Verdict.ERROR)
    shown = [c for c in artifact.checked if verbose or c.outcome.verdict in bad]
    loose = [f for f in artifact.findings if verbose or (f.claim_id is None and f.code not in NOTES)]
    pairs = artifact.statistics.comparisons if artifact.statistics and compare else ()
    remarks = "" if verbose else _remarks(artifact, compare)
    if not shown and not loose and not pairs and not remarks and artifact.checked:
        return
    console.print(Text(clean(artifact.name, 80), style="bold"))
    if not artifact.checked:
        console.print(Text("  makes no claim of the tiers asked for, so nothing was checked", style="yellow"))
    for checked in shown:
        console.print(_line(checked), soft_wrap=True)
    for pair in pairs:
        console.print(
            Text(f"  {compared(pair)}", style="" if pair.distinguishable else "dim"), soft_wrap=True
        )
    if remarks:
        console.print(Text(f"  {remarks}", style="yellow"), soft_wrap=True)
    for finding in loose:
        style = "red" if finding.severity is Severity.ERROR else "yellow"
        line = Text("  ").append(f"{finding.severity.value} {clean(finding.code)}", style=style)
        line.append(f": {clean(finding.message, 400)}{_values(finding.claimed, finding.found)}")
        console.print(line.append(f", at {clean(finding.pointer or 'the document root')}"), soft_wrap=True)
    console.print()


def _remarks(artifact: ArtifactReport, everything: bool) -> str:
    """Notes on samples in one line; of many artifacts just the warnings."""
    found = [f for f in artifact.findings if f.code in NOTES]
    told = [f for f in found if everything or f.severity is Severity.WARNING]
    codes = ", ".join(dict.fromkeys(f.code for f in told))
    return (
        f"samples worth a look: {codes} ({len(told)} note{'s' * (len(told) > 1)}, shown by -v)"
        if told
        else ""
    )


def _values(claimed: object, found: object) -> str:
    if claimed is None and found is None:
        return ""
    return f" (claimed {value(claimed, 80)}, found {value(found, 80)})"


def _line(checked: Checked) -> "Text":
    from rich.text import Text

    verdict = checked.outcome.verdict
    line = Text("  ").append(f"{verdict.value:<12}", style=STYLES[verdict]).append(" ")
    return line.append(one_line(checked))


def _total(console: "Console", report: Report) -> None:
    from rich.text import Text

    counts = report.counts()
    line = Text(f"{len(report.artifacts)} artifact{'' if len(report.artifacts) == 1 else 's'}, ")
    line.append(f"{sum(counts.values())} claims: ")
    for number, verdict in enumerate(Verdict):
        line.append(", " if number else "")
        line.append(f"{counts[verdict]} {verdict.value}", style=STYLES[verdict] if counts[verdict] else "dim")
    console.print(line, soft_wrap=True)
