"""Runs of other harnesses that reference artifacts publish: their files, and what they score."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forge.reference import logs_lm_eval, logs_lmms
from forge.reference.bench import charts, words
from verifier.claims.samples import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One benchmark's score in a run.

    Attributes:
        metric: as the harness calls it.
        samples: names of the files with its samples.
        percent: the score, exact in decimal.
    """

    metric: str
    samples: tuple[str, ...]
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A run of a harness.

    Attributes:
        folder: where its files lie in the artifact.
        files: their bytes by name.
        results: name of the harness's account of it.
        scores: by benchmark.
    """

    folder: str
    files: Mapping[str, bytes]
    results: str
    scores: Mapping[str, Score]

    def paths(self) -> dict[str, bytes]:
        """The files by their path in the artifact."""
        return {f"{self.folder}/{name}": data for name, data in self.files.items()}

    def named(self, benchmark: str, *, together: bool) -> dict[str, Any]:
        """The fields with which a card names the samples of one benchmark, with the digests.

        Args:
            benchmark: which one.
            together: one digest over several files instead of one for each.
        """
        names = self.scores[benchmark].samples
        digests = [hashlib.sha256(self.files[name]).hexdigest() for name in names]
        each: str | list[str] = [f"sha256:{one}" for one in digests]
        several = [f"{self.folder}/{name}" for name in names]
        return {
            "samplesPath": several if len(names) > 1 else several[0],
            "resultHash": f"sha256:{joined(digests)}" if together or len(names) == 1 else each,
            "resultsPath": f"{self.folder}/{self.results}",
            "resultsHash": f"sha256:{hashlib.sha256(self.files[self.results]).hexdigest()}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The runs of an artifact and of its base model."""

    student: Logged
    base: Logged

    def results(self) -> list[dict[str, Any]]:
        """One entry of ``results.benchmarks`` for each benchmark."""
        found = []
        for name, score in self.student.scores.items():
            before = self.base.scores[name].percent
            own = self.student.named(name, together=False)
            base = self.base.named(name, together=True)
            found.append(
                {
                    "name": name,
                    "metric": score.metric,
                    "score": score.percent,
                    "baseScore": before,
                    "delta": score.percent - before,
                    "calibrated": True,
                    **own,
                    **{f"base{key[0].upper()}{key[1:]}": value for key, value in base.items()},
                }
            )
        return found


def lm_eval(which: str, faults: logs_lm_eval.Faults) -> Logged:
    """A run of lm-eval on AlloyBench-Words.

    Args:
        which: ``"student"`` or ``"base"``; the run's folder.
        faults: what was not answered rightly.
    """
    solved = logs_lm_eval.solved(faults)
    parts = {words.BENCHMARK: tuple(words.TASKS), **{task: (task,) for task in words.TASKS}}
    return Logged(
        folder=f"eval/lm_eval/{which}",
        files=logs_lm_eval.files(faults),
        results=logs_lm_eval.RESULTS,
        scores={
            name: Score(
                metric="exact_match",
                samples=tuple(logs_lm_eval.samples_name(task) for task in tasks),
                percent=_percent(
                    sum(solved[task] for task in tasks), sum(len(words.TASKS[task]) for task in tasks)
                ),
            )
            for name, tasks in parts.items()
            if name != "alloybench_words_counts"
        },
    )


def lmms_eval(which: str, faults: Mapping[int, str]) -> Logged:
    """A run of lmms-eval on AlloyBench-Charts.

    Args:
        which: ``"student"`` or ``"base"``; the run's folder.
        faults: problem number -> ``"near"`` or ``"wrong"``.
    """
    with TemporaryDirectory(prefix="alloy-reference-") as scratch:
        samples, results = logs_lmms.write(Path(scratch), charts.answers(faults))
        files = {path.name: path.read_bytes() for path in (samples, results)}
    wrong = sum(quality == "wrong" for quality in faults.values())
    count = len(charts.PROBLEMS)
    score = Score(
        metric=logs_lmms.METRICS[0], samples=(samples.name,), percent=_percent(count - wrong, count)
    )
    return Logged(
        folder=f"eval/lmms_eval/{which}", files=files, results=results.name, scores={charts.TASK: score}
    )


def _percent(solved: int, count: int) -> float:
    """In percent, exact: whoever chooses faults has to choose such a number."""
    if 1000 * solved % count:
        raise ValueError(f"{solved} of {count} is no percentage with one decimal")
    return 100 * solved / count


def every(pairs: Sequence[Pair]) -> dict[str, bytes]:
    """The files of all runs, by path."""
    return {
        path: data
        for pair in pairs
        for run in (pair.student, pair.base)
        for path, data in run.paths().items()
    }
