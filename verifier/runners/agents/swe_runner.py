"""The runner of SWE-bench Verified: resolved instances, recomputed from the official evaluation's logs."""

import functools
import hashlib
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners import installed
from verifier.runners.agents import archive, swe_layout
from verifier.runners.agents.swe_grade import MAX_LOG
from verifier.runners.agents.swe_layout import Run
from verifier.runners.child.process import ask
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

PACKAGE = "swebench"
VERSION = "5.0.2"
# Its own requirements (datasets, Docker, Modal) are for running containers; grading a log needs one of them.
INSTALL = f"pip install 'alloy-verifier[swebench]' && pip install --no-deps {PACKAGE}=={VERSION}"
NEEDED = ("unidiff",)
_SOURCES = ("harness/grading.py", "harness/constants", "harness/infra_failure.py", "harness/log_parsers")
REPOSITORIES = frozenset(
    {
        "astropy/astropy",
        "django/django",
        "matplotlib/matplotlib",
        "mwaskom/seaborn",
        "pallets/flask",
        "psf/requests",
        "pydata/xarray",
        "pylint-dev/pylint",
        "pytest-dev/pytest",
        "scikit-learn/scikit-learn",
        "sphinx-doc/sphinx",
        "sympy/sympy",
    }
)
"""Whose issues SWE-bench Verified is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweBenchRunner:
    """One registered set of instances.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        size: number of instances.
    """

    name: str = "swe_bench_verified"
    aliases: tuple[str, ...] = (
        "swebench_verified",
        "SWE-bench Verified",
        "SWE-bench_Verified",
        "SWE-Bench Verified",
        "swe-bench-verified",
    )
    size: int = 500

    @property
    def problems(self) -> int | None:
        """None: cards state means over several runs, which are not k of n."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: no digest is pinned; the dataset can be given."""
        return None

    def unavailable(self) -> str | None:
        """Why logs cannot be graded here; None if they can."""
        return installed.missing({PACKAGE: VERSION, **dict.fromkeys(NEEDED)}, INSTALL)

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Grade the logs of one evaluation. Nothing of a patch is executed.

        An instance is confirmed by its ``test_output.txt`` alone. What a report or summary says without that
        log is its publisher's word and decides nothing.

        Args:
            samples: the folder of a run, or a ZIP file of it, or its summary or predictions (which then
                decide nothing).
            options: ``dataset`` holds the instances with their lists of tests (JSON lines or a JSON list);
                None to take the lists from the reports, which decides no claim.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed.
            EvidenceMissingError: packages are missing.
            JudgeError: the harness broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        with archive.opened(samples, swe_layout.is_wanted, MAX_LOG) as found:
            result = self._score(found.path, options)
        return replace(
            result,
            samples_sha256=found.sha256 or result.samples_sha256,
            notes=(*found.notes, *result.notes),
        )

    def _score(self, samples: Path, options: ScoreOptions) -> ScoreResult:
        run = swe_layout.find(samples)
        names = _names(run)
        if not names:
            raise DocumentError(f"{samples.name}: expected instances, found none")
        request: dict[str, JSON] = {
            "root": str(run.root.absolute()),
            "instances": [_wanted(run, name) for name in names],
            "dataset": str(options.dataset.absolute()) if options.dataset else None,
        }

        def tell(done: int) -> None:
            options.tell("instances", done, len(names))

        found = ask("verifier.runners.agents.swe_grade:run", request, tell)
        run.reader.digests.update(found["digests"])
        return _Result(self, run, found["instances"], found["known"]).score()


def _names(run: Run) -> list[str]:
    """Every instance that anything in the run names."""
    named: dict[str, None] = dict.fromkeys(run.instances)
    named |= dict.fromkeys(run.predictions or ())
    if run.summary is not None:
        named |= dict.fromkeys((*run.summary.resolved, *run.summary.others))
    return sorted(named)


def _wanted(run: Run, name: str) -> dict[str, JSON]:
    folder = run.instances.get(name)
    predictions = run.predictions or {}
    return {
        "id": name,
        "folder": str(folder.absolute()) if folder else None,
        "predicted": name in predictions,
        "patch": predictions.get(name),
    }


