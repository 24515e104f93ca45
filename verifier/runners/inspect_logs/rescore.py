"""Scoring a log with inspect; what the worker does."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners.inspect_logs import archive, harness
from verifier.runners.inspect_logs.harness import Scored
from verifier.runners.inspect_logs.tasks import TASKS, InspectTask, short
from verifier.runners.model import remembered
from verifier.verdicts import JSON

_LONG = 200
"""Characters of a logged value that a finding repeats."""


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    Args:
        request: ``benchmark``, ``log``.
        on_progress: told how many samples are done.

    Returns:
        What ``runner`` makes a result of.

    Raises:
        DocumentError, UsageError: the log is malformed or cannot be read.
        EvidenceMissingError: it is of another task, or was judged by another scorer.
    """
    task, log = TASKS[request["benchmark"]], archive.open_log(Path(request["log"]))
    check(task, log.header)
    scoring = harness.scorer(task)
    multiple = _multiple(log.header)
    scored: list[Scored] = []
    broken: list[str] = []
    for where, record in log.samples():
        found = harness.sample(where, record)
        if found.error is not None:
            broken.append(str(found.id))
            continue
        scored.append(harness.judge(task, scoring, where, found, multiple))
        on_progress(len(scored))
    named = [str(key) for key in _part(log.header, "eval", "dataset").get("sample_ids") or ()]
    kept = _worst(scored, named)
    reducers = _part(log.header, "eval", "config").get("epochs_reducer")
    numbers = harness.aggregate(task, scoring, kept, reducers) if kept else []
    return {
        "sha256": log.sha256,
        "finished": log.finished and log.header.get("status") == "success",
        "packages": _part(log.header, "eval", "packages"),
        "named": named,
        "broken": broken,
        "tasks": _by_id(kept),
        "answers": {one.id: remembered(one.completion) for one in reversed(kept)},
        "duplicate": sorted({key for (key, _), n in _counts(scored).items() if n > 1}),
        "metrics": [list(row) for row in numbers],
        "differing": [list(row) for row in _differing(task, scored, numbers, log.header)],
    }


def _part(header: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """A part of the header; empty if it is missing or null."""
    for key in keys:
        header = header.get(key) or {}
    return header


def check(task: InspectTask, header: Mapping[str, Any]) -> None:
    """Refuse a log of another task, or one that another scorer has judged.

    Raises:
        EvidenceMissingError: it is.
    """
    found = short(header["eval"]["task"])
    if found != task.task:
        raise EvidenceMissingError(
            f"samples: expected those of inspect's task {task.task}, found those of {found[:_LONG]};"
            " another task gives another score"
        )
    stated = header["eval"].get("scorers")
    names = [entry.get("name") for entry in stated or () if isinstance(entry, dict)]
    if names and task.scorer not in [short(str(name)) for name in names]:
        raise EvidenceMissingError(
            f"samples: expected a log judged by {task.scorer}, as inspect_evals judges {task.task};"
            f" found {', '.join(map(str, names))[:_LONG]}"
        )


def _multiple(header: Mapping[str, Any]) -> bool:
    """Whether the solver lets several choices be right."""
    steps = _part(header, "plan").get("steps") or []
    params = [step.get("params") for step in steps if isinstance(step, dict)]
    return any(isinstance(one, dict) and one.get("multiple_correct") is True for one in params)


def _counts(scored: Sequence[Scored]) -> Counter[tuple[str, int]]:
    return Counter((one.id, one.epoch) for one in scored)


def _worst(scored: Sequence[Scored], named: Sequence[str]) -> list[Scored]:
    """One sample per problem and epoch, of a repeated one the worst, in the run's order."""
    best: dict[tuple[str, int], Scored] = {}
    for one in scored:
        key = (one.id, one.epoch)
        if key not in best or one.value < best[key].value:
            best[key] = one
    order = {key: i for i, key in enumerate(named)}
    return sorted(best.values(), key=lambda one: (one.epoch, order.get(one.id, len(order))))


def _by_id(scored: Sequence[Scored]) -> dict[str, JSON]:
    found: dict[str, list[float]] = {}
    for one in scored:
        found.setdefault(one.id, []).append(one.value)
    return dict(found)


def _differing(
    task: InspectTask,
    scored: Sequence[Scored],
    numbers: Sequence[tuple[str, str, float, int]],
    header: Mapping[str, Any],
) -> Iterator[tuple[str, str, JSON, JSON]]:
    """Where the log contradicts its own samples: problem, field, logged, found."""
    for one in scored:
        where = one.id if one.epoch == 1 else f"{one.id} (epoch {one.epoch})"
        found = (one.score.score.value, one.score.score.answer)
        for name, logged, computed in zip(
            ("value", "answer"), one.logged or ("none", "none"), found, strict=True
        ):
            if logged != computed:
                yield where, f"{task.scorer} {name}", _short(logged), _short(computed)
        if not one.consistent:
            yield where, "output.completion", "one text", "another one in its message"
    results = _part(header, "results")
    if isinstance(done := results.get("completed_samples"), int) and done != len(scored):
        yield task.task, "completed_samples", done, len(scored)
    yield from _aggregates(task, numbers, results)


def _aggregates(
    task: InspectTask, numbers: Sequence[tuple[str, str, float, int]], results: Mapping[str, Any]
) -> Iterator[tuple[str, str, JSON, JSON]]:
    stated: dict[tuple[str, str], JSON] = {}
    try:
        for entry in results.get("scores") or ():
            if short(str(entry["scorer"])) == task.scorer:
                for name, metric in entry["metrics"].items():
                    stated[name, entry.get("reducer") or "none"] = metric["value"]
    except (TypeError, KeyError, AttributeError) as error:
        raise DocumentError(
            f"results: expected scores as inspect logs them, found {error!r}"[:_LONG], pointer="/results"
        ) from error
    found = {(name, reducer): value for name, reducer, value, _ in numbers}
    for key in [*found, *(key for key in stated if key not in found)]:
        if stated and stated.get(key) != found.get(key):
            logged, computed = stated.get(key, "no number"), found.get(key, "no number")
            yield task.task, ",".join(key), _short(logged), _short(computed)


def _short(value: JSON) -> JSON:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONG else text[:_LONG] + "…"
