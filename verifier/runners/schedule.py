"""Judging many solutions: in parallel first, suspects alone afterwards.

1. Every solution goes to the official judge, and what passes there to the isolated judge at once, ``jobs``
   solutions at a time; each run holds a lock that runs share.
2. So does one whose official answer is suspect; what is wrong, or out of time by any measure, is settled.
3. Other suspects go to the official judge again one by one, under the same lock held alone, so that not even
   another process of this project disturbs them; ``policy`` says what each answer settles.
4. What passes on this second look goes to the isolated judge as well.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from verifier.errors import SandboxError
from verifier.runners import judges, policy
from verifier.runners.judges import IsolatedRun, OfficialRun, Suite
from verifier.runners.locks import alone, beside_others
from verifier.runners.policy import Step
from verifier.runners.problems import Problem
from verifier.runners.samples import Sample
from verifier.runners.truth import Progress, Truth
from verifier.sandbox.client import Sandbox

WRONG_IN_RELEASE = frozenset({"find_zero"})
"""Entry points that the released official judge fails whatever the solution (evalplus 0.3.1)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """How one solution fared on one suite; the fields are those of ``TaskResult``."""

    official: str
    isolated: str | None = None
    confirmed: bool | None = False
    load_sensitive: bool = False
    fixed: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What judging needs to know.

    Attributes:
        dataset: ``humaneval`` or ``mbpp``: whose special rules hold.
        problems: the benchmark.
        truth: expected results.
        official: sandbox with the official judge.
        isolated: sandbox for the isolated judge.
        jobs: how many solutions to judge at once.
    """

    dataset: str
    problems: Mapping[str, Problem]
    truth: Truth
    official: Sandbox
    isolated: Sandbox
    jobs: int

    def suites(self, sample: Sample) -> tuple[Suite, ...]:
        """The suites of a sample's problem."""
        return self.truth[sample.task_id]

    def expected_seconds(self, sample: Sample) -> float:
        """Processor seconds that the canonical solution takes on all inputs."""
        return sum(sum(suite.times) for suite in self.suites(sample))

    def ask_official(
        self, sample: Sample, suites: Sequence[Suite], scale: float = 1.0
    ) -> dict[str, OfficialRun]:
        """One run of the official judge."""
        problem = self.problems[sample.task_id]
        return judges.judge_officially(self.official, self.dataset, problem, suites, sample.code, scale=scale)

    def ask_isolated(self, sample: Sample, suite: Suite) -> IsolatedRun:
        """One run of the isolated judge."""
        problem = self.problems[sample.task_id]
        return judges.judge_in_isolation(self.isolated, self.dataset, problem, suite, sample.code)


@dataclass(frozen=True, slots=True)
class _Settled:
    step: Step
    sensitive: bool = False
    note: str = ""


@dataclass(slots=True)
class _Case:
    """A sample on its way: what the official judge's answers settle, and the results once all are in.

    A sandbox that could not be set up, or did not answer, costs one sample a second try, and no other
    sample anything: whoever breaks the machinery must not spoil the file.
    """

    sample: Sample
    settled: dict[str, _Settled] = field(default_factory=dict)
    results: dict[str, SuiteResult] = field(default_factory=dict)
    broken: SandboxError | None = None


def judge(
    bench: Bench, samples: Sequence[Sample], on_progress: Progress | None = None
) -> list[dict[str, SuiteResult]]:
    """Judge solutions.

    Args:
        bench: judges and truth.
        samples: what to judge; no two alike.
        on_progress: told what, how many are done, of how many.

    Returns:
        For each sample its result by suite name; a suite after one that failed is not run.

    Raises:
        SandboxError: no sandbox at all could be set up.
    """
    cases = [_Case(sample) for sample in samples]
    # The longest first, so that at the end no core waits for another.
    order = sorted(cases, key=lambda case: -bench.expected_seconds(case.sample))
    _each(bench.jobs, order, lambda case: _try(_first, bench, case), "judging", on_progress)
    if cases and all(case.broken for case in cases):
        raise next(case.broken for case in cases if case.broken)
    again = [case for case in cases if not case.results]
    for done, case in enumerate(again):
        _try(_second, bench, case)
        if on_progress:
            on_progress("suspected timeouts, alone", done + 1, len(again))
    for case in cases:
        if not case.broken:
            _try(_settle_isolated, bench, case)
        if case.broken:
            case.results = {"base": _undecided(str(case.broken))}
    return [case.results for case in cases]


def _try(step: Callable[[Bench, _Case], None], bench: Bench, case: _Case) -> None:
    case.broken = None
    try:
        step(bench, case)
    except SandboxError as error:
        # Half of the results would look like all of them.
        case.broken, case.results = error, {}


