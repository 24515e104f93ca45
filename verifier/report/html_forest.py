"""Published and recomputed scores with their intervals, one row each: a table with a forest plot in it.

Every row holds its own small drawing, whose coordinates are percentages: the plot is as wide as the page
allows while marks keep their shape. Every number that is drawn stands beside it as text.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from verifier.report.explain import percent
from verifier.report.html_text import text
from verifier.report.model import ScoreRow, Statistics

_HEIGHT = 26
_HEADS = ("score of", "published", "recomputed", "solved", "can show", "verdict")


@dataclass(frozen=True, slots=True)
class _Axis:
    """From ``low`` to ``high``, both fractions of 100 %, with a line at every ``step``."""

    low: float
    high: float
    step: float

    def at(self, share: float) -> str:
        """Where a share lies, in percent of the plot's width; what lies outside is drawn at the edge."""
        place = (min(max(share, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{100 * place:.2f}%"

    def ticks(self) -> Iterator[float]:
        """Shares with a line."""
        for number in range(round((self.high - self.low) / self.step) + 1):
            yield self.low + number * self.step


def forest(statistics: Statistics) -> str:
    """Return the figure; empty without scores."""
    if not statistics.rows:
        return ""
    axis = _axis(s for r in statistics.rows for s in (r.claimed, r.found, r.low, r.high) if s is not None)
    by_name: dict[str, list[ScoreRow]] = {}
    for row in statistics.rows:
        by_name.setdefault(row.benchmark, []).append(row)
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    level = f"{100 * statistics.level:g} %"
    return (
        '<figure class="forest"><figcaption><b>Published and recomputed scores</b> '
        f'<span class="key">{_drawing(_diamond("50%"), "20")} published</span> '
        f'<span class="key">{_drawing(_whisker("2%", "98%") + _dot("50%"), "48")} recomputed from the'
        f" samples, with its {level} interval</span></figcaption>\n"
        f'<div class="wide"><table><thead><tr>{heads}<th class="plot">{_scale(axis)}</th></tr></thead>\n'
        + "".join(_group(name, rows, axis) for name, rows in by_name.items())
        + "</table></div>\n<p>Can show: the smallest difference of two models, in points, that so many"
        " problems are likely to reveal.</p></figure>\n"
    )


def _axis(shares: Iterable[float]) -> _Axis:
    """Round numbers around every share; word error rates and the like may lie outside of 0 to 100 %."""
    inside = [min(max(share, 0.0), 1.0) for share in shares] or [0.0, 1.0]
    span = max(inside) - min(inside)
    step = 0.05 if span <= 0.3 else 0.1 if span <= 0.6 else 0.2
    low = max(0.0, step * math.floor(min(inside) / step - 0.1))
    high = min(1.0, step * math.ceil(max(inside) / step + 0.1))
    return _Axis(round(low, 4), round(high, 4), step)


def _group(name: str, rows: list[ScoreRow], axis: _Axis) -> str:
    head = (
        f'<tr class="group"><th scope="rowgroup" colspan="{len(_HEADS)}">{text(name, 80)}</th>'
        f'<td class="plot">{_drawing(_lines(axis))}</td></tr>\n'
    )
    return f"<tbody>{head}{''.join(_row(row, axis) for row in rows)}</tbody>\n"


def _row(row: ScoreRow, axis: _Axis) -> str:
    found = percent(row.found)
    if row.low is not None and row.high is not None:
        found += f" <small>{100 * row.low:.1f} to {100 * row.high:.1f}</small>"
    solved = f"{row.solved} of {row.answered}" if row.samples else "no samples"
    open_ = f", {row.undecided} undecided" if row.undecided else ""
    shown = "" if row.smallest is None else f"{100 * row.smallest:.1f}"
    name = f"{row.claim}, {row.pointer}{': ' + row.metric if row.metric else ''}"
    return (
        f'<tr title="{text(name, 400)}"><th scope="row">{text(row.who, 80)}</th>'
        f'<td class="number">{percent(row.claimed)}</td>'
        f'<td class="number">{found if row.samples else ""}</td><td class="number">{solved}{open_}</td>'
        f'<td class="number">{shown}</td>'
        f'<td><span class="badge v-{row.verdict.value}">{row.verdict.value}</span></td>'
        f'<td class="plot">{_drawing(_lines(axis) + _marks(row, axis))}</td></tr>\n'
    )


def _marks(row: ScoreRow, axis: _Axis) -> str:
    marks = ""
    if row.low is not None and row.high is not None:
        marks += _whisker(axis.at(row.low), axis.at(row.high))
    if row.found is not None:
        marks += _dot(axis.at(row.found))
    return marks + (_diamond(axis.at(row.claimed)) if row.claimed is not None else "")


def _scale(axis: _Axis) -> str:
    labels = "".join(
        f'<text x="{axis.at(share)}" y="16" text-anchor="middle">{100 * share:.0f}</text>'
        for share in axis.ticks()
    )
    return _drawing(labels)


def _lines(axis: _Axis) -> str:
    return "".join(
        f'<line class="tick" x1="{axis.at(s)}" x2="{axis.at(s)}" y1="0" y2="100%"/>' for s in axis.ticks()
    )


def _drawing(content: str, width: str = "100%") -> str:
    # The numbers stand beside it, so a reader that cannot see it misses nothing.
    return f'<svg width="{width}" height="{_HEIGHT}" aria-hidden="true" overflow="visible">{content}</svg>'


def _whisker(low: str, high: str) -> str:
    ends = "".join(f'<line class="whisker" x1="{x}" x2="{x}" y1="9" y2="17"/>' for x in (low, high))
    return f'<line class="whisker" x1="{low}" x2="{high}" y1="13" y2="13"/>{ends}'


def _dot(x: str) -> str:
    return f'<circle class="found" cx="{x}" cy="13" r="5"/>'


def _diamond(x: str) -> str:
    # A drawing of its own, since a path knows no percentages. Hollow: the dot below stays visible.
    return f'<svg x="{x}" y="13" overflow="visible"><path class="claimed" d="M0-8 8 0 0 8-8 0z"/></svg>'
