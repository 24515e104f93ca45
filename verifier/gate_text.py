"""The gate's answer as Markdown, workflow annotations and JSON.

Everything that a stranger wrote (names, values, reasons) is escaped for where it goes: a table cell, an
annotation's property or its message. Nothing here decides anything.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from verifier.gate import EntryChange, GateResult
from verifier.gate_entry import Problem, exact, line_of, plain, shown
from verifier.report.model import ArtifactReport, Checked
from verifier.verdicts import JSON, Tier, Verdict

SCHEMA = "alloy-gate/1"
MAX_LISTED = 50
"""How many problem ids of one kind a summary lists; the rest is counted."""

_ALTERED = str.maketrans({"|": "\\|", "`": "'", "\r": " ", "\n": " ", "\t": " "})


def code(value: object, limit: int = 160) -> str:
    """A value as a code span in a table cell, where no markup, mention or link is interpreted."""
    text = "".join(c if c.isprintable() or c in "\r\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    text = text.translate(_ALTERED).strip()
    return f"`{text[:limit] + '…' if len(text) > limit else text or ' '}`"


def markdown(result: GateResult) -> str:
    """The summary of one change for reviewers."""
    lines = ["# Catalog gate", ""]
    if not result.entries:
        lines.append(f"Nothing to do: no catalog entry is touched between `{result.base[:12]}` and HEAD.")
        return "\n".join([*lines, ""])
    refused = sum(bool(e.problems) for e in result.entries)
    lines.append(
        f"{len(result.entries)} touched, {refused} refused (`{result.base[:12]}`…`{result.head[:12]}`)."
    )
    for entry in result.entries:
        lines += ["", *_entry(entry)]
    return "\n".join([*lines, ""])


def _entry(entry: EntryChange) -> Iterator[str]:
    word = "refused" if entry.problems else "accepted"
    yield f"## {code(f'{entry.catalog}/{entry.name}')}: {entry.kind}, {word}"
    for reason in entry.reason:
        yield f"\nStated reason: {code(reason, 400)}"
    if entry.problems:
        yield "\n| Problem | What | What to do |\n| --- | --- | --- |"
        for p in entry.problems:
            yield f"| {p.code} | {code(p.message, 400)} | {code(p.remedy, 200) if p.remedy else ''} |"
    if entry.report is not None:
        yield "\n" + ", ".join(f"{n} {v.value}" for v, n in entry.report.counts().items()) + "."
        yield from _scores(entry, entry.report)
        yield from _refuted(entry.report)
        yield from _problems_flipped(entry, entry.report)
        yield from _verdicts_flipped(entry)


def _scores(entry: EntryChange, report: ArtifactReport) -> Iterator[str]:
    rows = [c for c in report.checked if c.claim.tier is Tier.SCORES]
    if rows:
        yield "\n### Scores\n"
        yield "| Claim | Claimed | Recomputed | Verdict | Reviewed |\n| --- | --- | --- | --- | --- |"
    for c in rows:
        reviewed = (entry.expected or {}).get(c.claim.id, {}).get("verdict", "none")
        claimed, found = code(shown(c.claim.expected)), code(shown(c.outcome.found))
        yield f"| {code(c.claim.id)} | {claimed} | {found} | {c.outcome.verdict.value} | {reviewed} |"


def _refuted(report: ArtifactReport) -> Iterator[str]:
    rows = [c for c in report.checked if c.outcome.verdict is Verdict.REFUTED]
    if rows:
        yield "\n### Refuted\n\n| Claim | Where | Claimed | Found | Reason |\n| --- | --- | --- | --- | --- |"
    for c in rows:
        claimed, found = code(shown(c.claim.expected)), code(shown(c.outcome.found))
        name, where, why = code(c.claim.id), code(c.claim.pointer), code(c.outcome.reason)
        yield f"| {name} | {where} | {claimed} | {found} | {why} |"


def _problems_flipped(entry: EntryChange, report: ArtifactReport) -> Iterator[str]:
    for base, student in entry.pairs:
        lost, gained = flips(report.scores[base], report.scores[student])
        yield f"\n### Problems that flipped from {code(base)} to {code(student)}\n"
        yield f"- lost ({len(lost)}): {_listed(lost)}"
        yield f"- gained ({len(gained)}): {_listed(gained)}"


def _listed(tasks: list[str]) -> str:
    more = f" and {len(tasks) - MAX_LISTED} more" if len(tasks) > MAX_LISTED else ""
    return (", ".join(code(t, 60) for t in tasks[:MAX_LISTED]) or "none") + more


def _verdicts_flipped(entry: EntryChange) -> Iterator[str]:
    rows = list(verdict_flips(entry))
    if rows:
        yield "\n### Verdicts that flipped\n\n| Claim | Before | Now |\n| --- | --- | --- |"
    for claim, before, now in rows:
        yield f"| {code(claim)} | {before} | {now} |"


def flips(
    before: Mapping[str, Mapping[str, JSON]], after: Mapping[str, Mapping[str, JSON]]
) -> tuple[list[str], list[str]]:
    """Problems that only the first file solves, and problems that only the second one solves.

    A problem that either side leaves undecided has not flipped.
    """
    both = [t for t in before if t in after]
    status = {t: (before[t].get("confirmed"), after[t].get("confirmed")) for t in both}
    return [t for t in both if status[t] == (True, False)], [t for t in both if status[t] == (False, True)]


def verdict_flips(entry: EntryChange) -> Iterator[tuple[str, str, str]]:
    """(claim, verdict reviewed on the base side, verdict measured now) where they differ."""
    for checked in entry.report.checked if entry.report else ():
        before = (entry.previous or {}).get(checked.claim.id)
        now = checked.outcome.verdict.value
        if before is not None and before["verdict"] != now:
            yield checked.claim.id, str(before["verdict"]), now


def annotations(result: GateResult) -> list[str]:
    """Workflow commands that show each problem at its line of the lock entry."""
    found = []
    for entry in result.entries:
        text = entry.lock.text if entry.lock else ""
        for p in entry.problems:
            found.append(_annotation(entry, p, line_of(text, p.needle)))
    return found


def _annotation(entry: EntryChange, problem: Problem, line: int) -> str:
    title = f"alloy gate: {problem.code}"
    message = problem.message + (f" ({problem.remedy})" if problem.remedy else "")
    return f"::error file={_property(entry.path)},line={line},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_json(result: GateResult) -> str:
    """The answer for programs; stable for the same change and environment."""
    document = {
        "schema": SCHEMA,
        "base": result.base,
        "head": result.head,
        "exit": result.exit_code(),
        "entries": [_entry_json(entry) for entry in result.entries],
    }
    return json.dumps(document, indent=1, default=exact) + "\n"


def _entry_json(entry: EntryChange) -> dict[str, Any]:
    report = entry.report
    return {
        "name": entry.name,
        "catalog": entry.catalog,
        "path": entry.path,
        "change": entry.kind,
        "accepted": not entry.problems,
        "reasons": list(entry.reason),
        "problems": [
            {"code": p.code, "message": p.message, "remedy": p.remedy, "line": _line(entry, p)}
            for p in entry.problems
        ],
        "counts": {v.value: n for v, n in report.counts().items()} if report else None,
        "scores": [_score_json(c) for c in report.checked if c.claim.tier is Tier.SCORES] if report else [],
        "flipped": [_flip_json(report, *pair) for pair in entry.pairs] if report else [],
        "verdicts_flipped": [{"claim": c, "before": b, "now": n} for c, b, n in verdict_flips(entry)],
    }


def _line(entry: EntryChange, problem: Problem) -> int:
    return line_of(entry.lock.text if entry.lock else "", problem.needle)


def _score_json(checked: Checked) -> dict[str, Any]:
    return {
        "claim": checked.claim.id,
        "claimed": plain(checked.claim.expected),
        "recomputed": plain(checked.outcome.found),
        "verdict": checked.outcome.verdict.value,
    }


def _flip_json(report: ArtifactReport, base: str, student: str) -> dict[str, Any]:
    lost, gained = flips(report.scores[base], report.scores[student])
    return {"base": base, "student": student, "lost": lost, "gained": gained}
