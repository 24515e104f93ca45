"""The runner of every benchmark that lmms-eval judges."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.runners.child.process import ask
from verifier.runners.lmms_eval import identity, layout, results, verdict
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmsEvalRunner:
    """One registered benchmark: a task of lmms-eval, on one split of its dataset.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        task: the harness's task.
        yaml: its definition below ``lmms_eval/tasks``, or below this project's own ``tasks``.
        folders: folders below ``lmms_eval/tasks`` whose code judges it.
        version: the version that the harness logs for it; ``Yaml`` where the definition states none.
        split: the dataset's split that the definition names.
        size: how many problems that split has as published.
        kind: how its samples are judged (``kinds.KINDS``).
        metric, filter: what decides whether a problem counts as solved: the value 1.
        mean: claims are about the metric's mean over problems, which may be solved in part.
        parts: metrics that are of a part of the benchmark.
        own: the task is this project's own.
        pin: the pinned dataset; None where no copy was at hand to pin it.
    """

    name: str
    aliases: tuple[str, ...] = ()
    task: str
    yaml: str
    folders: tuple[str, ...]
    version: str = "Yaml"
    split: str
    size: int
    kind: str
    metric: str
    filter: str = "none"
    mean: bool = False
    parts: tuple[str, ...] = ()
    own: bool = False
    pin: DatasetPin | None = None

    @property
    def problems(self) -> int | None:
        """Number of problems where every score is k of that many; None where cards state means or parts."""
        return self.size if self.own else None

    @property
    def dataset(self) -> DatasetPin | None:
        """The pinned dataset file; None where ``score`` takes any copy of the dataset, or none."""
        return self.pin

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here; None if they can."""
        return identity.missing()

    def beside(self, samples: Sequence[str]) -> tuple[str, ...]:
        """Where the other file of the same run lies: of a log its results, of results its log."""
        return layout.beside(samples, self.task)

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score the log of one run. Answers are text: nothing of them is executed.

        Args:
            samples: a log (``<time>_samples_<task>.jsonl``), ``<time>_results.json``, or a run's folder.
            options: ``dataset`` holds the split's problems (JSON lines in its order, without pictures, plain
                or packed by gzip); None to go by what the log still has of them.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed.
            EvidenceMissingError: packages are missing, or the log is of another task.
            EvidenceMismatchError: the dataset is not the pinned one.
            JudgeError: the harness broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        run = layout.find(samples, self.task)
        said = results.load(run.results, self.task) if run.results else None
        sha256 = self._checked(options.dataset)

        def tell(done: int) -> None:
            options.tell("samples", done, self.size)

        found = ask("verifier.runners.lmms_eval.rescore:run", self._request(run, said, options.dataset), tell)
        scored = verdict.Scored(task=self.task, size=self.size, own=self.own, found=found, results=said)
        return self._result(scored, run, sha256)

    def _checked(self, dataset: Path | None) -> str | None:
        if dataset is None or not dataset.is_file():
            return None  # what is no file is told by whoever reads it
        with dataset.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if self.pin is not None and found != self.pin.sha256:
            raise EvidenceMismatchError(
                f"dataset {dataset.name}: expected sha256 {self.pin.sha256}"
                f" ({self.pin.filename}), found {found}",
                expected=self.pin.sha256,
                found=found,
                source=str(dataset),
            )
        return found

    def _request(
        self, run: layout.Run, said: results.Results | None, dataset: Path | None
    ) -> dict[str, JSON]:
        return {
            "yaml": str(identity.task_file(self.yaml, own=self.own)),
            "log": str(run.log.absolute()),
            "size": self.size,
            "kind": self.kind,
            "metric": self.metric,
            "dataset": str(dataset.absolute()) if dataset else None,
            "bootstrap": said.bootstrap if said else 100_000,
            "tags": [list(pair) for pair in said.tags] if said and said.tags is not None else None,
        }

    def _metrics(self, found: dict[str, Any]) -> Iterator[Metric]:
        for name, filter_, value, stderr, _, n, part in found["metrics"]:
            yield Metric(
                name=name,
                filter=filter_,
                value=value,
                stderr=stderr,
                n=n,
                task=f"{self.task}/{part}" if part else self.task,
                whole=not part and name not in self.parts,
            )

    def _result(self, scored: verdict.Scored, run: layout.Run, dataset: str | None) -> ScoreResult:
        found = dict(scored.found)
        statuses = {int(doc): row for doc, row in found["status"].items()}
        metrics = tuple(self._metrics(found))
        whole = [m for m in metrics if m.whole and (m.name, m.filter) == (self.metric, self.filter)]
        return ScoreResult(
            benchmark=self.name,
            judge=identity.judge(self.folders)
            | {
                "tasks": {self.task: self.version},
                "definition": self._definition_sha256(),
                "split": self.split,
                "dataset": dataset or found["problems"],
            },
            tasks={self._id(doc): _status(*statuses[doc]) for doc in sorted(statuses)},
            total=self.size,
            missing=tuple(self._id(doc) for doc in range(self.size) if doc not in statuses),
            extra=tuple(self._id(doc) for doc in sorted({*found["extra"], *found["foreign"]})),
            duplicate=tuple(self._id(doc) for doc in found["duplicate"]),
            samples_sha256=found["sha256"],
            notes=(*run.notes, *self._notes(), *verdict.notes(scored)),
            metric=f"{self.metric},{self.filter}",
            metrics=metrics,
            differing=(*self._differing(found), *verdict.reported(scored, metrics)),
            limits=verdict.limits(scored),
            headline=whole[0] if self.mean and whole else None,
            answers={
                self._id(int(doc)): Answer(digest=digest, length=length)
                for doc, (digest, length) in found["answers"].items()
            },
        )

    def _definition_sha256(self) -> str:
        return hashlib.sha256(identity.task_file(self.yaml, own=self.own).read_bytes()).hexdigest()

    def _notes(self) -> Iterator[str]:
        if self.mean:
            yield f"a problem counts as solved with full {self.metric}; the score is the mean over all"

    def _differing(self, found: dict[str, Any]) -> Iterator[Difference]:
        for doc, what, logged, computed in found["differing"]:
            yield Difference(where=self._id(doc), what=what, logged=logged, found=computed)

    def _id(self, doc: int) -> str:
        return f"{self.task}/{doc}"


def _status(passes: bool, solved: bool | None, note: str) -> TaskResult:
    return TaskResult(official="pass" if passes else "fail", isolated=None, confirmed=solved, note=note)
