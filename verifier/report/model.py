"""The report as plain data. Renderers live beside it; none of them decides anything."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.claims.model import Claim
from verifier.verdicts import JSON, Finding, Outcome, Verdict

SCHEMA = "alloy-report/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A claim and what was established about it."""

    claim: Claim
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """A published score beside what its samples give. Shares are fractions of 100 %.

    Attributes:
        claim: id of the claim.
        pointer: JSON pointer of the score.
        benchmark: registered name, or the card's own word for it.
        who: whose score: ``student``, ``base``, ``prior NAME``, the anchor of one, or the table with it.
        samples: key of ``ArtifactReport.scores``; empty where no samples were scored.
        metric: what the recomputed share is of.
        claimed: the published score; None if it is no number.
        found: the recomputed one; None if there is none.
        solved, answered, undecided: problems confirmed, answered, and answered but left undecided.
        total: problems of the benchmark.
        low, high: interval of the recomputed share at ``Statistics.level``; None where none can be given.
        method: of the interval: ``wilson`` of solved of decided problems, ``stderr`` from the harness's own.
        smallest: smallest difference of two models that so many problems are likely to show.
        verdict: on the claim.
    """

    claim: str
    pointer: str
    benchmark: str
    who: str
    verdict: Verdict
    samples: str = ""
    metric: str = ""
    claimed: float | None = None
    found: float | None = None
    solved: int = 0
    answered: int = 0
    undecided: int = 0
    total: int = 0
    low: float | None = None
    high: float | None = None
    method: str = ""
    smallest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFile:
    """Whose answers to which benchmark a key of ``ArtifactReport.scores`` holds, and what they look like.

    Attributes:
        samples: the key.
        benchmark: registered name.
        who: ``student``, ``base``, ``prior NAME``, or the table that its score stands in.
        counts: number of answers that are remarkable, by how; empty where nothing is known of them.
    """

    samples: str
    benchmark: str
    who: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two files' answers to the same problems of a benchmark.

    Attributes:
        benchmark: registered name.
        first, second: whose they are.
        problems: how many both answer and both judges decided.
        only_first, only_second: problems that only one of them solves.
        difference: share of the first minus share of the second.
        p: McNemar's test, exact and two-sided.
        distinguishable: whether p is below 1 - level.
        same_answers: to how many problems both give the same long answer.
        long_answers: to how many both give a long answer.
        reservations: why the two files may not be answers to the same problems as the benchmark's.
    """

    benchmark: str
    first: ScoredFile
    second: ScoredFile
    problems: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    difference: float
    p: float
    distinguishable: bool
    same_answers: int = 0
    long_answers: int = 0
    reservations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What an artifact's scores can show. Notes: no verdict rests on them.

    Attributes:
        level: of intervals and tests.
        rows: one for each published score, in document order.
        files: one for each benchmark, and whose answers were scored.
        comparisons: of the student with its base and with prior baselines.
    """

    level: float
    rows: tuple[ScoreRow, ...] = ()
    files: tuple[ScoredFile, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactReport:
    """Everything established about one artifact.

    Attributes:
        name: catalog name, or the name of the folder, file or repository.
        alloy_hash: first 16 hex digits of the sha256 of the alloy file; None if it was not at hand.
        checked: claims in document order.
        findings: all findings, those of the claims included.
        scores: per-problem statuses behind each scored samples file, for reports:
            samples path -> task id -> {"official", "isolated", "confirmed"}.
        statistics: what the scores can show; None where no score was asked for.
    """

    name: str
    alloy_hash: str | None
    checked: tuple[Checked, ...]
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, Mapping[str, Mapping[str, JSON]]] = field(default_factory=dict)
    statistics: Statistics | None = None

    def counts(self) -> dict[Verdict, int]:
        """Number of claims under each verdict, all five always present."""
        seen = Counter(c.outcome.verdict for c in self.checked)
        return {v: seen.get(v, 0) for v in Verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to one call of :func:`verifier.verify`.

    Attributes:
        artifacts: one entry per artifact, in the order asked for.
        environment: versions, judge identity, sandbox layers: whatever influences a verdict.
        timing: timestamps and durations, kept apart so that the rest is reproducible.
    """

    artifacts: tuple[ArtifactReport, ...]
    environment: Mapping[str, JSON]
    timing: Mapping[str, JSON] = field(default_factory=dict)

    def counts(self) -> dict[Verdict, int]:
        """Number of claims under each verdict over all artifacts."""
        total: Counter[Verdict] = Counter()
        for artifact in self.artifacts:
            total.update(artifact.counts())
        return {v: total.get(v, 0) for v in Verdict}
