"""The fate of every problem: a column for each problem, a row for each model, and what flipped by name.

Fates differ in sign, lightness and hue, so that paper in black and white and every kind of colour vision tell
them apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from verifier.report.explain import compared
from verifier.report.html_text import text
from verifier.report.model import ArtifactReport, Comparison
from verifier.verdicts import JSON

Statuses = Mapping[str, Mapping[str, JSON]]

LINE = 40
"""Problems in a line of the grid."""
MAX_PROBLEMS = 5000
"""Problems that a grid shows; the JSON report has all."""

_FATES = {
    "pass": ("✓", "solved"),
    "fail": ("\N{MULTIPLICATION SIGN}", "not solved"),
    "timeout": ("◷", "out of time"),
    "fooled": ("!", "passes the official judge, not the isolated one"),
    "open": ("?", "undecided on this machine"),
    "none": ("", "no answer"),
}


@dataclass(frozen=True, slots=True)
class _Model:
    """A row of a grid: a name, and a status by problem."""

    who: str
    tasks: Statuses


def grids(artifact: ArtifactReport) -> str:
    """Return a figure for each benchmark whose samples were scored."""
    by_benchmark: dict[str, list[_Model]] = {}
    known = set()
    for file in artifact.statistics.files if artifact.statistics else ():
        if file.samples in artifact.scores:
            known.add(file.samples)
            by_benchmark.setdefault(file.benchmark, []).append(
                _Model(file.who, artifact.scores[file.samples])
            )
    # Samples of which no published score is known, each by itself.
    others = {k: [_Model("samples", tasks)] for k, tasks in sorted(artifact.scores.items()) if k not in known}
    pairs = artifact.statistics.comparisons if artifact.statistics else ()
    return "".join(
        _figure(name, models, [pair for pair in pairs if pair.benchmark == name])
        for name, models in [*by_benchmark.items(), *others.items()]
    )


def fate(status: Mapping[str, JSON] | None) -> str:
    """Return which fate a status is, as a CSS class."""
    if status is None:
        return "none"
    confirmed, official = status.get("confirmed"), status.get("official")
    if confirmed is not False:
        return "open" if confirmed is None else "pass"
    return {"pass": "fooled", "timeout": "timeout"}.get(str(official), "fail")


def natural(task: str) -> tuple[str, int, str]:
    """Sort HumanEval/2 before HumanEval/10. Digits of other scripts count as letters."""
    head = task.rstrip("0123456789")
    digits = task[len(head) :][-18:]
    return head, int(digits) if digits else -1, task


def _figure(name: str, models: Sequence[_Model], pairs: Sequence[Comparison]) -> str:
    tasks = sorted({task for model in models for task in model.tasks}, key=natural)
    shown = tasks[:MAX_PROBLEMS]
    more = f" The first {MAX_PROBLEMS} of them are shown." if len(tasks) > MAX_PROBLEMS else ""
    flips = _flips(pairs)
    lines = "".join(_line(shown[start : start + LINE], models, flips) for start in range(0, len(shown), LINE))
    return (
        f'<figure class="problems"><figcaption><b>{text(name, 200)}, problem by problem</b> '
        f"<span>{len(tasks)} problems; {_solved(models)}.{more}</span><div>{_legend(models, pairs)}</div>"
        f'</figcaption>\n<div class="lines">{lines}</div>\n{_compared(pairs, models)}</figure>\n'
    )


def _solved(models: Iterable[_Model]) -> str:
    return ", ".join(
        f"{text(m.who, 80)} solves {sum(s.get('confirmed') is True for s in m.tasks.values())}"
        f" of {len(m.tasks)}"
        for m in models
    )


def _legend(models: Sequence[_Model], pairs: Sequence[Comparison]) -> str:
    tasks = {task for model in models for task in model.tasks}
    present = {fate(model.tasks.get(task)) for model in models for task in tasks}
    keys = [
        f'<span class="key"><i class="{name}">{sign}</i> {words}</span>'
        for name, (sign, words) in _FATES.items()
        if name in present
    ]
    if pairs:
        up, down = text(pairs[0].first.who, 80), text(pairs[0].second.who, 80)
        keys.append(f'<span class="key">▲ solved by {up} and not {down}, ▼ by {down} and not {up}</span>')
    return " ".join(keys)


def _flips(pairs: Sequence[Comparison]) -> dict[str, str]:
    """Sign by problem of the first comparison: the student with its base, where both have samples."""
    if not pairs:
        return {}
    return dict.fromkeys(pairs[0].only_first, "▲") | dict.fromkeys(pairs[0].only_second, "▼")


def _line(tasks: Sequence[str], models: Sequence[_Model], flips: Mapping[str, str]) -> str:
    heads = "".join(
        f'<th colspan="{min(10, len(tasks) - start)}" title="{text(tasks[start], 200)}">'
        f"{text(_short(tasks[start]), 12)}</th>"
        for start in range(0, len(tasks), 10)
    )
    marks = "".join(
        f'<td class="flip" title="{text(task, 200)}">{flips[task]}</td>' if task in flips else "<td></td>"
        for task in tasks
    )
    rows = "".join(
        f'<tr><th scope="row" title="{text(model.who, 200)}">{text(model.who, 80)}</th>'
        f"{''.join(_cell(task, model, task in flips) for task in tasks)}</tr>"
        for model in models
    )
    head = "flips" if any(task in flips for task in tasks) else ""
    flipped = f'<tr><th scope="row">{head}</th>{marks}</tr>' if flips else ""
    return f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{flipped}{rows}</tbody></table>\n"


def _short(task: str) -> str:
    """The number at a task's end; the grid has no room for more."""
    number = natural(task)[1]
    return str(number) if number >= 0 else task


def _cell(task: str, model: _Model, flipped: bool) -> str:
    status = model.tasks.get(task)
    name = fate(status)
    said = f" (official {status.get('official')}, isolated {status.get('isolated')})" if status else ""
    title = text(f"{task}, {model.who}: {_FATES[name][1]}{said}", 400)
    return f'<td class="{name}{" flipped" if flipped else ""}" title="{title}">{_FATES[name][0]}</td>'


def _compared(pairs: Sequence[Comparison], models: Sequence[_Model]) -> str:
    return "".join(
        f"<details><summary>{text(compared(pair), 400)}</summary>"
        f"{_named(f'{pair.first.who} alone solves', pair.only_first)}"
        f"{_named(f'{pair.second.who} alone solves', pair.only_second)}</details>\n"
        for pair in pairs
    )


def _named(what: str, tasks: Sequence[str]) -> str:
    names = ", ".join(text(task, 80) for task in sorted(tasks, key=natural)[:MAX_PROBLEMS])
    return f"<p>{text(what, 120)} {len(tasks)}: {names or 'none'}</p>"
