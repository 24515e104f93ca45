"""Scoring the logs of one run with the harness; what the worker does."""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners.lm_eval import harness, log, sentences
from verifier.runners.lm_eval.harness import Scored
from verifier.runners.lm_eval.log import Line
from verifier.verdicts import JSON

_EVERY = 0.1
"""Seconds between two messages of progress."""
_LONG = 200
"""Characters of a logged value that a finding repeats."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One task, judged: the harness's task, one line per problem and filter, and what was noticed."""

    task: Any
    chosen: Sequence[Scored]
    report: dict[str, JSON]


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    Args:
        request: ``tasks`` (a list of ``name``, ``yaml``, ``log``, ``size``), ``group`` (a YAML file or
            None), ``metric`` and ``filter`` that decide a problem, ``stderr``, ``sentences`` (whether the
            benchmark splits sentences).
        on_progress: told how many lines are done, now and then.

    Returns:
        ``tasks``: a report per task; ``metrics``: the harness's numbers by task or group.

    Raises:
        DocumentError, UsageError: a log is malformed or cannot be read.
        EvidenceMissingError: a log is of another version of a task.
    """
    if request["sentences"]:
        sentences.prepare()
    ticks = _Ticks(on_progress)
    judged: dict[str, _Task] = {}
    for wanted in request["tasks"]:
        judged[wanted["name"]] = _one(wanted, request["metric"], request["filter"], ticks)
    whole = {name: (task.task, task.chosen) for name, task in judged.items() if task.chosen}
    group = Path(request["group"]) if request["group"] else None
    found = harness.aggregate(whole, group, stderr=request["stderr"]) if whole else {}
    return {
        "tasks": {name: task.report for name, task in judged.items()},
        "metrics": {name: list(_numbers(values)) for name, values in found.items()},
    }


class _Ticks:
    """Counts lines over all tasks, and tells so not too often."""

    def __init__(self, on_progress: Callable[[int], None]) -> None:
        self._tell = on_progress
        self._before = 0
        self._last = 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            self._tell(self._before + done)

    def close_task(self, done: int) -> None:
        self._before += done


def _one(wanted: Mapping[str, Any], metric: str, filter_: str, ticks: _Ticks) -> _Task:
    path, size = Path(wanted["log"]), wanted["size"]
    digest = hashlib.sha256()
    # As the harness orders them: the first problem decides what a task takes a problem to be.
    lines = sorted(log.read(path, digest), key=lambda line: line.doc_id)
    if not lines:
        raise DocumentError(f"{path.name}: expected samples, found none")
    task = harness.load_task(Path(wanted["yaml"]), [line.doc for line in lines], (path, lines[0].number))
    names = harness.filters(task)
    if strange := sorted({line.filter for line in lines} - set(names)):
        raise EvidenceMissingError(
            f"{path.name}: expected the filters {', '.join(names)} of {wanted['name']}, found also"
            f" {', '.join(strange)[:_LONG]}: another version of the task"
        )
    known = [line for line in lines if line.doc_id < size]
    scored = harness.score(task, path, known, ticks)
    ticks.close_task(len(scored))
    if scored and metric not in {name for one in scored for name in one.metrics}:
        raise EvidenceMissingError(
            f"{wanted['name']}: expected the metric {metric}, the harness computes none"
        )
    chosen = _chosen(scored, names, metric)
    report: dict[str, JSON] = {
        "sha256": digest.hexdigest(),
        "docs": {str(line.doc_id): line.doc_sha256 for line in known},
        "extra": sorted({line.doc_id for line in lines if line.doc_id >= size}),
        "duplicate": sorted({doc for (doc, _), n in _counts(lines).items() if n > 1}),
        "status": {
            str(one.line.doc_id): float(one.metrics[metric]) == 1.0
            for one in chosen
            if one.line.filter == filter_
        },
        "differing": [list(row) for row in _differing(scored, known)],
        "hash": _hash(lines, names),
    }
    return _Task(task, chosen, report)


def _counts(lines: Sequence[Line]) -> Counter[tuple[int, str]]:
    return Counter((line.doc_id, line.filter) for line in lines)


def _chosen(scored: Sequence[Scored], names: Sequence[str], metric: str) -> list[Scored]:
    """One line per problem and filter, of problems with all filters; of a repeated one the worst."""
    best: dict[tuple[int, str], Scored] = {}
    for one in scored:
        key = (one.line.doc_id, one.line.filter)
        if key not in best or float(one.metrics[metric]) < float(best[key].metrics[metric]):
            best[key] = one
    complete = {doc for doc, _ in best if all((doc, name) in best for name in names)}
    return [one for (doc, _), one in best.items() if doc in complete]


def _differing(scored: Sequence[Scored], lines: Sequence[Line]) -> Iterator[tuple[int, str, JSON, JSON]]:
    """Where lines contradict themselves or each other: problem, field, logged, found."""
    for one in scored:
        line, found = one.line, one.as_logged()
        for name in line.broken:
            yield line.doc_id, name, "as logged", "not the hash of the line's own content"
        for name in sorted({*line.metrics, *found}):
            logged = line.metrics.get(name)
            if not _same(logged, found.get(name)):
                yield line.doc_id, f"{name},{line.filter}", _short(logged), _short(found.get(name))
        if line.filtered != one.filtered:
            yield line.doc_id, f"filtered_resps,{line.filter}", _short(line.filtered), _short(one.filtered)
        if line.target != one.target:
            yield line.doc_id, "target", _short(line.target), _short(one.target)
    first: dict[int, Line] = {}
    for line in lines:
        other = first.setdefault(line.doc_id, line)
        if (other.doc_sha256, other.resps) != (line.doc_sha256, line.resps):
            where = f"lines {other.number} and {line.number}"
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


def _hash(lines: Sequence[Line], names: Sequence[str]) -> str:
    """The harness's digest over a task's samples, in the order in which it writes them."""
    ordered = sorted(lines, key=lambda line: (names.index(line.filter), line.doc_id))
    return hashlib.sha256("".join(line.hashes for line in ordered).encode()).hexdigest()


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
