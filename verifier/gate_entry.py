"""What a change does to one catalog entry, and which of it needs a stated reason.

The two sides are read here from history on their own, since the base side may be older than this version
of the catalog code and either side may be garbage. Nothing is verified here: these are the
rules about *pins* (digests, revisions, claimed values, expected verdicts), which must not drift unnoticed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from verifier.alloy.parse import parse_json
from verifier.errors import DocumentError
from verifier.verdicts import JSON

LOCK_SUFFIX = ".lock.json"
MAX_BYTES = 16 * 1024 * 1024
"""Largest lock entry or snapshot that is read, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The pinned facts of one side of a change.

    Attributes:
        repo, revision: where the artifact lives; None for one that has no repository.
        pins: sha256 and size by ``role:path`` (the alloy's role is ``alloy``).
        claims: what each claim id stands for: tier, kind, pointer, claimed value.
        reasons: why pins were changed in the past, oldest first.
        text: the file as it stands, for line numbers.
    """

    repo: str | None
    revision: str | None
    pins: Mapping[str, tuple[str, int]]
    claims: Mapping[str, Mapping[str, JSON]]
    reasons: tuple[str, ...]
    text: str = field(repr=False)

    def digests(self) -> frozenset[str]:
        """All pinned sha256 values."""
        return frozenset(sha for sha, _ in self.pins.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason to refuse a change.

    Attributes:
        code: stable kebab-case name.
        message: one sentence: subject, expected, found.
        needle: text in the lock entry whose line shows the problem; empty for the first line.
        remedy: what the author can do.
    """

    code: str
    message: str
    needle: str = ""
    remedy: str = ""


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."


def _need(condition: bool, what: str, pointer: str, expected: str, found: object) -> None:
    if not condition:
        raise DocumentError(f"{what}: expected {expected}, found {_short(repr(found))}", pointer=pointer)


def read_lock(data: bytes, what: str) -> Lock:
    """Read the facts of a lock entry.

    Args:
        data: the file's bytes.
        what: its path, for messages.

    Raises:
        DocumentError: it is not a lock entry.
    """
    raw = parse_json(data, what=what, max_bytes=MAX_BYTES)
    _need(isinstance(raw, dict), what, "", "an object", raw)
    schema = raw.get("schema")
    _need(
        isinstance(schema, str) and schema.startswith("alloy-lock/"), what, "/schema", "alloy-lock/1", schema
    )
    for key in ("repo", "revision"):
        _need(
            raw.get(key) is None or isinstance(raw[key], str),
            what,
            f"/{key}",
            "a string or null",
            raw.get(key),
        )
    for key in ("files", "claims", "reasons"):
        _need(isinstance(raw.get(key), list), what, f"/{key}", "a list", raw.get(key))
    reasons = raw["reasons"]
    _need(all(isinstance(r, str) for r in reasons), what, "/reasons", "strings", reasons)
    pins = dict([_pin(raw.get("alloy"), "alloy", what, "/alloy")])
    for i, item in enumerate(raw["files"]):
        key, pin = _pin(item, None, what, f"/files/{i}")
        _need(key not in pins, what, f"/files/{i}", "a file that is pinned once", key)
        pins[key] = pin
    return Lock(
        repo=raw.get("repo"),
        revision=raw.get("revision"),
        pins=pins,
        claims=_claims(raw["claims"], what),
        reasons=tuple(reasons),
        text=data.decode("utf-8"),
    )


def _pin(item: JSON, role: str | None, what: str, pointer: str) -> tuple[str, tuple[str, int]]:
    _need(isinstance(item, dict), what, pointer, "an object", item)
    sha, size, path = item.get("sha256"), item.get("size"), item.get("path")
    role = role or item.get("role")
    hexadecimal = isinstance(sha, str) and len(sha) == 64 and set(sha) <= set("0123456789abcdef")
    _need(hexadecimal, what, f"{pointer}/sha256", "64 lower-case hex digits", sha)
    _need(type(size) is int and size >= 0, what, f"{pointer}/size", "a number of bytes", size)
    _need(isinstance(path, str) and isinstance(role, str), what, pointer, "a path and a role", item)
    return f"{role}:{path}", (sha, size)


def _claims(items: list[JSON], what: str) -> dict[str, Mapping[str, JSON]]:
    found: dict[str, Mapping[str, JSON]] = {}
    for i, item in enumerate(items):
        pointer = f"/claims/{i}"
        _need(
            isinstance(item, dict) and isinstance(item.get("id"), str),
            what,
            pointer,
            "a claim with an id",
            item,
        )
        _need(item["id"] not in found, what, f"{pointer}/id", "an id used once", item["id"])
        found[item["id"]] = {key: item.get(key) for key in ("tier", "kind", "pointer", "claimed")}
    return found


def gained_reason(old: Lock, new: Lock) -> bool:
    """Whether the new side states a reason that the old one does not (reasons are only ever appended)."""
    if new.reasons[: len(old.reasons)] != old.reasons:
        return False
    return any(r.strip() and r not in old.reasons for r in new.reasons[len(old.reasons) :])


def pin_changes(old: Lock, new: Lock) -> list[Problem]:
    """Every pinned fact that differs: repository, revision, digests, claimed values."""
    problems = [
        Problem(
            code=f"{key}-changed",
            message=f"{key}: expected {getattr(old, key)!r} as pinned, found {getattr(new, key)!r}",
            needle=f'"{key}":',
        )
        for key in ("repo", "revision")
        if getattr(old, key) != getattr(new, key)
    ]
    for key, pin in old.pins.items():
        now = new.pins.get(key)
        if now is None:
            problems.append(
                Problem(code="pin-removed", message=f"{key}: expected sha256 {pin[0]}, found no pin")
            )
        elif now != pin:
            message = f"{key}: expected sha256 {pin[0]} ({pin[1]} bytes), found {now[0]} ({now[1]} bytes)"
            problems.append(Problem(code="digest-changed", message=message, needle=now[0]))
    return problems + _claim_changes(old, new)


def _claim_changes(old: Lock, new: Lock) -> list[Problem]:
    problems = []
    for claim, facts in old.claims.items():
        now = new.claims.get(claim)
        if now is None:
            message = f"{claim}: expected the claim that is on record, found none"
            problems.append(Problem(code="claim-removed", message=message))
            continue
        for key in ("claimed", "pointer", "tier", "kind"):
            if facts[key] != now[key] or type(facts[key]) is not type(now[key]):
                message = f"{claim}: expected {key} {shown(facts[key])} as on record, found {shown(now[key])}"
                problems.append(Problem(code=f"{key}-changed", message=message, needle=quoted(claim)))
    return problems


def verdict_changes(
    old: Mapping[str, Mapping[str, JSON]], new: Mapping[str, Mapping[str, JSON]]
) -> list[Problem]:
    """Every expected verdict (or expected value found) that the change alters or drops."""
    problems = []
    for claim, item in old.items():
        now = new.get(claim)
        if now is None or not same_expectation(item, now):
            found = "none" if now is None else expectation(now)
            message = f"{claim}: expected verdict {expectation(item)} as reviewed, found {found}"
            problems.append(Problem(code="expected-verdict-changed", message=message, needle=quoted(claim)))
    return problems


def same_expectation(left: Mapping[str, JSON], right: Mapping[str, JSON]) -> bool:
    """Whether two snapshot items say the same; ``found`` counts only where both have it."""
    if left["verdict"] != right["verdict"]:
        return False
    return "found" not in left or "found" not in right or plain(left["found"]) == plain(right["found"])


def expectation(item: Mapping[str, JSON]) -> str:
    """A snapshot item in words."""
    return f"{item['verdict']} (found {shown(item['found'])})" if "found" in item else str(item["verdict"])


def plain(value: JSON) -> JSON:
    """The value as it looks after a trip through JSON, so that measured and stored values compare.

    Numbers compare by value (88.40 equals 88.4); a number never equals a truth value.
    """
    if isinstance(value, dict | Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, bool):
        return f"bool:{value}"
    if isinstance(value, float):
        return Decimal(repr(value))
    return value


def quoted(claim: str) -> str:
    """How a claim id stands in a lock entry."""
    return json.dumps(claim)


def shown(value: JSON) -> str:
    """A value for a message: compact JSON, numbers as written, shortened."""
    return _short(json.dumps(value, default=exact))


def stored(value: JSON) -> str:
    """A claimed value as a lock entry keeps it: fractions as the nearest double."""
    return json.dumps(value, default=exact, sort_keys=True)


def exact(value: object) -> JSON:
    """What ``json.dumps`` writes for a value that JSON does not know."""
    return float(value) if isinstance(value, Decimal) else str(value)


def line_of(text: str, needle: str) -> int:
    """Line number (from 1) of the first line that holds a text; 1 if none does."""
    if needle:
        for number, line in enumerate(text.splitlines(), start=1):
            if needle in line:
                return number
    return 1
