"""The runner of every benchmark that lm-evaluation-harness judges."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.claims.samples import joined
from verifier.errors import EvidenceMissingError
from verifier.runners.child.process import ask
from verifier.runners.lm_eval import dataset as dataset_file
from verifier.runners.lm_eval import identity, layout, results
from verifier.runners.lm_eval.verdict import Judged, limits, reported
from verifier.runners.model import (
    DEFAULTS,
    Answer,
    DatasetPin,
    Difference,
    Metric,
    ScoreOptions,
    ScoreResult,
    TaskResult,
)
from verifier.verdicts import JSON

_PASS = TaskResult(official="pass", isolated=None, confirmed=True)
_FAIL = TaskResult(official="fail", isolated=None, confirmed=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LmEvalTask:
    """One task of the harness.

    Attributes:
        name: exact name.
        yaml: its definition below ``lm_eval/tasks``, or the absolute path of another.
        version: the version that the definition states.
        size: how many problems its dataset has.
        fewshot: how many examples its prompts hold.
        docs_sha256: digest over its problems (``dataset.digest``); None where no copy was at hand to pin it.
    """

    name: str
    yaml: str
    version: str
    size: int
    fewshot: int
    docs_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LmEvalRunner:
    """One registered benchmark: a task of the harness, or a group of them.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        tasks: its tasks, in the group's order.
        group: the group's definition, as a task's; None for a single task.
        metric, filter: what decides whether a problem counts as solved.
        packages: distributions that it needs besides the harness.
        sentences: whether it splits sentences and tells languages.
        counted: whether every score of it is k of its problems, whatever metric and filter are meant.
    """

    name: str
    aliases: tuple[str, ...] = ()
    tasks: tuple[LmEvalTask, ...]
    group: str | None = None
    metric: str
    filter: str = "none"
    packages: tuple[str, ...] = ()
    sentences: bool = False
    counted: bool = False

    @property
    def problems(self) -> int | None:
        """How many; None where cards state averages over parts, or other metrics, which are not k of n."""
        return sum(task.size for task in self.tasks) if self.counted else None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: a log brings its problems along."""
        return None

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here; None if they can."""
        return identity.missing(self.packages)

    def beside(self, samples: Sequence[str]) -> tuple[str, ...]:
        """Where the other files of the same run lie: of logs its results, of results its logs."""
        return layout.beside(samples, [task.name for task in self.tasks])

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score the logs of one run. Answers are text: nothing of them is executed.

        Args:
            samples: a log (``samples_<task>_<time>.jsonl``), ``results_<time>.json``, or a run's folder.
            options: ``dataset`` holds problems to compare the log's with (JSON lines with ``doc_id`` and
                ``doc``, and ``task`` for a group); None to compare with the pinned digests alone.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed.
            EvidenceMissingError: packages are missing, or the log is of another task or version of one.
            JudgeError: the harness broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        tasks = {task.name: task for task in self.tasks}
        run = layout.find(samples, tuple(tasks))
        said = results.load(run.results) if run.results else None
        known = dataset_file.load(options.dataset, tuple(tasks)) if options.dataset else None
        total = sum(task.size for task in self.tasks)

        def tell(done: int) -> None:
            options.tell("samples", done, total)

        found = ask("verifier.runners.lm_eval.rescore:run", self._request(run, said), tell)
        judged = Judged(
            reports=found["tasks"], metrics=tuple(self._metrics(found["metrics"])), results=said, known=known
        )
        return self._result(judged, run)

    def _request(self, run: layout.Run, said: results.Results | None) -> dict[str, JSON]:
        tasks = {task.name: task for task in self.tasks}
        return {
            "tasks": [
                {
                    "name": name,
                    "yaml": str(identity.task_file(tasks[name].yaml)),
                    "log": str(path.absolute()),
                    "size": tasks[name].size,
                }
                for name, path in run.logs.items()
            ],
            "group": str(identity.task_file(self.group)) if self.group else None,
            "metric": self.metric,
            "filter": self.filter,
            "stderr": said is None or said.bootstrap,
            "sentences": self.sentences,
        }

    def _metrics(self, found: Mapping[str, Any]) -> Iterator[Metric]:
        parts = {task.name for task in self.tasks} if self.group else set()
        for name, rows in found.items():
            for metric, filter_, value, stderr, n in rows:
                yield Metric(
                    name=metric,
                    filter=filter_,
                    value=value,
                    stderr=stderr,
                    n=n,
                    task=name,
                    whole=name not in parts,
                )

    def _result(self, judged: Judged, run: layout.Run) -> ScoreResult:
        statuses: dict[str, TaskResult] = {}
        missing: list[str] = []
        extra: list[str] = []
        duplicate: list[str] = []
        answers: dict[str, Answer] = {}
        for task in self.tasks:
            report = judged.reports.get(task.name, {"extra": (), "duplicate": ()})
            foreign = judged.foreign(task.name)
            known: set[int] = set()
            for one in judged.problems(task.name):
                if one.complete and one.doc_id not in foreign:
                    known.add(one.doc_id)
                    where = f"{task.name}/{one.doc_id}"
                    statuses[where] = _PASS if one.solved else _FAIL
                    if one.answered:
                        answers[where] = Answer(
                            digest=one.answer.hex(), length=one.length, canonical=one.canonical
                        )
            missing += [f"{task.name}/{doc}" for doc in range(task.size) if doc not in known]
            extra += [f"{task.name}/{doc}" for doc in sorted({*report["extra"], *foreign})]
            duplicate += [f"{task.name}/{doc}" for doc in report["duplicate"]]
        definitions = (*(task.yaml for task in self.tasks), *((self.group,) if self.group else ()))
        return ScoreResult(
            benchmark=self.name,
            judge=identity.judge(self.packages, definitions)
            | {
                "tasks": {task.name: task.version for task in self.tasks},
                "dataset": dataset_file.digest(
                    {
                        f"{name}/{doc}": sha
                        for name in judged.reports
                        for doc, sha in judged.docs(name).items()
                    }
                ),
            },
            tasks=statuses,
            total=sum(task.size for task in self.tasks),
            missing=tuple(missing),
            extra=tuple(extra),
            duplicate=tuple(duplicate),
            samples_sha256=joined([judged.reports[name]["sha256"] for name in run.logs]),
            notes=(*run.notes, *judged.notes({task.name: task.fewshot for task in self.tasks})),
            metric=f"{self.metric},{self.filter}",
            metrics=judged.metrics,
            differing=(*self._differing(judged), *reported(judged)),
            answers=answers,
            limits=limits(judged, {task.name: (task.version, task.docs_sha256) for task in self.tasks}),
        )

    def _differing(self, judged: Judged) -> Iterator[Difference]:
        for name, report in judged.reports.items():
            for doc, what, logged, found in report["differing"]:
                yield Difference(where=f"{name}/{doc}", what=what, logged=logged, found=found)
