"""A benchmark that can be scored: its name, its dataset, and how its samples files are judged."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import DocumentError, EvidenceMissingError, JudgeError
from verifier.runners import identity, programs
from verifier.runners import samples as samples_file
from verifier.runners.locks import locked
from verifier.runners.model import DEFAULTS, DatasetPin, ScoreOptions, ScoreResult, TaskResult
from verifier.runners.pairs import Pairs
from verifier.runners.problems import Problem, load_problems
from verifier.runners.samples import Sample, Samples
from verifier.runners.schedule import Bench, SuiteResult, judge
from verifier.runners.selftest import self_test
from verifier.runners.truth import canonical, ground_truth
from verifier.sandbox.client import Sandbox
from verifier.sandbox.doctor import choose
from verifier.sandbox.launch import Plan
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRunner:
    """One registered benchmark.

    Attributes:
        name: exact name, as alloys use it.
        aliases: other spellings of the name that are accepted.
        problems: how many problems it has.
        dataset: where its problems come from.
        kind: ``humaneval`` or ``mbpp``: the dataset's format and the special rules of comparison.
        plus: whether the extended inputs count besides the base inputs.
    """

    name: str
    aliases: tuple[str, ...] = ()
    problems: int
    dataset: DatasetPin
    kind: str
    plus: bool

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here; None if they can."""
        return identity.missing()

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Judge a samples file with both judges.

        Args:
            samples: the file: JSONL as evalplus writes it.
            options: ``dataset`` is needed; its digest becomes part of the judge's identity.

        Raises:
            UsageError: the samples file cannot be read.
            DocumentError: it is malformed.
            EvidenceMissingError: the judge's packages are not installed.
            SandboxError: too few sandbox layers work here, or one failed; nothing was run outside of it.
            JudgeError: the judge itself broke, or its dataset cannot be read.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        dataset = options.dataset
        if dataset is None:
            raise JudgeError(f"benchmark {self.name}: expected its dataset file, found none")
        try:
            problems = load_problems(dataset, self.kind)
        except DocumentError as error:
            # The dataset is this project's affair: it must never count against a card.
            raise JudgeError(f"the dataset of {self.name} cannot be read: {error}") from error
        answers = samples_file.load(samples, {task: problem.prompt for task, problem in problems.items()})
        plan = choose(unsafe_no_sandbox=options.unsafe_no_sandbox)
        who = identity.judge(_digest_of(dataset), plan)
        run = _Run(self.kind, problems, plan, who, options)
        results = run.results(answers)
        return ScoreResult(
            benchmark=self.name,
            judge=who,
            tasks=_tasks(answers, results, self.plus),
            total=len(problems),
            missing=answers.missing,
            extra=answers.extra,
            duplicate=answers.duplicate,
            samples_sha256=answers.sha256,
            notes=() if plan.isolated else ("samples ran without a sandbox (--unsafe-no-sandbox)",),
            answers=programs.answers(((one.task_id, one.code) for one in answers.answers), problems),
        )


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class _Run:
    kind: str
    problems: Mapping[str, Problem]
    plan: Plan
    judge: Mapping[str, JSON]
    options: ScoreOptions

    def results(self, answers: Samples) -> dict[Sample, dict[str, SuiteResult]]:
        """Results by sample, from the cache where it has them; other processes wait for the same file."""
        wanted = list(dict.fromkeys(answers.answers))
        digest = hashlib.sha256(canonical([self.kind, dict(self.judge)])).hexdigest()
        cache = self.options.cache_dir
        root = cache / "scores" if cache else None
        pairs = Pairs(root, digest)
        with ExitStack() as stack:
            known = {sample: pairs.get(sample) for sample in wanted}
            if root and None in known.values():
                lock = root / f"{answers.sha256[:32]}-{digest[:16]}.lock"
                stack.enter_context(locked(lock))
                known = {sample: pairs.get(sample) for sample in wanted}
            open_ = [sample for sample, result in known.items() if result is None]
            if open_:
                for sample, result in zip(open_, self._execute(open_), strict=True):
                    pairs.put(sample, result)
                    known[sample] = result
        return {sample: result for sample, result in known.items() if result is not None}

    def _execute(self, samples: list[Sample]) -> list[dict[str, SuiteResult]]:
        key = hashlib.sha256(
            canonical([self.kind, self.judge["dataset"], identity.environment()])
        ).hexdigest()
        jobs, on_progress = max(1, self.options.jobs), self.options.on_progress
        # Both start at once; the first is needed after the ground truth is read.
        official, isolated = Sandbox("official", self.plan), Sandbox("isolated", self.plan)
        with closing(official), closing(isolated):
            truth = ground_truth(
                self.problems,
                self.kind,
                key[:32],
                isolated,
                cache_dir=self.options.cache_dir,
                jobs=jobs,
                on_progress=on_progress,
            )
            self_test(official, isolated)
            bench = Bench(
                dataset=self.kind,
                problems=self.problems,
                truth=truth,
                official=official,
                isolated=isolated,
                jobs=jobs,
            )
            return judge(bench, samples, on_progress)


def _tasks(
    answers: Samples, results: Mapping[Sample, Mapping[str, SuiteResult]], plus: bool
) -> dict[str, TaskResult]:
    tasks: dict[str, TaskResult] = {}
    for sample in answers.answers:
        result = _combined(results[sample], plus)
        known = tasks.get(sample.task_id)
        tasks[sample.task_id] = result if known is None else _worse(known, result)
    return tasks


def _combined(suites: Mapping[str, SuiteResult], plus: bool) -> TaskResult:
    """Base alone, or base and plus: the first suite that is not confirmed speaks for the task."""
    chosen = [suites["base"], *([suites["plus"]] if plus and "plus" in suites else [])]
    if plus:
        chosen = _both_fixed(chosen)
    decisive = next((suite for suite in chosen if suite.confirmed is not True), chosen[-1])
    return TaskResult(
        official=decisive.official,
        isolated=decisive.isolated,
        confirmed=decisive.confirmed,
        load_sensitive=any(suite.load_sensitive for suite in chosen),
        fixed=decisive.fixed,
        note=decisive.note,
    )


def _both_fixed(chosen: list[SuiteResult]) -> list[SuiteResult]:
    """Where the release fails both suites, the corrected judge's answer needs both as well."""
    broken = [suite for suite in chosen if suite.fixed is not None]
    worst = next((suite for suite in broken if suite.fixed != "pass"), None)
    return [worst] if worst is not None else chosen


def _worse(one: TaskResult, other: TaskResult) -> TaskResult:
    """A repeated task counts only if every one of its samples is confirmed."""
    order = {False: 0, None: 1, True: 2}
    return min(one, other, key=lambda result: order[result.confirmed])
