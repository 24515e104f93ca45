"""The report as JSON, ``alloy-report/1``: the same bytes for the same input and environment."""

from collections.abc import Mapping
from importlib import resources

from verifier.report.model import SCHEMA, ArtifactReport, Checked, Report
from verifier.report.text import encode
from verifier.verdicts import JSON, Finding


def dumps(report: Report) -> str:
    """Return the report as JSON text with a newline at its end.

    Everything but the block ``timing`` depends on nothing else than input and environment.
    """
    return "".join(encode(document(report), indent=1)) + "\n"


def document(report: Report) -> dict[str, JSON]:
    """Return the report as plain JSON values, in the order in which they are written."""
    return {
        "schema": SCHEMA,
        "counts": {v.value: n for v, n in report.counts().items()},
        "artifacts": [_artifact(a) for a in report.artifacts],
        "environment": _sorted(report.environment),
        "timing": _sorted(report.timing),
    }


def schema() -> str:
    """Return the committed JSON Schema of the report, as text."""
    return resources.files("verifier.report").joinpath("report.schema.json").read_text(encoding="utf-8")


def _artifact(artifact: ArtifactReport) -> dict[str, JSON]:
    return {
        "name": artifact.name,
        "alloyHash": artifact.alloy_hash,
        "counts": {v.value: n for v, n in artifact.counts().items()},
        "claims": [_claim(c) for c in artifact.checked],
        "findings": [_finding(f) for f in artifact.findings],
        "scores": {
            path: {task: dict(status) for task, status in sorted(tasks.items())}
            for path, tasks in sorted(artifact.scores.items())
        },
    }


def _claim(checked: Checked) -> dict[str, JSON]:
    claim, outcome = checked.claim, checked.outcome
    return {
        "id": claim.id,
        "tier": int(claim.tier),
        "kind": claim.kind,
        "pointer": claim.pointer,
        "statement": claim.statement,
        "claimed": claim.expected,
        "found": outcome.found,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "method": outcome.method,
        "digests": [{"what": what, "digest": digest} for what, digest in outcome.digests],
    }


def _finding(finding: Finding) -> dict[str, JSON]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "pointer": finding.pointer,
        "message": finding.message,
        "claimed": finding.claimed,
        "found": finding.found,
        "remedy": finding.remedy,
        "claim": finding.claim_id,
    }


def _sorted(item: JSON) -> JSON:
    # Insertion order of these two blocks is an accident of the code that fills them.
    if isinstance(item, Mapping):
        return {key: _sorted(item[key]) for key in sorted(item)}
    return item
