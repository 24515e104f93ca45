"""lmms-eval's own functions, given logged samples. Runs in the worker's process only; imports lmms_eval."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, JudgeError
from verifier.runners.lmms_eval import hollow
from verifier.runners.lmms_eval.log import Line, wrong
from verifier.verdicts import JSON

DEFINING = (
    "task",
    "dataset_path",
    "dataset_name",
    "test_split",
    "output_type",
    "doc_to_text",
    "doc_to_target",
    "process_results",
    "metric_list",
    "filter_list",
    "repeats",
    "reasoning_tags",
    "auto_strip_thinking",
)
"""Fields of a definition that decide what is asked and how it is scored."""
CONDITIONS = ("description", "num_fewshot", "generation_kwargs", "lmms_eval_specific_kwargs")
"""Fields under which the same task may be run in another way."""
_ADDRESS = re.compile(r"<(function|class) '?(?:\w+\.)*(\w+)'?(?: at 0x[0-9a-f]+)?>")


class _Docs(list[dict[str, Any]]):
    """Problems as the harness's tasks read them: a list that knows its columns."""

    @property
    def features(self) -> dict[str, None]:
        return {key: None for doc in self for key in doc}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of the harness around problems of a log.

    Attributes:
        task: the harness's task.
        defined: its definition as the harness would log it, functions by their names.
        variants: how prompts may be put, by the model that they are for; one of None without choice.
        filter: name of its one filter.
    """

    task: Any
    defined: Mapping[str, JSON]
    variants: Sequence[Mapping[str, Any] | None]
    filter: str

    @property
    def process_results(self) -> Any:
        """The definition's own function; None where the harness's registered metrics do the work."""
        return self.task.config.process_results

    def filtered(self, text: str, doc: dict[str, Any]) -> str:
        """What the task's filter makes of an answer."""
        from lmms_eval.api.instance import Instance

        metadata = {"task": self.task.config.task, "doc_id": 0, "repeats": 1}
        instance = Instance(
            request_type="generate_until", arguments=(), idx=0, metadata=metadata, resps=[text]
        )
        self.task._filters[0].apply([instance], [doc])
        return str(instance.filtered_resps[self.filter])

    def metrics(self, doc: dict[str, Any], answer: str) -> dict[str, Any]:
        """The harness's ``process_results`` of a filtered answer, without trying again after an error."""
        found: dict[str, Any] = type(self.task).process_results.__wrapped__(self.task, doc, [answer])
        return found

    def prompts(self, doc: dict[str, Any]) -> list[str]:
        """Every way in which the task may put a problem; those that cannot put it are left out."""
        put = self.task.config.doc_to_text
        found = []
        for variant in self.variants:
            try:
                found.append(str(put(doc) if variant is None else put(doc, variant)))
            except (KeyError, TypeError, ValueError, IndexError):
                continue
        return found

    def target(self, doc: dict[str, Any]) -> list[str]:
        """The reference answer of a whole problem as it may be logged, by the model that the run was for."""
        put, kinds = self.task.config.doc_to_target, self.task.config.model_specific_target_kwargs
        if not callable(put) or kinds is None:
            return [str(self.task.doc_to_target(doc))]
        return [str(put(doc, kind)) for kind in dict.fromkeys(kinds.values())]


