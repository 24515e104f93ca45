"""The runner of speech recognition and speech translation benchmarks, judged by lmms-eval's own functions."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import EvidenceMissingError
from verifier.runners.audio import identity, layout, log
from verifier.runners.child.process import ask
from verifier.runners.lm_eval import results
from verifier.runners.lm_eval.results import Results
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
class Part:
    """One split of a corpus, or one language pair: what has a number of its own.

    Attributes:
        name: the harness's task.
        size: how many utterances it has.
        scorer: ``wer``, ``bleu_zh`` or ``bleu_en``.
        spellings: other words for it, under ``part`` in plain lines.
    """

    name: str
    size: int
    scorer: str
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRunner:
    """One registered benchmark.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        family: whose of the harness's sources judge it: ``librispeech`` or ``covost2``.
        parts: its splits or language pairs. Samples of one of them give its number. There is no number over
            several: the harness computes none.
        metric: the harness's name for the number.
    """

    name: str
    aliases: tuple[str, ...] = ()
    family: str
    parts: tuple[Part, ...]
    metric: str

    @property
    def problems(self) -> int | None:
        """None: an error rate or BLEU is not k of n."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: samples bring their references along."""
        return None

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here; None if they can."""
        return identity.missing()

    def beside(self, samples: Sequence[str]) -> tuple[str, ...]:
        """Where the other files of the same run lie: of a log its results, of results its logs."""
        return layout.beside(samples, [part.name for part in self.parts])

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score transcripts or translations. They are text: nothing of them is executed.

        An utterance is confirmed if it has no error after the harness's normalisation.

        Args:
            samples: a log of lmms-eval, plain lines (``log``), or the folder of a run.
            options: ``dataset`` holds lines of the same forms, whose references are the true ones; None if
                there are none to compare with.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed.
            EvidenceMissingError: packages are missing, or the samples are of another split or language pair,
                or do not say of which.
            JudgeError: the harness broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        run = layout.find(samples, [part.name for part in self.parts])
        said = results.load(run.results) if run.results else None
        total = sum(part.size for part in self.parts)

        def tell(done: int) -> None:
            options.tell("utterances", done, total)

        found = ask("verifier.runners.audio.rescore:run", self._request(run, options.dataset), tell)
        parts = {part.name: part for part in self.parts}
        return self._result(
            [_Judged(parts[name], self.metric, report, said) for name, report in found["parts"].items()],
            found["files"],
        )

    def _request(self, run: layout.Run, dataset: Path | None) -> dict[str, JSON]:
        return {
            "files": [{"task": task, "path": str(path.absolute())} for task, path in run.logs.items()],
            "parts": [
                {
                    "name": part.name,
                    "size": part.size,
                    "scorer": part.scorer,
                    "spellings": list(part.spellings),
                }
                for part in self.parts
            ],
            "dataset": str(dataset.absolute()) if dataset else None,
        }

    def _result(self, judged: "list[_Judged]", files: list[str]) -> ScoreResult:
        metrics = tuple(metric for one in judged for metric in one.metrics(whole=len(judged) == 1))
        headline = metrics[0] if len(judged) == 1 and metrics else None
        limits = [limit for one in judged for limit in one.limits()]
        if len(judged) > 1:
            names = " or ".join(one.part.name for one in judged)
            limits.append(f"{self.name} has no number over several parts: ask for {names}")
        return ScoreResult(
            benchmark=self.name,
            judge=identity.judge(self.family)
            | {
                "signatures": {one.part.name: one.report["signatures"] for one in judged},
                "dataset": _joined([one.report["references"] for one in judged]),
            },
            tasks={name: task for one in judged for name, task in one.tasks()},
            total=sum(one.part.size for one in judged),
            missing=tuple(name for one in judged for name in one.names("missing")),
            extra=tuple(name for one in judged for name in one.names("extra")),
            duplicate=tuple(name for one in judged for name in one.names("duplicate")),
            samples_sha256=_joined(files),
            metric=self.metric if headline else "utterances without an error",
            metrics=metrics,
            headline=headline,
            differing=tuple(row for one in judged for row in (*one.differing(), *one.reported())),
            limits=tuple(limits),
            answers={name: answer for one in judged for name, answer in one.answers()},
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A part as the judges' process reports it, with what the run says about itself."""

    part: Part
    metric: str
    report: Mapping[str, Any]
    said: Results | None

    def names(self, which: str) -> Iterator[str]:
        """Utterances under a key of the report, with the part's name."""
        for name in self.report[which]:
            yield f"{self.part.name}/{name}"

    def tasks(self) -> Iterator[tuple[str, TaskResult]]:
        """What became of each utterance."""
        for name, errors in self.report["errors"].items():
            right = errors == 0
            yield (
                f"{self.part.name}/{name}",
                TaskResult(official="pass" if right else "fail", isolated=None, confirmed=right),
            )

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """What is remembered of each prediction."""
        for name, (digest, length) in self.report["answers"].items():
            yield f"{self.part.name}/{name}", Answer(digest=digest, length=length)

    def metrics(self, *, whole: bool) -> Iterator[Metric]:
        """The part's numbers, the harness's first."""
        for name, value in self.report["metrics"]:
            yield Metric(
                name=name,
                filter="none",
                value=value,
                stderr=None,
                n=len(self.report["errors"]),
                task=self.part.name,
                whole=whole,
                full=100.0,
            )

    def differing(self) -> Iterator[Difference]:
        """Where lines contradict themselves, each other or the dataset."""
        for name, what, logged, found in self.report["differing"]:
            yield Difference(where=f"{self.part.name}/{name}", what=what, logged=logged, found=found)

    def reported(self) -> Iterator[Difference]:
        """Where the results file differs from what the log gives."""
        logged, found = self._own_number(), self._number()
        if logged is None or logged == found:
            return
        # Not-a-number stands for what is no number; JSON has no word for it.
        odd = math.isnan(logged)
        yield Difference(
            where=self.part.name,
            what=f"{self.metric},none",
            logged="no number" if odd else logged,
            found=found,
        )

    def limits(self) -> Iterator[str]:
        """Why a claim cannot be decided by this part's score."""
        known = self.report["known"]
        if known is None:
            yield (
                f"the references of {self.part.name} were not compared with the dataset:"
                " no digest is pinned, and none was given (--dataset)"
            )
        elif known != self.part.size:
            yield f"the given dataset has {known} references of {self.part.name}, not {self.part.size}"
        if self.report["surplus"]:
            yield f"{self.part.name} has {self.part.size} utterances; nothing says which of more are extra"
        yield from self._version()

    def _version(self) -> Iterator[str]:
        """Lines may say the harness's version; else the run's own number may show that it matters not."""
        pin = f"{identity.PACKAGE}=={identity.VERSION}"
        if self.report["form"] == log.PLAIN:
            if self.report["harness"] != [pin]:
                said = ", ".join(filter(None, self.report["harness"])) or "nothing"
                yield (
                    f"the number depends on the normaliser: the judge is {pin}, the samples say"
                    f" {said[:80]} under 'harness'"
                )
        elif self._own_number() is None:
            yield f"the run's own {self.metric} of {self.part.name} is not on record (<time>_results.json)"
        elif self._own_number() != self._number():
            yield f"the run's own number is not the judge's ({pin}), and the log does not say its version"

    def _own_number(self) -> float | None:
        if self.said is None or self.report["form"] == log.PLAIN:
            return None
        values = self.said.values.get(self.part.name, {})
        return values.get(f"{self.metric},none")

    def _number(self) -> float | None:
        metrics = self.report["metrics"]
        return float(metrics[0][1]) if metrics else None


def _joined(digests: list[str]) -> str:
    """The digest; of several the digest over them, in the benchmark's order."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
