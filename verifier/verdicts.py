"""The vocabulary of answers: tiers, verdicts, findings, and the outcome of one check."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NoReturn

JSON = Any
"""A JSON value: None, bool, int, Decimal, str, list or dict (floats are read as Decimal)."""


class Tier(IntEnum):
    """Which kind of evidence decides a claim."""

    RECIPE = 1
    REFORGE = 2
    BYTES = 3
    SCORES = 4


class _NoTruth(Enum):
    def __bool__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} has no truth value; compare with a member")


class Verdict(_NoTruth):
    """What is known about a claim. Closed, and never a truth value."""

    VERIFIED = "VERIFIED"
    REFUTED = "REFUTED"
    UNVERIFIABLE = "UNVERIFIABLE"
    """The publisher gave nothing to check it by."""
    NOT_CHECKED = "NOT_CHECKED"
    """Evidence exists, but not here, not asked for, or not decidable on this machine."""
    ERROR = "ERROR"
    """The check itself broke."""


class Severity(_NoTruth):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a reader of the report should know.

    Attributes:
        code: stable kebab-case name, for scripts.
        severity: how much it matters.
        pointer: JSON pointer (RFC 6901) into the alloy.
        message: one sentence.
        claimed: what the document says there.
        found: what was found instead.
        remedy: how to mend it.
        claim_id: the claim it belongs to, if any.
    """

    code: str
    severity: Severity
    pointer: str
    message: str
    claimed: JSON = None
    found: JSON = None
    remedy: str = ""
    claim_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one check established about one claim.

    Attributes:
        verdict: the answer.
        found: the recomputed or observed value (a JSON value; None if there is none).
        reason: one sentence, always present.
        method: name of the method, with everything that influences its answer.
        digests: (what, digest) of the evidence that the verdict rests on.
        findings: what the reader should know besides.
    """

    verdict: Verdict
    reason: str
    found: JSON = None
    method: str = ""
    digests: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = field(default=())
