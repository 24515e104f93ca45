"""The runner of aider's polyglot benchmark: its rates recomputed from the results of a run.

Whether an exercise's tests passed stands in its result file and nowhere else: their output is only in the
chat's history, between words of the model. A result is its publisher's word, and its score decides nothing.
"""

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from verifier.runners.agents import aider_results, archive
from verifier.runners.agents.aider_results import LANGUAGES, Result, Run
from verifier.runners.model import DEFAULTS, DatasetPin, Metric, ScoreOptions, ScoreResult, TaskResult

_RULE = "1"
"""Version of how results are counted."""
_WORD = "solved by its publisher's word (tests_outcomes); no log of the tests is part of a run"
_LIMIT = (
    "whether an exercise's tests passed is its publisher's word; test the solutions again in aider's"
    " container (benchmark/docker.sh) to know"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AiderRunner:
    """One registered benchmark.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        languages: number of exercises by language.
    """

    name: str = "aider_polyglot"
    aliases: tuple[str, ...] = ("aider-polyglot", "Aider Polyglot", "Aider-Polyglot", "aider polyglot")
    languages: Mapping[str, int] = field(default_factory=lambda: LANGUAGES)

    @property
    def problems(self) -> int | None:
        """None: aider divides by the exercises that have a result."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: nothing is compared with the exercises."""
        return None

    def unavailable(self) -> str | None:
        """None: nothing is needed."""
        return None

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Count a run's results. Nothing of a solution is executed.

        Args:
            samples: the run's folder, or a ZIP file of it.
            options: of use only to tell when it is done.

        Raises:
            UsageError: no run there, or more than one.
            DocumentError: a result is malformed.
        """
        with archive.opened(samples, aider_results.is_wanted, aider_results.MAX_RESULT) as found:
            run = aider_results.find(found.path)
        options.tell("exercises", len(run.results), len(run.results))
        extra = set(self._extra(run))
        results = {name: one for name, one in run.results.items() if name not in extra}
        return ScoreResult(
            benchmark=self.name,
            judge={"name": "aider-results", "version": _RULE, "python": platform.python_version()},
            tasks={name: _task(one) for name, one in results.items()},
            total=sum(self.languages.values()),
            missing=tuple(self._missing(run, results)),
            extra=tuple(sorted(extra)),
            samples_sha256=found.sha256 or run.reader.digest(),
            notes=(*found.notes, *run.notes, *_mixed(results)),
            metric="pass_rate_2",
            metrics=tuple(self._metrics(results)),
            differing=tuple(aider_results.contradictions(run.results)),
            limits=(_LIMIT,),
        )

    def _metrics(self, results: Mapping[str, Result]) -> Iterator[Metric]:
        for i, rate in enumerate(aider_results.rates(results), 1):
            yield Metric(
                name=f"pass_rate_{i}",
                filter="none",
                value=rate,
                stderr=None,
                n=len(results),
                task=self.name,
                full=100.0,
            )

    def _extra(self, run: Run) -> Iterator[str]:
        """Exercises beyond the benchmark's: of another language, or more than a language has."""
        seen: Counter[str] = Counter()
        for name in run.results:
            language = name.partition("/")[0]
            seen[language] += 1
            if seen[language] > self.languages.get(language, 0):
                yield name

    def _missing(self, run: Run, results: Mapping[str, Result]) -> Iterator[str]:
        for language, size in self.languages.items():
            mine = f"{language}/"
            rest = size - sum(name.startswith(mine) for name in results)
            named = [name for name in run.unfinished if name.startswith(mine)][:rest]
            yield from named
            yield from (f"{mine}(unnamed {i})" for i in range(1, rest - len(named) + 1))


def _task(one: Result) -> TaskResult:
    if one.solved:
        return TaskResult(official="pass", isolated=None, confirmed=None, note=_WORD)
    broke = "the run broke: " + str(one.said["exception"])[:200] if "exception" in one.said else ""
    return TaskResult(official="fail", isolated=None, confirmed=False, note=broke)


def _mixed(results: Mapping[str, Result]) -> Iterator[str]:
    """A run of several models or formats is not one run."""
    for key in ("model", "edit_format", "commit_hash"):
        found = sorted({str(one.said[key])[:80] for one in results.values() if one.said.get(key)})
        if len(found) > 1:
            yield f"results of {len(found)} kinds under {key!r}: {', '.join(found[:3])}"


AIDER_POLYGLOT = AiderRunner()
