"""The report as one self-contained HTML page.

The page loads nothing, and its content security policy allows just the one script that stands in it:
even an escape that this module got wrong could not run a stranger's code.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from verifier.report.explain import meaning, share
from verifier.report.html_assets import SCRIPT, STYLE
from verifier.report.html_forest import forest
from verifier.report.html_grid import grids
from verifier.report.html_text import json_text as _json
from verifier.report.html_text import text as _text
from verifier.report.model import ArtifactReport, Checked, Report
from verifier.verdicts import JSON, Finding, Verdict


def page(report: Report) -> str:
    """Return the whole page as text (UTF-8 when written)."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_text(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            f"<title>Alloy report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Alloy report</h1>\n",
            _overview(report),
            _controls(),
            *(_artifact(number, artifact) for number, artifact in enumerate(report.artifacts)),
            _block("Environment", report.environment),
            _block("Timing", report.timing),
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )


def _overview(report: Report) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#artifact-{number}">{_text(a.name, 120)}</a></th>'
        f'<td><code class="short">{_text(a.alloy_hash or "not at hand")}</code></td>'
        f"{_counts(a.counts())}"
        f"<td>{_bar(a.counts())}</td></tr>\n"
        for number, a in enumerate(report.artifacts)
    )
    heads = "".join(f'<th scope="col" title="{_text(meaning(v))}">{v.value}</th>' for v in Verdict)
    return (
        "<table><caption>Claims by verdict</caption><thead><tr>"
        f'<th scope="col">artifact</th><th scope="col">alloy hash</th>{heads}<th scope="col">share</th>'
        f"</tr></thead>\n<tbody>\n{rows}</tbody></table>\n"
    )


def _counts(counts: Mapping[Verdict, int]) -> str:
    return "".join(f'<td class="number">{counts[v]}</td>' for v in Verdict)


def _bar(counts: Mapping[Verdict, int]) -> str:
    parts = "".join(
        f'<span class="v-{v.value}" style="flex:{counts[v]}" title="{counts[v]} {v.value}"></span>'
        for v in Verdict
        if counts[v]
    )
    label = ", ".join(f"{counts[v]} {v.value}" for v in Verdict)
    return f'<div class="bar" role="img" aria-label="{label}">{parts}</div>'


def _controls() -> str:
    boxes = "".join(
        f'<label><input type="checkbox" class="verdict" value="{v.value}" checked> {v.value}</label> '
        for v in Verdict
    )
    return (
        '<form id="filter"><label>Filter claims <input type="search" id="text" '
        f'placeholder="id, pointer, value, reason"></label> {boxes}</form>\n'
    )


def _artifact(number: int, artifact: ArtifactReport) -> str:
    counts = artifact.counts()
    verified = share(counts, Verdict.VERIFIED)
    return (
        f'<section id="artifact-{number}">\n<h2>{_text(artifact.name, 120)}</h2>\n'
        f"<p>Verified: {escape(verified)} of {sum(counts.values())} claims.</p>\n{_bar(counts)}\n"
        + (forest(artifact.statistics) if artifact.statistics else "")
        + grids(artifact)
        + _claims(artifact.checked)
        + _findings(artifact.findings)
        + "</section>\n"
    )


def _claims(checked: Iterable[Checked]) -> str:
    rows = "".join(map(_claim, checked))
    if not rows:
        return "<p>No claim of the tiers asked for, so nothing was checked.</p>\n"
    heads = ("claim", "tier", "verdict", "claimed", "found", "pointer", "reason")
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    return f'<table class="claims"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n'


def _claim(checked: Checked) -> str:
    claim, outcome = checked.claim, checked.outcome
    verdict = outcome.verdict.value
    digests = "".join(f"<br><small>{_text(w)} <code>{_text(d)}</code></small>" for w, d in outcome.digests)
    method = f"<br><small>{_text(outcome.method)}</small>" if outcome.method else ""
    return (
        f'<tr class="claim" data-verdict="{verdict}">'
        f'<td title="{_text(claim.statement)}">{_text(claim.id)}</td>'
        f'<td class="number">{int(claim.tier)}</td><td><span class="badge v-{verdict}">{verdict}</span></td>'
        f"<td><code>{_json(claim.expected)}</code></td><td><code>{_json(outcome.found)}</code></td>"
        f"<td><code>{_text(claim.pointer)}</code></td><td>{_text(outcome.reason)}{method}{digests}</td></tr>\n"
    )


def _findings(findings: Iterable[Finding]) -> str:
    items = "".join(
        f"<li><b>{f.severity.value}</b> <code>{_text(f.code)}</code> "
        f"at <code>{_text(f.pointer or '/')}</code>: {_text(f.message)}{_remedy(f)}</li>\n"
        for f in findings
    )
    return f"<details><summary>Findings</summary><ul>\n{items}</ul></details>\n" if items else ""


def _remedy(finding: Finding) -> str:
    return f" <em>{_text(finding.remedy)}</em>" if finding.remedy else ""


def _block(title: str, content: Mapping[str, JSON]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(key)}</th><td><code>{_json(content[key])}</code></td></tr>\n'
        for key in sorted(content)
    )
    return f"<details><summary>{title}</summary><table><tbody>\n{rows}</tbody></table></details>\n"
