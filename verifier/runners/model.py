"""What a benchmark runner is, and what it gives back."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from verifier.verdicts import JSON

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How one problem's sample fared.

    Attributes:
        official: ``"pass"``, ``"fail"`` or ``"timeout"`` by the official judge.
        isolated: the isolated judge's status, or None where it was not asked.
        confirmed: the official judge passes it and the isolated judge agrees;
            None if this machine could not decide it.
        load_sensitive: a timeout was seen and decided by a re-run on a quiet core.
        fixed: what the fixed official judge would say where the released one is known to be wrong.
        note: why the two judges differ, or why the task is undecided.
    """

    official: str
    isolated: str | None
    confirmed: bool | None
    load_sensitive: bool = False
    fixed: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number as the harness aggregates it.

    Attributes:
        name, filter: the harness's names for it.
        value: the number, as the harness gives it.
        stderr: its standard error as the harness computes it; None where it computes none.
        n: how many answered problems it rests on.
        task: the harness's task or group that it belongs to.
        whole: whether it is of the whole benchmark, not of one of its parts.
        full: what the harness calls 100 %: 1 where it gives fractions, 100 where it gives percent.
    """

    name: str
    filter: str
    value: float
    stderr: float | None
    n: int
    task: str
    whole: bool = True
    full: float = 1.0

    @property
    def fraction(self) -> float:
        """The number as a fraction of 100 %."""
        return self.value / self.full

    def __str__(self) -> str:
        return f"{self.name},{self.filter}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is remembered of one answer, for notes on samples as evidence.

    Attributes:
        digest: of the answer's text without surrounding space.
        length: of that text, in characters.
        canonical: it is the dataset's own solution.
        of: another problem that it answers instead; empty if there is none.
        size: nodes of the syntax tree of what was compared, where it is a program; else 0. Short ones are
            alike by chance.
    """

    digest: str
    length: int
    canonical: bool = False
    of: str = ""
    size: int = 0


def remembered(text: str) -> tuple[str, int]:
    """Digest and length of an answer, as ``Answer`` has them."""
    stripped = text.strip()
    return hashlib.sha256(stripped.encode("utf-8", "surrogatepass")).hexdigest(), len(stripped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a log contradicts what its own samples give.

    Attributes:
        where: the problem, or the task whose aggregate it is.
        what: name of the field or metric.
        logged: what the log says.
        found: what was computed.
    """

    where: str
    what: str
    logged: JSON
    found: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """Score of one samples file, or of the files of one run.

    Attributes:
        benchmark: exact registered name.
        judge: everything that identifies the judge: package version, dataset digest, Python, limits.
        tasks: per-task results, by task id; one for each problem that the file answers.
        total: problems in the benchmark.
        missing, extra, duplicate: task ids that the file lacks, has beyond the benchmark, or repeats.
        samples_sha256: digest of the scored file.
        notes: remarks on how it was judged.
        metric: name of the share of confirmed problems, or of the headline.
        headline: the number that claims are about, where that is not the share of confirmed problems: a word
            error rate, BLEU, a mean of partial credits.
        metrics: every number of the harness; empty where that share is the only one.
        differing: where the log contradicts its own samples.
        limits: why this score cannot decide a claim, whatever it is.
        answers: what is remembered of each answer, by task id.
    """

    benchmark: str
    judge: Mapping[str, JSON]
    tasks: Mapping[str, TaskResult]
    total: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()
    samples_sha256: str = ""
    notes: tuple[str, ...] = field(default=())
    metric: str = "pass@1"
    metrics: tuple[Metric, ...] = ()
    differing: tuple[Difference, ...] = ()
    limits: tuple[str, ...] = ()
    headline: Metric | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """Number of confirmed problems."""
        return sum(t.confirmed is True for t in self.tasks.values())

    @property
    def undecided(self) -> int:
        """Number of problems that this machine could not decide."""
        return sum(t.confirmed is None for t in self.tasks.values())

    @property
    def answered(self) -> int:
        """Number of the benchmark's problems that the file answers."""
        return len(self.tasks)

    def value(self) -> float | None:
        """What ``metric`` names as a fraction of 100 %: the headline, or the share of confirmed problems.

        None for a partial or undecided file.
        """
        if self.missing or self.undecided or not self.total:
            return None
        return self.passed / self.total if self.headline is None else self.headline.fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPin:
    """A benchmark's dataset, pinned by digest.

    Attributes:
        filename: name in a mirror's ``datasets/`` folder.
        sha256: digest of the file as distributed (compressed).
        size: its size in bytes.
        url: where the harness itself fetches it; None if it ships with this project.
    """

    filename: str
    sha256: str
    size: int
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """How samples are scored. A runner ignores what is of no use to it.

    Attributes:
        dataset: the benchmark's dataset, as ``Runner.dataset`` pins it; where nothing is pinned, a copy in
            the form that the runner documents, to compare the samples' problems with.
        jobs: how many programs to judge at once.
        cache_dir: where results are kept; None to keep nothing.
        unsafe_no_sandbox: run programs even if this machine has no sufficient sandbox.
        on_progress: told what, how many are done, of how many.
    """

    dataset: Path | None = None
    jobs: int = 1
    cache_dir: Path | None = None
    unsafe_no_sandbox: bool = False
    on_progress: Progress | None = None

    def tell(self, what: str, done: int, total: int) -> None:
        """Report progress, if anybody listens; of more than expected the total grows."""
        if self.on_progress is not None:
            self.on_progress(what, done, max(done, total))


DEFAULTS = ScoreOptions()


class Runner(Protocol):
    """One registered benchmark, whichever harness is its judge."""

    @property
    def name(self) -> str:
        """Exact name, as alloys use it."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other spellings of the name that are accepted."""

    @property
    def problems(self) -> int | None:
        """How many problems it has, if every score of it is k of that many; else None."""

    @property
    def dataset(self) -> DatasetPin | None:
        """The pinned dataset file that ``score`` wants; None if samples bring their problems along."""

    def unavailable(self) -> str | None:
        """Why samples cannot be scored here, with the command that mends it; None if they can."""

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score samples.

        Args:
            samples: the file, or the folder of a run.
            options: the dataset, and how to go about it.

        Raises:
            UsageError: the samples cannot be read.
            DocumentError: they are malformed.
            EvidenceMissingError: packages are missing, or the samples are of another task or version.
            SandboxError: too few sandbox layers work here.
            JudgeError: the judge itself broke.
        """


@runtime_checkable
class Accompanied(Protocol):
    """What a runner keeps beyond ``Runner`` if its harness leaves several files that belong together."""

    def beside(self, samples: Sequence[str]) -> tuple[str, ...]:
        """Where the other files of the same run lie, if they are published; told by the samples' names.

        Args:
            samples: paths that a card names, relative, in POSIX form.
        """