def _each(
    jobs: int, items: Sequence[T], work: Callable[[T], None], what: str, on_progress: Progress | None
) -> None:
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for done, _ in enumerate(pool.map(work, items)):
            if on_progress:
                on_progress(what, done + 1, len(items))


def _first(bench: Bench, case: _Case) -> None:
    """Both judges, unless the official one's answer stays suspect."""
    with beside_others():
        answer = bench.ask_official(case.sample, bench.suites(case.sample))
        case.settled = {name: _Settled(policy.first(run)) for name, run in answer.items()}
        for suite in bench.suites(case.sample):
            known = case.settled.get(suite.name)
            if known is not None and known.step is Step.SUSPECT:
                step = policy.apart(bench.ask_isolated(case.sample, suite))
                case.settled[suite.name] = _Settled(step)
    if all(known.step is not Step.SUSPECT for known in case.settled.values()):
        _confirm(bench, case)


def _second(bench: Bench, case: _Case) -> None:
    """With nothing else of ours running: settle the suspect suite, and those after it."""
    for suite in bench.suites(case.sample):
        known = case.settled.get(suite.name)
        if known is None or known.step is Step.SUSPECT:
            # Held for each suite anew: others may run in between, and nobody waits for the whole list.
            with alone():
                known = case.settled[suite.name] = _suspect(bench, case.sample, suite)
        if known.step is not Step.PASS:
            break
    _confirm(bench, case)


def _suspect(bench: Bench, sample: Sample, suite: Suite) -> _Settled:
    note = ""
    for _attempt in range(policy.ATTEMPTS):
        before = _idle_seconds(), time.monotonic()
        run = bench.ask_official(sample, [suite])[suite.name]
        step = policy.alone(policy.Alone(run=run, idle_cores=_idle_cores(*before)))
        if step is not Step.SUSPECT:
            return _Settled(step, sensitive=step is Step.PASS)
        second = bench.ask_isolated(sample, suite)
        step, note = policy.on_a_busy_machine(second), second.note
        if step is Step.STRETCH:
            step = policy.stretched(bench.ask_official(sample, [suite], policy.STRETCH)[suite.name])
        if step is not Step.UNDECIDED:
            return _Settled(step, sensitive=step is Step.PASS)
    return _Settled(
        Step.UNDECIDED, sensitive=True, note=note or "its time is too near the limit on this machine"
    )


def _idle_seconds() -> float | None:
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def _idle_cores(idle_before: float | None, began: float) -> float | None:
    idle = _idle_seconds()
    if idle is None or idle_before is None:
        return None
    return (idle - idle_before) / max(1e-3, time.monotonic() - began)


def _confirm(bench: Bench, case: _Case) -> None:
    for suite in bench.suites(case.sample):
        if suite.name not in case.settled:
            continue
        known = case.settled[suite.name]
        if known.step is Step.PASS:
            with beside_others():
                run = bench.ask_isolated(case.sample, suite)
            if run.killed:
                with alone():
                    run = bench.ask_isolated(case.sample, suite)
            case.results[suite.name] = _passed(known, run)
        elif known.step is Step.UNDECIDED:
            case.results[suite.name] = _undecided(known.note)
        else:
            case.results[suite.name] = _failed(bench, case.sample, suite, known)


def _undecided(note: str) -> SuiteResult:
    return SuiteResult(official="timeout", confirmed=None, load_sensitive=True, note=note)


def _passed(known: _Settled, run: IsolatedRun) -> SuiteResult:
    confirmed = policy.isolated_verdict(run)
    note = "" if confirmed else f"official judge passes it, isolated judge: {run.note or run.status}"
    return SuiteResult(
        official="pass", isolated=run.status, confirmed=confirmed, load_sensitive=known.sensitive, note=note
    )


def _failed(bench: Bench, sample: Sample, suite: Suite, known: _Settled) -> SuiteResult:
    entry_point = bench.problems[sample.task_id].entry_point
    if bench.dataset != "humaneval" or entry_point not in WRONG_IN_RELEASE:
        return SuiteResult(official=known.step.value)
    with beside_others():
        run = bench.ask_isolated(sample, suite)
    return SuiteResult(
        official=known.step.value,
        isolated=run.status,
        fixed=run.status,
        note="evalplus 0.3.1 fails every solution of this problem; `fixed` is the corrected judge's answer",
    )


def _settle_isolated(bench: Bench, case: _Case) -> None:
    """An official pass on which the isolated judge ran out of time is run again alone."""
    for suite in bench.suites(case.sample):
        result = case.results.get(suite.name)
        if result is None or (result.official, result.isolated) != ("pass", "timeout"):
            continue
        with alone():
            run = bench.ask_isolated(case.sample, suite)
        case.results[suite.name] = _passed(_Settled(Step.PASS, sensitive=run.status == "pass"), run)
