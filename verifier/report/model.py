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
class ArtifactReport:
    """Everything established about one artifact.

    Attributes:
        name: catalog name, or the name of the folder, file or repository.
        alloy_hash: first 16 hex digits of the sha256 of the alloy file; None if it was not at hand.
        checked: claims in document order.
        findings: all findings, those of the claims included.
        scores: per-problem statuses behind each scored samples file, for reports:
            samples path -> task id -> {"official", "isolated", "confirmed"}.
    """

    name: str
    alloy_hash: str | None
    checked: tuple[Checked, ...]
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, Mapping[str, Mapping[str, JSON]]] = field(default_factory=dict)

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