def load_task(definition: Path, doc: dict[str, Any], *, whole: bool, where: tuple[Path, int]) -> Task:
    """Make the harness's task around problems of a log.

    Args:
        definition: the task's YAML file.
        doc: its first problem; the harness takes from it whether there are several right answers.
        whole: problems are complete but for their pictures; else they hold what a log still has of them, and
            a reference answer that a function would have made lies under ``target``.
        where: log and line of that problem.

    Raises:
        DocumentError: the task cannot read its first problem.
        JudgeError: the definition cannot be loaded.
    """
    try:
        with hollow.modules():
            from lmms_eval import evaluator_utils, utils
            from lmms_eval.api.task import ConfigurableTask, TaskConfig

            assert evaluator_utils  # imported now, since it wants what is hollow as well
            config = utils.load_yaml_config(str(definition), mode="full")
        defined = plain(TaskConfig(**json_copy(config)).to_dict())
    except Exception as error:  # whatever a task's own code raises while it is imported
        raise JudgeError(f"task {definition.name}: expected to be loadable, found {error}") from error

    class Logged(ConfigurableTask):  # type: ignore[misc]
        """Takes its problems from a log instead of a download."""

        def download(self, dataset_kwargs: Any = None) -> None:
            """Nothing is fetched."""
            self.dataset = self.dataset_no_image = {self.config.test_split: _Docs([doc])}

        def doc_to_text(self, doc: dict[str, Any]) -> str:
            """The harness tries the first problem; what a log has of it cannot be asked again."""
            return str(super().doc_to_text(doc)) if whole else ""

    # A column that is not there would be taken for a template without variables.
    columns = {"question"} | ({config["doc_to_target"]} & {"answer", "answers"})
    if whole and (lacking := sorted(columns - doc.keys())):
        raise wrong(*where, f"a problem with {' and '.join(lacking)}", f"the columns {', '.join(doc)[:200]}")
    kwargs = config.get("lmms_eval_specific_kwargs")
    variants = list(json_copy(kwargs).values()) if kwargs else [None]
    if not whole and callable(config["doc_to_target"]):
        config["doc_to_target"] = "target"
    try:
        task = Logged(config=config)
    except Exception as error:  # the first problem is a stranger's
        raise unreadable(*where, error) from error
    return Task(task=task, defined=named(defined), variants=variants, filter=task._filters[0].name)


def json_copy(value: Any) -> Any:
    """A copy of what a YAML file holds; functions stay the same ones."""
    if isinstance(value, dict):
        return {key: json_copy(part) for key, part in value.items()}
    return [json_copy(part) for part in value] if isinstance(value, list) else value


def plain(value: Any) -> JSON:
    """A value as it comes back from a log."""
    from lmms_eval.utils import handle_non_serializable

    return json.loads(json.dumps(value, default=handle_non_serializable))


def named(config: Mapping[str, JSON]) -> dict[str, JSON]:
    """A logged definition with functions and classes by their names, without addresses and modules."""
    text = json.dumps(config)
    found: dict[str, JSON] = json.loads(_ADDRESS.sub(r"<\1 \2>", text))
    return found


def aggregate(task: Task, values: Mapping[str, list[Any]], bootstrap: int) -> dict[str, Any]:
    """Numbers and standard errors by ``metric,filter``, as the harness makes them.

    Args:
        task: of the values.
        values: by metric, in the order of the log.
        bootstrap: iterations for standard errors; 0 for none.
    """
    from lmms_eval.evaluator_utils import TaskOutput

    output = TaskOutput.from_taskdict(task.task.config.task, task.task)
    for name, items in values.items():
        output.sample_metrics[name, task.filter] = items
    output.calculate_aggregate_metric(bootstrap_iters=bootstrap)
    output.calculate_clt_aggregate_metric()
    return dict(output.agg_metrics)


def version(task: Task) -> str:
    """The task's version as the harness logs it; ``Yaml`` stands for none."""
    return str(task.task.VERSION)


def samples_hash(count: int) -> str:
    """The harness's digest over a task's samples; it depends on nothing but their number."""
    from lmms_eval.utils import hash_string

    doc_hash = hash_string(json.dumps(None, indent=2))
    return str(hash_string("".join(f"sample_{i}{doc_hash}" for i in range(count))))


def stripped(text: str, tags: Sequence[Sequence[str]]) -> str:
    """An answer without blocks between such tags, as the harness cuts them."""
    from lmms_eval.api.reasoning import strip_reasoning_tags

    return str(strip_reasoning_tags(text, [list(pair) for pair in tags]))


def unreadable(path: Path, number: int, error: Exception) -> DocumentError:
    """Make the error for a problem that makes the harness raise."""
    said = f"{type(error).__name__}: {error}"[:200]
    return wrong(path, number, "a problem that the harness can judge", f"one that makes it raise {said}")


__all__ = ["CONDITIONS", "DEFINING", "Line", "Task", "aggregate", "load_task", "plain", "samples_hash"]
