"""inspect's own functions, given logged samples. Runs in the worker's process only; imports inspect."""

import importlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verifier.errors import DocumentError, JudgeError
from verifier.runners.inspect_logs.tasks import InspectTask
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One sample, judged.

    Attributes:
        id: of the problem, as text.
        epoch: which of several answers to it.
        completion: the answer.
        score: inspect's ``SampleScore``.
        value: 1.0 for a right answer, as inspect counts.
        logged: value and answer that the log states; None if it states no score.
        consistent: whether both places where the log keeps the answer hold the same.
    """

    id: str
    epoch: int
    completion: str
    score: Any
    value: float
    logged: tuple[JSON, JSON] | None
    consistent: bool


def scorer(task: InspectTask) -> Any:
    """Make the task's scorer.

    Raises:
        JudgeError: inspect cannot be imported, or has no such scorer.
    """
    module, _, name = task.entry.partition(":")
    try:
        return getattr(importlib.import_module(module), name)(**task.options)
    except Exception as error:  # whatever importing a package of strangers' plugins raises
        raise JudgeError(f"inspect's scorer {task.entry}: expected to be loadable, found {error}") from error


def sample(where: str, record: Mapping[str, Any]) -> Any:
    """A logged sample as inspect's ``EvalSample``, its long texts put back in their places.

    Raises:
        DocumentError: it is none.
    """
    from inspect_ai.log import EvalSample, resolve_sample_attachments

    try:
        made = EvalSample.model_validate(dict(record))
        return resolve_sample_attachments(made) if made.attachments else made
    except Exception as error:  # pydantic's, and what its validators raise
        said = " ".join(str(error).split())[:200]
        raise DocumentError(
            f"{where}: expected a sample as inspect logs it, found {said}", pointer=f"/{where}"
        ) from error


def judge(task: InspectTask, scoring: Any, where: str, found: Any, multiple: bool) -> Scored:
    """Judge one sample.

    Args:
        task: the task.
        scoring: its scorer.
        where: place of the sample, for messages.
        found: from ``sample``.
        multiple: whether several choices may be right.

    Raises:
        DocumentError: inspect cannot judge it.
    """
    from inspect_ai.scorer import SampleScore, value_to_float

    try:
        state = _state(task, found)
        if task.choice and state.choices:
            _mark(state, multiple)
        score = _result(scoring(state, state.target))
        value = float(value_to_float()(score.value))
    except Exception as error:  # whatever a stranger's problem makes inspect raise
        said = f"{type(error).__name__}: {error}"[:200]
        raise DocumentError(
            f"{where}: expected a sample that inspect can judge, found one that makes it raise {said}",
            pointer=f"/{where}",
        ) from error
    stated = (found.scores or {}).get(task.scorer)
    message = found.output.choices[0].message.text if found.output.choices else ""
    return Scored(
        id=str(found.id),
        epoch=int(found.epoch),
        completion=found.output.completion,
        score=SampleScore(
            score=score, sample_id=found.id, sample_metadata=state.metadata, scorer=task.scorer
        ),
        value=value,
        logged=(stated.value, stated.answer) if stated is not None else None,
        consistent=message == found.output.completion,
    )


def _state(task: InspectTask, found: Any) -> Any:
    from inspect_ai.model import ModelName
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState

    metadata = dict(found.metadata)
    if task.benchmark == "bbh":
        # An enumeration, which a log holds as its number.
        kinds = importlib.import_module("inspect_evals.bbh.bbh").DatasetType
        metadata["dataset_type"] = kinds(metadata["dataset_type"])
    return TaskState(
        model=ModelName("mockllm/model"),
        sample_id=found.id,
        epoch=found.epoch,
        input=found.input,
        messages=list(found.messages),
        target=Target(found.target),
        choices=found.choices,
        output=found.output,
        completed=True,
        metadata=metadata,
    )


def _mark(state: Any, multiple: bool) -> None:
    """What the solver does with an answer before the scorer sees it; logs do not keep it."""
    from inspect_ai.solver._multiple_choice import parse_answers, set_choices_based_on_generated_response

    if answers := parse_answers(state, multiple):
        set_choices_based_on_generated_response(state, answers)


def _result(asked: Coroutine[Any, Any, Any]) -> Any:
    """What a scorer returns that waits for nothing: no loop of events is needed, and none is let in."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value
    asked.close()
    raise JudgeError("inspect's scorer: expected to wait for nothing, found it waiting")


def aggregate(
    task: InspectTask, scoring: Any, scored: Sequence[Scored], reducers: Sequence[str] | None
) -> list[tuple[str, str, float, int]]:
    """Aggregate as inspect does.

    Args:
        task: the task.
        scoring: its scorer.
        scored: the samples, in the run's order.
        reducers: names of what makes one value of several epochs; None for inspect's default.

    Returns:
        Name of the metric, of the reducer (``none`` for the default), value, number of problems.

    Raises:
        DocumentError: inspect does not know a reducer.
    """
    from inspect_ai._eval.task.results import eval_results
    from inspect_ai.scorer._reducer import create_reducers

    try:
        reducing = create_reducers(list(reducers) if reducers else None)
    except Exception as error:  # whatever a stranger's name makes inspect raise
        raise DocumentError(
            f"eval/config/epochs_reducer: expected names that inspect knows, found {str(reducers)[:100]}",
            pointer="/eval/config/epochs_reducer",
        ) from error
    rows = [{task.scorer: one.score} for one in scored]
    found, _ = eval_results(len(scored), rows, reducing, [scoring], None, [task.scorer])
    return [
        (name, entry.reducer or "none", float(metric.value), int(entry.scored_samples or 0))
        for entry in found.scores
        for name, metric in entry.metrics.items()
    ]
