"""The report as Markdown, for job summaries and pull requests.

Texts from documents stand in ``<code>`` with everything that Markdown or HTML could read as syntax
written as a character reference, so that a card can neither mention people nor plant links or images.
"""

from verifier.report.explain import compared, percent, share
from verifier.report.model import ArtifactReport, Checked, Report, ScoreRow
from verifier.report.text import clean, value
from verifier.runners.suspicion import NOTES
from verifier.verdicts import Verdict

_PLAIN = frozenset(" -/,+%=")
_MAX_ROWS = 200


def escape(text: str) -> str:
    """Return ``text`` such that no Markdown or HTML reader sees any syntax in it.

    Example:
        >>> escape("a|b <i> 88.4")
        'a&#124;b &#60;i&#62; 88.4'
    """
    return "".join(
        char if char.isalnum() or char in _PLAIN or _decimal_point(text, i) else f"&#{ord(char)};"
        for i, char in enumerate(text)
    )


def code(text: str) -> str:
    """Return ``text`` set as code, escaped."""
    return f"<code>{escape(text)}</code>"


def summary(report: Report) -> str:
    """Return counts per artifact, every claim that was refuted or whose check broke, and statistics."""
    lines = [
        "| artifact | " + " | ".join(v.value for v in Verdict) + " | share |",
        "| --- |" + " ---: |" * (len(Verdict) + 1),
        *(_row(artifact) for artifact in report.artifacts),
    ]
    for artifact in report.artifacts:
        lines += _refuted(artifact)
    for artifact in report.artifacts:
        lines += _statistics(artifact)
    return "\n".join(lines) + "\n"


def _statistics(artifact: ArtifactReport) -> list[str]:
    """Every recomputed score with its interval, then comparisons and notes on samples."""
    found = artifact.statistics
    rows = [row for row in found.rows if row.found is not None] if found else []
    if found is None or not rows:
        return []
    lines = [
        "",
        f"{code(clean(artifact.name, 80))}: what the scores can show",
        "",
        f"| benchmark | of | published | recomputed | {100 * found.level:g} % interval | solved |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *map(_score, rows[:_MAX_ROWS]),
    ]
    if len(rows) > _MAX_ROWS:
        lines.append(f"\n{len(rows) - _MAX_ROWS} more are in the JSON report.")
    notes = [f for f in artifact.findings if f.code in NOTES]
    listed = [compared(one) for one in found.comparisons] + [
        f"{f.severity.value}: {f.message}" for f in notes
    ]
    return [*lines, "", *(f"- {escape(clean(text, 400))}" for text in listed[:_MAX_ROWS])]


def _score(row: ScoreRow) -> str:
    interval = "none" if row.low is None or row.high is None else f"{percent(row.low)} to {percent(row.high)}"
    cells = (
        code(clean(row.benchmark, 80)),
        escape(clean(row.who, 80)),
        percent(row.claimed),
        percent(row.found),
        interval,
        f"{row.solved} of {row.answered}",
    )
    return "| " + " | ".join(cells) + " |"


def _decimal_point(text: str, i: int) -> bool:
    return text[i] == "." and text[i - 1 : i].isdigit() and text[i + 1 : i + 2].isdigit()


def _row(artifact: ArtifactReport) -> str:
    counts = artifact.counts()
    cells = [
        code(clean(artifact.name, 80)),
        *(str(counts[v]) for v in Verdict),
        share(counts, Verdict.VERIFIED),
    ]
    return "| " + " | ".join(cells) + " |"


def _refuted(artifact: ArtifactReport) -> list[str]:
    bad = [c for c in artifact.checked if c.outcome.verdict in (Verdict.REFUTED, Verdict.ERROR)]
    if not bad:
        return []
    head = [
        "",
        f"**{code(clean(artifact.name, 80))}**",
        "",
        "| claim | verdict | claimed | found | pointer | reason |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rest = [f"\n{len(bad) - _MAX_ROWS} more are in the JSON report."] if len(bad) > _MAX_ROWS else []
    return head + [_claim(c) for c in bad[:_MAX_ROWS]] + rest


def _claim(checked: Checked) -> str:
    claim, outcome = checked.claim, checked.outcome
    cells = (
        code(clean(claim.id)),
        outcome.verdict.value,
        code(value(claim.expected, 80)),
        code(value(outcome.found, 80)),
        code(clean(claim.pointer)),
        escape(clean(outcome.reason)),
    )
    return "| " + " | ".join(cells) + " |"
