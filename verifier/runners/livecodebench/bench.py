"""Programs on their way through both judges: what ``verifier.runners.schedule`` asks for."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verifier.runners import schedule
from verifier.runners.answers import Answers
from verifier.runners.judges import IsolatedRun, OfficialRun, Suite
from verifier.runners.livecodebench import judges
from verifier.runners.livecodebench.dataset import Dataset, Tests
from verifier.runners.model import Progress
from verifier.runners.problems import Problem
from verifier.runners.samples import Sample
from verifier.runners.schedule import Bench, SuiteResult
from verifier.sandbox.client import Sandbox

SUITE = "tests"
# Tests lie packed in the dataset; a problem has one suite, which stands for all of them.
_SUITES = (Suite(name=SUITE, inputs=(), answers=Answers(frames=(), stable=(), quick=None), times=()),)
KEPT = 2
"""How many problems' tests are kept unpacked: some take a hundred megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestBench(Bench):
    """A bench whose judges are those of LiveCodeBench.

    Attributes:
        tests: unpacks a problem's tests; with them their text as the harness has it.
        codes: the harness's last error code by program, filled while judging.
    """

    tests: Callable[[str], tuple[Tests, str]]
    codes: dict[Sample, int] = field(default_factory=dict)

    def suites(self, sample: Sample) -> tuple[Suite, ...]:
        """One suite for all tests."""
        return _SUITES

    def expected_seconds(self, sample: Sample) -> float:
        """Unknown: programs keep their order, so that those of one problem share its unpacked tests."""
        return 0.0

    def ask_official(
        self, sample: Sample, suites: Sequence[Suite], scale: float = 1.0
    ) -> dict[str, OfficialRun]:
        """One run of the official judge."""
        tests, text = self.tests(sample.task_id)
        run, code = judges.judge_officially(self.official, tests, text, sample.code, scale=scale)
        self.codes[sample] = code
        return {SUITE: run}

    def ask_isolated(self, sample: Sample, suite: Suite) -> IsolatedRun:
        """One run of the isolated judge."""
        return judges.judge_in_isolation(self.isolated, self.tests(sample.task_id)[0], sample.code)


def open_bench(dataset: Dataset, sandbox: Sandbox, jobs: int) -> ContestBench:
    """Make a bench.

    Args:
        dataset: the problems.
        sandbox: of kind ``livecodebench``.
        jobs: how many programs to judge at once.
    """

    @functools.lru_cache(maxsize=max(KEPT, jobs))
    def tests(question: str) -> tuple[Tests, str]:
        found = dataset.tests(question)
        return found, found.as_the_harness_has_them()

    return ContestBench(
        dataset="livecodebench",
        problems=_problems(dataset),
        truth={},
        official=sandbox,
        isolated=sandbox,
        jobs=jobs,
        tests=tests,
    )


def _problems(dataset: Dataset) -> Mapping[str, Problem]:
    return {
        question: Problem(
            task_id=question,
            prompt="",
            entry_point=entry.function or "",
            canonical_solution="",
            base_input=(),
            plus_input=(),
            atol=0,
        )
        for question, entry in dataset.entries.items()
    }


def judge(
    bench: ContestBench, programs: Sequence[Sample], on_progress: Progress | None = None
) -> list[SuiteResult]:
    """Judge programs, by the rules of ``verifier.runners.policy``.

    Args:
        bench: judges and tests.
        programs: what to judge; no two alike.
        on_progress: told what, how many are done, of how many.

    Raises:
        SandboxError: no sandbox at all could be set up.
        DocumentError: a problem's tests are malformed.
    """
    found = schedule.judge(bench, programs, on_progress)
    results = [next(iter(suites.values())) for suites in found]
    # A suspect that fails slowly is a timeout there; this harness tells a wrong output from a late one.
    return [
        replace(result, official="fail")
        if result.official == "timeout" and result.confirmed is False and _failed(bench, program)
        else result
        for program, result in zip(programs, results, strict=True)
    ]


def _failed(bench: ContestBench, program: Sample) -> bool:
    return bench.codes.get(program, 0) not in (0, judges.LATE, judges.NO_ANSWER)
