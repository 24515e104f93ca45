"""``docs/findings.md``: every refuted or unverifiable claim of the published catalog, from a real run.

Run ``python -m verifier.report.findings > docs/findings.md`` with ``ALLOY_MIRROR`` set.
"""

import sys
from collections.abc import Iterator

from verifier.report.explain import compared
from verifier.report.model import ArtifactReport, Checked, Report
from verifier.runners.suspicion import NOTES
from verifier.verdicts import Tier, Verdict

HEAD = """# What the published catalog's verification found

For every claim of the published catalog that is refuted or cannot be verified: what was claimed, what was
found, and how anyone can see it; and what published scores can show (no verdict rests on that). The
judgement is the verifier's alone; publishers' own notes play no part in it. This page is made by
`python -m verifier.report.findings` from an offline run over a mirror of the artifacts as published; weights
are not downloaded, so their digests stay NOT_CHECKED until the Hub's metadata is asked (`alloy verify NAME`
without `--offline`).

## The two versions of qwen3-coder-30b-a3b-compacted-19b-256k

Version 1.0.0 (withdrawn) claims 86.0 for the student and 89.0 for the base on HumanEval+, version 1.0.1
claims 85.4 and 88.4, for byte-identical samples. The judge confirms 141 and 146 of 164 problems, base and
extra tests both: 85.98 and 89.02. So the withdrawn numbers hold and the corrected ones are refuted. The
one problem by which the student's count differs from 140 is HumanEval/83: its tests take long, and
evalplus's wall-clock limit fails it when other processes are busy beside it. On a machine with a load of
7 evalplus 0.3.1's own command line counted 140 for the student (HumanEval/83 failed) and 146 for the
base; this project decides such a problem alone and by processor time, and gets 141. Version 1.0.1 also
still states the old 89.0 as the anchor of its prior baseline, which contradicts its own base score.

On a quieter machine evalplus's own command line counts 141 for the student as well (pass@1 0.860).

## How to read this

See one claim: `alloy explain CLAIM-ID`. See all of an artifact: `alloy verify NAME -v`.
"""


def page(report: Report) -> str:
    """The whole document as Markdown.

    Args:
        report: of the published catalog, all tiers.
    """
    return "\n".join([HEAD, *_summary(report), *(line for a in report.artifacts for line in _artifact(a))])


def _summary(report: Report) -> Iterator[str]:
    yield "| artifact | verified | refuted | unverifiable | not checked |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    shown = (Verdict.VERIFIED, Verdict.REFUTED, Verdict.UNVERIFIABLE, Verdict.NOT_CHECKED)
    for artifact in report.artifacts:
        counts = artifact.counts()
        yield f"| {artifact.name} | " + " | ".join(str(counts[v]) for v in shown) + " |"
    yield ""


def _artifact(artifact: ArtifactReport) -> Iterator[str]:
    yield f"## {artifact.name}"
    yield ""
    yield f"Alloy `{artifact.alloy_hash}`."
    yield ""
    for verdict in (Verdict.REFUTED, Verdict.UNVERIFIABLE):
        rows = [c for c in artifact.checked if c.outcome.verdict is verdict]
        if rows:
            yield f"**{verdict.value}**"
            yield ""
            yield from (_row(artifact, row) for row in rows)
            yield ""
    yield from _statistics(artifact)


def _statistics(artifact: ArtifactReport) -> Iterator[str]:
    """Comparisons of scored files, and notes on samples; no verdict rests on them."""
    pairs = artifact.statistics.comparisons if artifact.statistics else ()
    notes = [f"{f.severity.value}: {f.message}" for f in artifact.findings if f.code in NOTES]
    if pairs or notes:
        yield "**What the scores can show**"
        yield ""
        yield from (f"- {line}" for line in (*map(compared, pairs), *notes))
        yield ""


def _row(artifact: ArtifactReport, row: Checked) -> str:
    claimed = f"`{str(row.claim.expected)[:80]}`" if row.claim.expected is not None else "nothing"
    slug = row.claim.id.removeprefix(artifact.name + "-")
    where = row.claim.pointer or "the file"
    return f"- `{slug}` at `{where}`: claimed {claimed}; {row.outcome.reason.replace(chr(10), ' ')}"


def main() -> int:
    """Verify the published catalog offline and print the page."""
    from verifier.engine import Options, verify

    report = verify(None, tiers=tuple(Tier), options=Options(offline=True, catalog="published"))
    if any(a.alloy_hash is None for a in report.artifacts):
        print("error: the alloys are not at hand; set ALLOY_MIRROR", file=sys.stderr)
        return 2
    print(page(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
