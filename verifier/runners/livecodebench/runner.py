"""The runner of LiveCodeBench: programs of a log through both judges, counted by the harness."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from verifier.errors import EvidenceMissingError
from verifier.runners.child.process import ask
from verifier.runners.livecodebench import dataset as problems_file
from verifier.runners.livecodebench import identity, merge, verdict
from verifier.runners.livecodebench import samples as samples_file
from verifier.runners.livecodebench.bench import SUITE, judge, open_bench
from verifier.runners.livecodebench.dataset import Dataset
from verifier.runners.livecodebench.samples import Log, Record
from verifier.runners.livecodebench.selftest import self_test
from verifier.runners.locks import locked
from verifier.runners.model import DEFAULTS, Answer, DatasetPin, Metric, ScoreOptions, ScoreResult, remembered
from verifier.runners.pairs import Pairs
from verifier.runners.samples import Sample
from verifier.runners.schedule import SuiteResult
from verifier.runners.truth import canonical
from verifier.sandbox.client import Sandbox
from verifier.sandbox.doctor import choose
from verifier.sandbox.launch import Plan
from verifier.verdicts import JSON

Row = tuple[str, float, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCodeBenchRunner:
    """One release of the benchmark, code generation.

    Attributes:
        name, aliases: exact name, and other spellings that are accepted.
        release: as the harness calls it.
        size: how many problems it has.
    """

    name: str
    aliases: tuple[str, ...] = ()
    release: str
    size: int

    @property
    def problems(self) -> int | None:
        """None: cards state means over several programs a problem, and over windows of contest dates."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: no copy of the release was at hand to pin a digest of."""
        return None

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here; None if they can."""
        return identity.missing()

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score a log. Programs run in the sandbox alone.

        Args:
            samples: what LiveCodeBench writes, or its custom evaluator reads; or a folder with one such log.
            options: ``dataset`` is needed: ``test*.jsonl`` of code_generation_lite, one file or their folder.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed.
            EvidenceMissingError: packages or problems are missing, or the log is of another scenario.
            SandboxError: too few sandbox layers work here.
            JudgeError: the judge itself broke.
        """
        if reason := self.unavailable():
            raise EvidenceMissingError(f"benchmark {self.name}: {reason}")
        if options.dataset is None:
            raise EvidenceMissingError(
                f"benchmark {self.name}: expected the problems of {self.release}, found none: a log does not"
                " carry tests, and no digest is pinned to fetch them by",
                remedy="alloy score --dataset FILE: test*.jsonl of livecodebench/code_generation_lite in one",
            )
        log = samples_file.load(samples)
        problems = problems_file.load(options.dataset)
        log = replace(log, records=merge.named(log, problems))
        plan = choose(unsafe_no_sandbox=options.unsafe_no_sandbox)
        who = identity.judge(problems.sha256, plan)
        known = _Run(problems, plan, who, options).results(log)
        results = [
            [known[Sample(task_id=record.question, code=code)] for code in record.programs]
            if record.question in problems.entries
            else []
            for record in log.records
        ]
        return self._result(log, problems, results, who, plan)

    def _result(
        self,
        log: Log,
        problems: Dataset,
        results: Sequence[Sequence[SuiteResult]],
        who: Mapping[str, JSON],
        plan: Plan,
    ) -> ScoreResult:
        found = merge.by_problem(log.records, results)
        missing = tuple(question for question in problems.entries if question not in found)
        confirmed, official = _count(found)
        judged = verdict.Judged(log=log, dataset=problems, results=results)
        metrics = tuple(_metrics(confirmed, self.name, len(found), whole=not missing))
        single = judged.sizes() <= {1}
        unsafe = () if plan.isolated else ("programs ran without a sandbox (--unsafe-no-sandbox)",)
        return ScoreResult(
            benchmark=self.name,
            judge=who,
            tasks={question: merge.task(of) for question, of in found.items()},
            total=len(problems.entries),
            missing=missing,
            extra=tuple(sorted({r.question for r in log.records if r.question not in problems.entries})),
            duplicate=merge.repeated(log.records, problems),
            samples_sha256=log.sha256,
            notes=(*unsafe, *verdict.notes(judged)),
            metric="pass@1",
            metrics=metrics,
            headline=None if single else next((one for one in metrics if one.name == "pass@1"), None),
            differing=tuple(verdict.differing(judged, official)),
            limits=tuple(verdict.limits(judged, self.release, self.size)),
            answers=_answers(log.records, found) if single else {},
        )


