"""Short constructors for outcomes, so that every check reads the same."""

from typing import Any

from verifier.claims.model import Claim
from verifier.verdicts import JSON, Finding, Outcome, Severity, Verdict


def verified(reason: str, *, found: JSON = None, method: str = "", **more: Any) -> Outcome:
    """The claim holds."""
    return Outcome(verdict=Verdict.VERIFIED, reason=reason, found=found, method=method, **more)


def refuted(
    claim: Claim,
    code: str,
    reason: str,
    *,
    found: JSON = None,
    method: str = "",
    remedy: str = "",
    digests: tuple[tuple[str, str], ...] = (),
) -> Outcome:
    """The claim does not hold; carries a finding with both values."""
    finding = _finding(claim, code, Severity.ERROR, reason, found, remedy)
    return Outcome(
        verdict=Verdict.REFUTED,
        reason=reason,
        found=found,
        method=method,
        findings=(finding,),
        digests=digests,
    )


def unverifiable(
    claim: Claim,
    code: str,
    reason: str,
    *,
    remedy: str,
    found: JSON = None,
    severity: Severity = Severity.WARNING,
) -> Outcome:
    """The publisher gave nothing to check the claim by."""
    finding = _finding(claim, code, severity, reason, found, remedy)
    return Outcome(verdict=Verdict.UNVERIFIABLE, reason=reason, found=found, findings=(finding,))


def not_checked(reason: str, *, found: JSON = None, method: str = "", **more: Any) -> Outcome:
    """Evidence exists, but not here, not asked for, or not decidable on this machine."""
    return Outcome(verdict=Verdict.NOT_CHECKED, reason=reason, found=found, method=method, **more)


def _finding(claim: Claim, code: str, severity: Severity, message: str, found: JSON, remedy: str) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        pointer=claim.pointer,
        message=message,
        claimed=claim.expected,
        found=found,
        remedy=remedy,
        claim_id=claim.id,
    )
