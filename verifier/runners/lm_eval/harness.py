"""The harness's own functions, given logged samples. Runs in the worker's process only; imports lm_eval."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, JudgeError
from verifier.runners.lm_eval.log import Line, wrong
from verifier.verdicts import JSON

RawMetrics = Mapping[tuple[str, str], list[Any]]
"""Values of the problems, by metric and filter."""


class _Docs(list[dict[str, Any]]):
    """Problems as the harness's tasks read them: a list that knows its columns."""

    @property
    def features(self) -> dict[str, None]:
        # Only names: a task's template must never be taken for the column that a stranger called so.
        return {key: None for doc in self for key in doc if key.isidentifier()}


class _EverySplit(dict[str, _Docs]):
    """One split under every name that a task asks for."""

    def __init__(self, docs: _Docs) -> None:
        super().__init__()
        self._docs = docs

    def __missing__(self, key: str) -> _Docs:
        return self._docs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One line of a log, judged.

    Attributes:
        line: the line.
        metrics: values of this problem through this filter, as Python objects of the harness.
        filtered: what the filter made of the answers, as the harness logs it.
        target: the reference answer, as the harness logs it.
    """

    line: Line
    metrics: Mapping[str, Any]
    filtered: JSON
    target: str

    def as_logged(self) -> dict[str, JSON]:
        """Metrics as the harness writes them."""
        return {name: plain(value) for name, value in self.metrics.items()}


def plain(value: Any) -> JSON:
    """A value as it comes back from a log."""
    from lm_eval.utils import handle_non_serializable

    return json.loads(json.dumps(value, default=handle_non_serializable))


def load_task(definition: Path, path: Path, first: Line) -> Any:
    """Make the harness's task around a logged problem.

    Logged problems are prepared already, so that the task must not prepare them again; examples for the
    prompt are not needed. The harness takes from a dataset's first problem what a problem is; no other is
    looked at before it is judged.

    Args:
        definition: the task's YAML file.
        path: the log, for messages.
        first: its line of the lowest index.

    Raises:
        DocumentError: the task cannot read its first problem.
        JudgeError: the definition cannot be loaded.
    """
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    try:
        config = load_yaml(definition, resolve_func=True)
    except Exception as error:  # whatever a task's own code raises while it is imported
        raise JudgeError(f"task {definition.name}: expected to be loadable, found {error}") from error
    for key in ("tag", "group", "task_list"):
        config.pop(key, None)
    every = _EverySplit(_Docs([first.doc]))
    config |= {
        "process_docs": None,
        "num_fewshot": 0,
        "fewshot_split": None,
        "fewshot_config": None,
        "custom_dataset": lambda **_: every,
    }
    try:
        return ConfigurableTask(config=config)
    except Exception as error:  # the harness tries the first problem, which is a stranger's
        raise _unreadable(path, first.number, error) from error


def remember_templates() -> None:
    """Let the harness compile a template once, not for each problem, which takes most of its time."""
    from lm_eval.utils import env

    if not hasattr(env.from_string, "cache_info"):
        env.from_string = functools.lru_cache(maxsize=64)(env.from_string)


def filters(task: Any) -> list[str]:
    """Names of a task's filters, in its order."""
    return [ensemble.name for ensemble in task._filters]


def judge(task: Any, path: Path, line: Line) -> Scored:
    """Filter and judge one line by itself, with the harness's filter and ``process_results``.

    Args:
        task: from ``load_task``.
        path: the log, for messages.
        line: its filter is one of the task's.

    Raises:
        DocumentError: the line's answers are not of the task's kind, or its problem cannot be judged.
    """
    from lm_eval.utils import sanitize_list

    (ensemble,) = (one for one in task._filters if one.name == line.filter)
    instances = _instances(task, path, line)
    try:
        ensemble.apply(instances)
        filtered = [instance.filtered_resps[ensemble.name] for instance in instances]
        return Scored(
            line=line,
            metrics=dict(task.process_results(line.doc, filtered)),
            filtered=plain(sanitize_list(filtered)),
            target=str(task.doc_to_target(line.doc)),
        )
    except Exception as error:  # whatever a stranger's problem makes the harness raise
        raise _unreadable(path, line.number, error) from error


def _instances(task: Any, path: Path, line: Line) -> list[Any]:
    from lm_eval.api.instance import Instance

    kind = "loglikelihood" if task.OUTPUT_TYPE == "multiple_choice" else task.OUTPUT_TYPE
    convert = _number if kind == "loglikelihood" else _text
    instances = []
    for i, resps in enumerate(line.resps):
        if not isinstance(resps, list) or not resps:
            raise wrong(path, line.number, "a list of answers to each request", type(resps).__name__)
        instances.append(
            Instance(
                request_type=kind,
                doc=line.doc,
                arguments=(),
                idx=i,
                metadata=(task.task_name, line.doc_id, len(resps)),
                resps=[convert(path, line.number, resp) for resp in resps],
            )
        )
    return instances


def _text(path: Path, number: int, resp: Any) -> str:
    if not isinstance(resp, str):
        raise wrong(path, number, "answers that are text", type(resp).__name__)
    return resp


def _number(path: Path, number: int, resp: Any) -> tuple[float, bool]:
    """Log-likelihood and whether it was the likeliest text; both are logged as strings."""
    try:
        value, greedy = resp
        return float(value), {"True": True, "False": False}[str(greedy)]
    except (TypeError, ValueError, KeyError) as error:
        raise wrong(path, number, 'answers like ["-1.5", "False"]', str(resp)[:60]) from error


def _unreadable(path: Path, number: int, error: Exception) -> DocumentError:
    said = f"{type(error).__name__}: {error}"[:200]
    return wrong(path, number, "a problem that the harness can judge", f"one that makes it raise {said}")


def aggregate(
    tasks: Mapping[str, tuple[Any, RawMetrics]], group: Path | None, *, stderr: bool
) -> dict[str, dict[str, Any]]:
    """Aggregate as the harness does, tasks and group.

    Args:
        tasks: by name: the task, and the problems' values by metric and filter, each in the order of the
            problems.
        group: the group's YAML file; None without one.
        stderr: whether standard errors are wanted.
    """
    from lm_eval.api.group import Group
    from lm_eval.config.group import GroupConfig
    from lm_eval.evaluator_utils import _process_results
    from lm_eval.tasks._yaml_loader import load_yaml

    groups = {}
    if group is not None:
        fields = GroupConfig.__dataclass_fields__
        config = {key: value for key, value in load_yaml(group).items() if key in fields}
        made = Group.from_config(GroupConfig(**config))
        for task, _ in tasks.values():
            made.add(task)
        groups[made.name] = made
    collected = {
        name: {"task": task, "raw_metrics": raw, "logged_samples": []} for name, (task, raw) in tasks.items()
    }
    return dict(_process_results(collected, groups, 100_000 if stderr else 0).metrics)