def _count(
    found: Mapping[str, Sequence[SuiteResult]],
) -> tuple[Sequence[Row], Mapping[str, tuple[float, float | None]]]:
    """The harness's numbers: over confirmed programs (none if one is undecided), and by its judge alone."""
    decided = all(result.confirmed is not None for results in found.values() for result in results)
    grades = {
        "confirmed": merge.grades(found, official=False) if decided else [],
        "official": merge.grades(found, official=True),
    }
    rows = ask("verifier.runners.livecodebench.aggregate:run", {"grades": grades})
    return rows["confirmed"], {name: (value, stderr) for name, value, stderr in rows["official"]}


def _metrics(rows: Sequence[Row], task: str, n: int, *, whole: bool) -> Sequence[Metric]:
    return [
        Metric(name=name, filter="none", value=value, stderr=stderr, n=n, task=task, whole=whole)
        for name, value, stderr in rows
    ]


def _answers(records: Sequence[Record], found: Mapping[str, object]) -> dict[str, Answer]:
    """What is remembered of the programs; of a repeated problem the last one's."""
    answers = {}
    for record in records:
        if record.question in found and record.programs:
            digest, length = remembered(record.programs[0])
            answers[record.question] = Answer(digest=digest, length=length)
    return dict(sorted(answers.items()))


@dataclass(frozen=True, slots=True)
class _Run:
    dataset: Dataset
    plan: Plan
    judge: Mapping[str, JSON]
    options: ScoreOptions

    def results(self, log: Log) -> dict[Sample, SuiteResult]:
        """Results by program, from the cache where it has them; other processes wait for the same file."""
        wanted = dict.fromkeys(
            Sample(task_id=record.question, code=code)
            for record in log.records
            if record.question in self.dataset.entries
            for code in record.programs
        )
        # Results hang on their own problem, not on the rest of the dataset: a part of a release shares them.
        judge = {name: value for name, value in self.judge.items() if name != "dataset"}
        digest = hashlib.sha256(canonical(["livecodebench", judge])).hexdigest()
        cache = self.options.cache_dir
        root = cache / "scores" if cache else None
        pairs = Pairs(root, digest)
        with ExitStack() as stack:
            known = self._kept(pairs, wanted)
            if root and len(known) < len(wanted):
                stack.enter_context(locked(root / f"{log.sha256[:32]}-{digest[:16]}.lock"))
                known = self._kept(pairs, wanted)
            open_ = [program for program in wanted if program not in known]
            if open_:
                known |= self._execute(open_, pairs)
        return known

    def _execute(self, programs: Sequence[Sample], pairs: Pairs) -> dict[Sample, SuiteResult]:
        with Sandbox("livecodebench", self.plan) as sandbox:
            self_test(sandbox)
            bench = open_bench(self.dataset, sandbox, max(1, self.options.jobs))
            results = judge(bench, programs, self.options.on_progress)
        for program, result in zip(programs, results, strict=True):
            pairs.put(self._key(program), {SUITE: result})
        return dict(zip(programs, results, strict=True))

    def _kept(self, pairs: Pairs, wanted: Iterable[Sample]) -> dict[Sample, SuiteResult]:
        found = {program: pairs.get(self._key(program)) for program in wanted}
        return {program: suites[SUITE] for program, suites in found.items() if suites}

    def _key(self, program: Sample) -> Sample:
        """The pair under which a result is kept: a program, and the problem as the dataset has it."""
        entry = self.dataset.entries[program.task_id]
        return Sample(task_id=f"{program.task_id} {entry.sha256}", code=program.code)


LIVECODEBENCH_V6 = LiveCodeBenchRunner(
    name="livecodebench_v6",
    aliases=("LiveCodeBench_v6", "LiveCodeBench v6", "livecodebench-v6", "LiveCodeBench-v6", "lcb_v6"),
    release="release_v6",
    size=1055,
)
