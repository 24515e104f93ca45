"""The runner of a benchmark's log that inspect wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import EvidenceMissingError
from verifier.runners.child.process import ask
from verifier.runners.inspect_logs import archive, identity
from verifier.runners.inspect_logs.tasks import REASONS, TASKS, InspectTask
from verifier.runners.model import (
    DEFAULTS,
    Answer,
    DatasetPin,
    Difference,
    Metric,
    Runner,
    ScoreOptions,
    ScoreResult,
    TaskResult,
)


def runner_for(runner: Runner, samples: Path) -> Runner:
    """Who judges samples: the benchmark's runner, or inspect, if they are its log.

    Programs are judged by the benchmark's own runner in either case.

    Args:
        runner: the benchmark.
        samples: the file.

    Raises:
        EvidenceMissingError: inspect's logs of this benchmark cannot be scored again.
    """
    from verifier.runners.benchmark import BenchmarkRunner

    if isinstance(runner, BenchmarkRunner) or not archive.is_log(samples):
        return runner
    if runner.name in TASKS:
        return InspectRunner(task=TASKS[runner.name])
    reason = REASONS.get(runner.name, "inspect_evals has no task that stands for it")
    raise EvidenceMissingError(f"benchmark {runner.name}: the samples are a log of inspect; {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectRunner:
    """A benchmark as inspect_evals has it.

    Attributes:
        task: its task there.
    """

    task: InspectTask

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.task.benchmark

    @property
    def aliases(self) -> tuple[str, ...]:
        """None: the benchmark's registered runner has them."""
        return ()

    @property
    def problems(self) -> int | None:
        """None: several answers to each problem are averaged."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: a log brings its problems along."""
        return None

    def unavailable(self) -> str | None:
        """Why logs cannot be scored here; None if they can."""
        return identity.missing()

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score a log. Answers are text: nothing of them is executed.

        The result never decides a claim: what cards call the benchmark is judged by another harness.

        Args:
            samples: ``.eval``, or the same as ``.json``.
            options: of use only to tell how many samples are done.

        Raises:
            UsageError, DocumentError: the log cannot be read or is malformed.
            EvidenceMissingError: packages are missing, or the log is of another task or scorer.
            JudgeError: inspect broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")

        def tell(done: int) -> None:
            options.tell("samples", done, self.task.size)

        request = {"benchmark": self.name, "log": str(samples.absolute())}
        return self._result(ask("verifier.runners.inspect_logs.rescore:run", request, tell))

    def _result(self, found: Mapping[str, Any]) -> ScoreResult:
        named = list(dict.fromkeys(found["named"])) or list(found["tasks"])
        tasks = {key: _task(values) for key, values in found["tasks"].items()}
        metrics = tuple(self._metrics(found["metrics"]))
        # A log does not name the problems that it was not asked.
        unnamed = range(len(named), max(len(named), self.task.size))
        epochs = max((len(values) for values in found["tasks"].values()), default=1)
        return ScoreResult(
            benchmark=self.name,
            judge=identity.judge(self.task),
            tasks={key: task for key, task in tasks.items() if key in set(named)},
            total=max(self.task.size, len(named)),
            missing=(*(key for key in named if key not in tasks), *(f"(not named) {i}" for i in unnamed)),
            extra=tuple(key for key in tasks if key not in set(named)),
            duplicate=tuple(found["duplicate"]),
            samples_sha256=found["sha256"],
            notes=tuple(self._notes(found, epochs)),
            metric=f"{self.task.metric},none" if not metrics else str(_headline(self.task, metrics)),
            headline=_headline(self.task, metrics),
            metrics=metrics,
            differing=tuple(
                Difference(where=where, what=what, logged=logged, found=value)
                for where, what, logged, value in found["differing"]
            ),
            limits=tuple(self._limits(found)),
            answers={key: Answer(digest=digest, length=n) for key, (digest, n) in found["answers"].items()},
        )

    def _metrics(self, rows: list[Any]) -> list[Metric]:
        errors = {reducer: value for name, reducer, value, _ in rows if name == "stderr"}
        return [
            Metric(
                name=name,
                filter=reducer,
                value=value,
                stderr=errors.get(reducer) if name == self.task.metric else None,
                n=n,
                task=f"inspect_evals/{self.task.task}",
                whole=name == self.task.metric,
            )
            for name, reducer, value, n in rows
            if name != "stderr"
        ]

    def _notes(self, found: Mapping[str, Any], epochs: int) -> list[str]:
        notes = []
        if epochs > 1:
            notes.append(
                f"up to {epochs} answers to each problem; one counts as solved if all of them are right,"
                " and the number is the mean over answers"
            )
        if found["broken"]:
            first = found["broken"][0]
            notes.append(f"{len(found['broken'])} sample(s) ended with an error and have no score ({first})")
        if not found["finished"]:
            notes.append("the log says that its run was not finished")
        return notes

    def _limits(self, found: Mapping[str, Any]) -> list[str]:
        limits = [
            f"the samples are of inspect's task {self.task.task} and were judged by its {self.task.scorer}:"
            f" another prompt and another way to read the answer than those of the harness behind {self.name}"
        ]
        for package, version in identity.PACKAGES.items():
            logged = found["packages"].get(package.replace("-", "_"))
            if logged != version:
                limits.append(f"the log is of {package} {logged or '(not stated)'}, the judge is {version}")
        return limits


def _task(values: list[float]) -> TaskResult:
    solved = all(value == 1.0 for value in values)
    right = sum(value == 1.0 for value in values)
    return TaskResult(
        official="pass" if solved else "fail",
        isolated=None,
        confirmed=solved,
        note=f"{right} of {len(values)} answers are right" if len(values) > 1 else "",
    )


def _headline(task: InspectTask, metrics: tuple[Metric, ...]) -> Metric | None:
    return next((metric for metric in metrics if metric.name == task.metric), None)
