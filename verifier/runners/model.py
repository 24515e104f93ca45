"""What a benchmark runner gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.verdicts import JSON


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
class ScoreResult:
    """Score of one samples file.

    Attributes:
        benchmark: exact registered name.
        judge: everything that identifies the judge: package version, dataset digest, Python, limits.
        tasks: per-task results, by task id; one for each problem that the file answers.
        total: problems in the benchmark.
        missing, extra, duplicate: task ids that the file lacks, has beyond the benchmark, or repeats.
        samples_sha256: digest of the scored file.
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

    def pass_at_1(self) -> float | None:
        """pass@1 over the whole benchmark in [0, 1]; None for a partial or undecided file."""
        if self.missing or self.undecided or not self.total:
            return None
        return self.passed / self.total


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
