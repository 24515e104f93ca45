"""Scoring the logs of one run with the harness; what the worker does.

Lines go by one at a time. What stays of each is a small record, so that memory grows with the number of
problems and not with the log.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners.lm_eval import harness, log, sentences
from verifier.runners.lm_eval.harness import RawMetrics, Scored
from verifier.runners.lm_eval.log import Line
from verifier.runners.lm_eval.tally import Order, Seen, Values, pack
from verifier.verdicts import JSON

_LONG = 200
"""Characters of a logged value that a finding repeats."""
MAX_ROWS = 50_000
"""Contradictions of one task that are named; how many more there are is counted."""
_Row = tuple[int, str, JSON, JSON]
"""A contradiction: problem, field, logged, found."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One task, judged: the harness's task, its problems' values, and what was noticed."""

    task: Any
    raw: RawMetrics
    report: dict[str, JSON]


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    Args:
        request: ``tasks`` (a list of ``name``, ``yaml``, ``log``, ``size``), ``group`` (a YAML file or
            None), ``metric`` and ``filter`` that decide a problem, ``stderr``, ``sentences`` (whether the
            benchmark splits sentences).
        on_progress: told how many lines are done.

    Returns:
        ``tasks``: a report per task; ``metrics``: the harness's numbers by task or group.

    Raises:
        DocumentError, UsageError: a log is malformed or cannot be read.
        EvidenceMissingError: a log is of another version of a task.
    """
    if request["sentences"]:
        sentences.prepare()
    harness.remember_templates()
    done = itertools.count(1)

    def tick() -> None:
        on_progress(next(done))

    judged: dict[str, _Task] = {}
    for wanted in request["tasks"]:
        judged[wanted["name"]] = _one(wanted, request["metric"], request["filter"], tick)
    whole = {name: (task.task, task.raw) for name, task in judged.items() if task.raw}
    group = Path(request["group"]) if request["group"] else None
    found = harness.aggregate(whole, group, stderr=request["stderr"]) if whole else {}
    return {
        "tasks": {name: task.report for name, task in judged.items()},
        "metrics": {name: list(_numbers(values)) for name, values in found.items()},
    }


class _Findings:
    """Contradictions of one task's log, the first of them with what was found."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, _Row]] = []
        self.more = 0

    def add(self, rank: int, line: Line, rows: Iterable[_Row]) -> None:
        for row in rows:
            if len(self._rows) < MAX_ROWS:
                self._rows.append((rank, line.doc_id, line.number, row))
            else:
                self.more += 1

    def in_order(self) -> list[JSON]:
        """By filter, problem and line."""
        return [list(row) for *_, row in sorted(self._rows, key=lambda row: row[:3])]


def _one(wanted: Mapping[str, Any], metric: str, filter_: str, tick: Callable[[], None]) -> _Task:
    path, size = Path(wanted["log"]), wanted["size"]
    first = log.first(path)
    if first is None:
        raise DocumentError(f"{path.name}: expected samples, found none")
    task = harness.load_task(Path(wanted["yaml"]), path, first)
    names = harness.filters(task)
    seen, values, order, findings = Seen(size), Values(names, metric, size), Order(names), _Findings()
    extra: set[int] = set()
    digest = hashlib.sha256()
    for line in log.read(path, digest):
        if line.filter not in names:
            raise _strange(path, wanted["name"], names, line.filter)
        order.add(line)
        if line.doc_id >= size:
            extra.add(line.doc_id)
            continue
        scored = harness.judge(task, path, line)
        if metric not in scored.metrics:
            raise EvidenceMissingError(
                f"{wanted['name']}: expected the metric {metric}, the harness computes none"
            )
        values.add(line, scored.metrics)
        findings.add(names.index(line.filter), line, _differing(scored, seen.add(line)))
        tick()
    report: dict[str, JSON] = {
        "sha256": digest.hexdigest(),
        "problems": pack(seen.problems(values.status(filter_))),
        "extra": sorted(extra),
        "duplicate": sorted(values.repeated),
        "differing": findings.in_order(),
        "more": findings.more,
        "hash": order.digest(path),
    }
    return _Task(task, values.raw(), report)


def _strange(path: Path, task: str, names: Sequence[str], found: str) -> EvidenceMissingError:
    return EvidenceMissingError(
        f"{path.name}: expected the filters {', '.join(names)} of {task}, found also {_short(found)}:"
        " another version of the task"
    )


def _differing(one: Scored, before: int | None) -> Iterator[_Row]:
    """Where a line contradicts itself, or an earlier one of its problem, whose number is ``before``."""
    line, found = one.line, one.as_logged()
    for name in line.broken:
        yield line.doc_id, name, "as logged", "not the hash of the line's own content"
    for name in sorted({*line.metrics, *found}):
        logged = line.metrics.get(name)
        if not _same(logged, found.get(name)):
            what = f"{_short(name)},{line.filter}"
            yield line.doc_id, what, _short(logged), _short(found.get(name))
    if line.filtered != one.filtered:
        yield line.doc_id, f"filtered_resps,{line.filter}", _short(line.filtered), _short(one.filtered)
    if line.target != one.target:
        yield line.doc_id, "target", _short(line.target), _short(one.target)
    if before is not None:
        where = f"lines {before} and {line.number}"
        yield line.doc_id, "doc and resps", where, "one problem with different content"


def _same(logged: JSON, found: JSON) -> bool:
    if isinstance(logged, float) and isinstance(found, float) and math.isnan(logged):
        return math.isnan(found)
    return type(logged) is type(found) and logged == found


def _short(value: JSON) -> JSON:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONG else text[:_LONG] + "…"


def _numbers(values: Mapping[str, Any]) -> Iterator[list[JSON]]:
    """Name, filter, value, standard error, number of problems."""
    for key, value in values.items():
        name, comma, filter_ = key.rpartition(",")
        if not comma or name.endswith("_stderr"):
            continue
        error = values.get(f"{name}_stderr,{filter_}")
        yield [
            name,
            filter_,
            float(value),
            float(error) if isinstance(error, int | float) and not math.isnan(error) else None,
            int(values.get("sample_len", 0)),
        ]