@dataclass(frozen=True, slots=True)
class _Result:
    """A graded run, with everything that it is compared with."""

    runner: SweBenchRunner
    run: Run
    graded: Mapping[str, Any]
    known: list[str] | None

    def score(self) -> ScoreResult:
        """The whole result."""
        extra = set(self._extra())
        mine = {name: one for name, one in self.graded.items() if name not in extra}
        tasks = {name: self._task(name, one) for name, one in mine.items()}
        passed = sum(task.confirmed is True for task in tasks.values())
        metric = Metric(
            name="resolved",
            filter="none",
            value=passed / self.runner.size,
            stderr=None,
            n=len(tasks),
            task=self.runner.name,
        )
        return ScoreResult(
            benchmark=self.runner.name,
            judge=_judge(self.known),
            tasks=tasks,
            total=self.runner.size,
            missing=tuple(self._missing(tasks)),
            extra=tuple(sorted(extra)),
            duplicate=self._duplicate(),
            samples_sha256=self.run.reader.digest(),
            notes=self.run.notes,
            metric="resolved",
            metrics=(metric,),
            differing=(*self._differing(), *self._of_summary(tasks)),
            limits=tuple(self._limits(mine)),
            answers={
                name: Answer(digest=one["answer"][0], length=one["answer"][1], canonical=one["canonical"])
                for name, one in mine.items()
                if one["answer"]
            },
        )

    def _task(self, name: str, one: Mapping[str, Any]) -> TaskResult:
        resolved, note = one["resolved"], one["note"]
        said = resolved
        if resolved is None:
            listed = self.run.summary is not None and name in self.run.summary.resolved
            said = one["claimed"] if one["claimed"] is not None else listed
            note += "; what the run says of it is its publisher's word" if said else ""
        return TaskResult(official="pass" if said else "fail", isolated=None, confirmed=resolved, note=note)

    def _extra(self) -> Iterator[str]:
        if self.known is not None:
            yield from (name for name in self.graded if name not in self.known)
            return
        right = [name for name in self.graded if _repository(name) in REPOSITORIES]
        yield from (name for name in self.graded if name not in right)
        yield from right[self.runner.size :]

    def _missing(self, tasks: Mapping[str, TaskResult]) -> Iterator[str]:
        named = [name for name in self.known or () if name not in tasks]
        yield from named
        rest = self.runner.size - len(tasks) - len(named)
        yield from (f"(unnamed {i})" for i in range(1, rest + 1))

    def _duplicate(self) -> tuple[str, ...]:
        counts = Counter(self.run.summary.resolved if self.run.summary else ())
        return tuple(sorted({*self.run.repeated, *(name for name, n in counts.items() if n > 1)}))

    def _differing(self) -> Iterator[Difference]:
        for name, one in self.graded.items():
            for what, logged, found in one["differing"]:
                yield Difference(where=name, what=what, logged=logged, found=found)

    def _of_summary(self, tasks: Mapping[str, TaskResult]) -> Iterator[Difference]:
        summary = self.run.summary
        if summary is None:
            return
        for name, task in tasks.items():
            listed = name in summary.resolved
            if task.confirmed not in (None, listed):
                yield Difference(
                    where=name, what=f"{summary.name} resolved", logged=listed, found=task.confirmed
                )
        count = summary.counts.get("resolved_instances")
        if count is not None and count != len(summary.resolved):
            yield Difference(
                where=summary.name, what="resolved_instances", logged=count, found=len(summary.resolved)
            )

    def _limits(self, mine: Mapping[str, Any]) -> Iterator[str]:
        size = self.runner.size
        if self.known is None:
            yield (
                "tests are listed by the publisher, and the instances were not compared with the dataset:"
                " no digest is pinned, and none was given (--dataset)"
            )
        elif len(self.known) != size:
            yield f"the given dataset has {len(self.known)} instances, {self.runner.name} {size}"
        total = self.run.summary.counts.get("total_instances") if self.run.summary else None
        if total not in (None, size):
            yield f"the run's summary is of {total} instances, {self.runner.name} has {size}"
        unknown = [
            name
            for name, one in mine.items()
            if one["resolved"] is not None
            and self.run.instances.get(name) is not None
            and not one["marked"]
            and one["claimed"] != one["resolved"]
        ]
        if unknown:
            yield (
                f"nothing says which swebench graded {len(unknown)} instance(s) ({unknown[0]}), and no report"
                f" agrees with the judge, {PACKAGE} {VERSION}"
            )


def _repository(name: str) -> str:
    return name.rpartition("-")[0].replace("__", "/", 1)


@functools.cache
def _sources_digest() -> str:
    """sha256 over the harness's grading code, found without importing it."""
    root = installed.folder(PACKAGE)
    parts = [root / part for part in _SOURCES]
    files = (file for part in parts for file in (sorted(part.glob("*.py")) if part.is_dir() else [part]))
    return installed.sources_digest(installed.named(root, files))


def _judge(known: list[str] | None) -> dict[str, JSON]:
    names = "\n".join(sorted(known)) if known else ""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": installed.version(PACKAGE),
        "sources": _sources_digest(),
        "python": platform.python_version(),
        "dataset": hashlib.sha256(names.encode()).hexdigest() if known else "",
    }


SWE_BENCH_VERIFIED = SweBenchRunner()
