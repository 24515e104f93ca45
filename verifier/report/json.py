"""The report as JSON, ``alloy-report/1``: the same bytes for the same input and environment."""

from collections.abc import Mapping
from importlib import resources

from verifier.report.model import (
    SCHEMA,
    ArtifactReport,
    Checked,
    Comparison,
    Report,
    ScoredFile,
    ScoreRow,
    Statistics,
)
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
        "statistics": _statistics(artifact.statistics) if artifact.statistics else None,
    }


def _statistics(found: Statistics) -> dict[str, JSON]:
    return {
        "level": found.level,
        "scores": [_row(row) for row in found.rows],
        "files": [_file(file) | {"counts": _sorted(file.counts)} for file in found.files],
        "comparisons": [comparison(one) for one in found.comparisons],
    }


def _row(row: ScoreRow) -> dict[str, JSON]:
    interval = {"low": row.low, "high": row.high, "method": row.method}
    return {
        "claim": row.claim,
        "pointer": row.pointer,
        "benchmark": row.benchmark,
        "who": row.who,
        "samples": row.samples,
        "metric": row.metric,
        "claimed": row.claimed,
        "found": row.found,
        "solved": row.solved,
        "answered": row.answered,
        "undecided": row.undecided,
        "total": row.total,
        "interval": interval if row.low is not None else None,
        "smallestDifference": row.smallest,
    }


def _file(file: ScoredFile) -> dict[str, JSON]:
    return {"samples": file.samples, "benchmark": file.benchmark, "who": file.who}


def comparison(one: Comparison) -> dict[str, JSON]:
    """Return a comparison as JSON values."""
    return {
        "benchmark": one.benchmark,
        "first": _file(one.first),
        "second": _file(one.second),
        "problems": one.problems,
        "onlyFirst": one.only_first,
        "onlySecond": one.only_second,
        "difference": one.difference,
        "p": one.p,
        "distinguishable": one.distinguishable,
        "sameAnswers": one.same_answers,
        "longAnswers": one.long_answers,
        "reservations": one.reservations,
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
