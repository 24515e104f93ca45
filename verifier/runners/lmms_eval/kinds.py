"""What the tasks differ in: what a log still has of a problem, and how its outcome is found."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.runners.lmms_eval import choices
from verifier.runners.lmms_eval.harness import Task, plain
from verifier.runners.lmms_eval.log import Line, wrong
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One problem's outcome.

    Attributes:
        metrics: values as Python objects of the harness.
        solved: whether it counts as solved; None if the log does not decide it.
        note: why it is undecided.
        logged: the values as they should stand in the log.
        differing: field, what is logged and what was found, where that is more than another value of a
            metric.
    """

    metrics: Mapping[str, Any]
    solved: bool | None
    note: str = ""
    logged: Mapping[str, JSON]
    differing: tuple[tuple[str, JSON, JSON], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How samples of a task are judged.

    Attributes:
        rebuild: what a line still tells of its problem, in the dataset's columns.
        judge: a problem's outcome, given task, problem, line, answer, metric, and whether the problem is
            whole.
        parts: names, values and sizes of the parts of the benchmark that the harness tells besides its
            metrics.
    """

    rebuild: Callable[[Path, Line], dict[str, Any]]
    judge: Callable[[Task, dict[str, Any], Line, str, str, bool], Judged]
    parts: Callable[[Task, Sequence[Any]], Iterator[tuple[str, float, int]]]


def _judge(task: Task, doc: dict[str, Any], line: Line, answer: str, metric: str, whole: bool) -> Judged:
    metrics = task.metrics(doc, answer)
    return Judged(metrics=metrics, solved=float(metrics[metric]) == 1.0, logged=_plain(metrics))


def _plain(metrics: Mapping[str, Any]) -> dict[str, JSON]:
    return {name: plain(value) for name, value in metrics.items()}


def _no_parts(task: Task, items: Sequence[Any]) -> Iterator[tuple[str, float, int]]:
    return iter(())


def _chartqa(path: Path, line: Line) -> dict[str, Any]:
    """The split is not logged; it can be told from which split's metric the line has."""
    human = "relaxed_human_split" in line.metrics
    if human == ("relaxed_augmented_split" in line.metrics):
        raise wrong(
            path,
            line.number,
            "one of relaxed_human_split and relaxed_augmented_split",
            "both" if human else "none",
        )
    return {"answer": line.target, "type": "human_test" if human else "augmented_test"}


def _docvqa(path: Path, line: Line) -> dict[str, Any]:
    """Right answers are logged as the text of a Python list."""
    try:
        answers = ast.literal_eval(line.target)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise wrong(path, line.number, "a list of answers under 'target'", line.target[:40]) from error
    if not isinstance(answers, list) or not answers or not all(isinstance(a, str) for a in answers):
        raise wrong(path, line.number, "a list of answers under 'target'", line.target[:40])
    return {"answers": answers}


def _ai2d(path: Path, line: Line) -> dict[str, Any]:
    """Only the right option's letter is compared; the options are not needed."""
    return {"target": line.target}


def _mmmu(path: Path, line: Line) -> dict[str, Any]:
    """Id, type and answer are logged with the metric; the options are not."""
    record = line.metrics.get("mmmu_acc")
    wanted = ("id", "question_type", "answer")
    if not isinstance(record, dict) or not all(isinstance(record.get(name), str) for name in wanted):
        raise wrong(
            path, line.number, f"an object with {', '.join(wanted)} under 'mmmu_acc'", "something else"
        )
    return {name: record[name] for name in wanted} | {"answer": line.target}


def _judge_mmmu(task: Task, doc: dict[str, Any], line: Line, answer: str, metric: str, whole: bool) -> Judged:
    if doc["question_type"] != "multiple-choice":
        return _solved(task, _in_order(task.metrics(doc, answer), line.metrics), metric)
    try:
        with choices.no_guessing():
            found = task.metrics(doc, answer) if whole else choices.metrics(task, doc, line, answer)
    except choices.Undecided as reason:
        return _guessed(task, doc, line, metric, reason)
    return _solved(task, found, metric)


def _solved(task: Task, metrics: Mapping[str, Any], metric: str) -> Judged:
    return Judged(
        metrics=metrics,
        solved=bool(_evaluate(task, [metrics[metric]])[1]["acc"]),
        logged=_plain(metrics),
    )


def _evaluate(task: Task, items: Sequence[Any]) -> Any:
    return task.process_results.__globals__["evaluate_mmmu"](items)


def _in_order(metrics: dict[str, Any], logged: Mapping[str, JSON]) -> dict[str, Any]:
    """Candidates of an open answer in the log's order; the harness keeps them in a set, in any order."""
    (found,) = metrics["mmmu_acc"]["parsed_pred"]
    said = logged.get("mmmu_acc")
    listed = said.get("parsed_pred") if isinstance(said, dict) else None
    order = listed[0] if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], list) else []
    if sorted(map(json.dumps, order)) != sorted(map(json.dumps, found)):
        return metrics
    record = metrics["mmmu_acc"] | {"parsed_pred": [order]}
    first = str(order[0]) if order else ""
    return {
        "mmmu_acc": record,
        "mmmu_acc_pass_at_k": record,
        "submission": {record["id"]: first},
    }


def _guessed(task: Task, doc: dict[str, Any], line: Line, metric: str, reason: choices.Undecided) -> Judged:
    """What the log says that the harness guessed; whether it did is not for a log to show."""
    said = line.metrics.get(metric)
    listed = said.get("parsed_pred") if isinstance(said, dict) else None
    taken = next((letter for letter in reason.letters if listed == [letter]), None)
    record = {
        "id": doc["id"],
        "subdomain": task.process_results.__globals__["extract_subset_name"](doc["id"]),
        "question_type": doc["question_type"],
        "answer": doc["answer"],
        "parsed_pred": [taken or ""],
    }
    metrics = {"mmmu_acc": record, "mmmu_acc_pass_at_k": record, "submission": {doc["id"]: taken or ""}}
    odd = f"one of {', '.join(reason.letters)}"
    return Judged(
        metrics=metrics,
        solved=None,
        note=f"{reason}; the log says that it took {taken!r}" if taken else str(reason),
        logged=_plain(metrics),
        differing=() if taken else (("parsed_pred", json.dumps(listed)[:80], odd),),
    )


def _mmmu_parts(task: Task, items: Sequence[Any]) -> Iterator[tuple[str, float, int]]:
    """Subjects and domains, which the harness prints and does not log."""
    aggregate = task.task.aggregation()["mmmu_acc"]
    printed: list[dict[str, dict[str, Any]]] = []
    aggregate.__globals__["print"] = printed.append
    try:
        aggregate(list(items))
    finally:
        del aggregate.__globals__["print"]
    for name, found in printed[0].items():
        if found["num"] and name != "Overall":
            yield name, float(found["acc"]), int(found["num"])


KINDS = {
    "chartqa": Kind(rebuild=_chartqa, judge=_judge, parts=_no_parts),
    "docvqa": Kind(rebuild=_docvqa, judge=_judge, parts=_no_parts),
    "ai2d": Kind(rebuild=_ai2d, judge=_judge, parts=_no_parts),
    "mmmu": Kind(rebuild=_mmmu, judge=_judge_mmmu, parts=_mmmu_parts),
}
"""By the name under which a benchmark declares it."""
