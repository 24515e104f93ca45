"""Acceptance criteria, evaluated against verified scores only: met, missed, or undecided.

A missed criterion refutes no card by itself: the card demands it and does not say that it is met. It is
UNVERIFIABLE with a warning, so that it never counts as a pass; a card that says that it is met is REFUTED
where it says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from verifier.claims.anchors import from_params
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.tiers import calibration, ends
from verifier.tiers.arithmetic import decimals
from verifier.tiers.calibration import State
from verifier.tiers.context import Context
from verifier.tiers.ends import End
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.verdicts import JSON, Outcome, Severity, Verdict


class Met(Enum):
    """Whether a criterion is met."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Answer:
    """A criterion and what the verified scores say.

    Attributes:
        state: met, missed or undecided.
        reason: one sentence.
        here: it is undecided on this machine or by scores only; evidence exists.
    """

    state: Met
    reason: str
    here: bool = False


def evaluate(params: Mapping[str, JSON], ctx: Context) -> Answer:
    """Hold one criterion against verified scores.

    Args:
        params: of the criterion's claim.

    Raises:
        JudgeError: a judge itself broke.
    """
    if not params["rule"]:
        return Answer(Met.UNDECIDED, str(params["why"]), bool(params["here"]))
    limit = ctx.value(params["limit"])
    limits = _limits(params["rule"], limit)
    if not limits:
        return Answer(Met.UNDECIDED, f"expected a share or a percentage, found {limit}")
    decided = [ends.decide(one, ctx) for one in params["ends"]]
    for one in decided:
        if one.verdict is not Verdict.VERIFIED:
            return Answer(Met.UNDECIDED, f"it rests on {one.text}", one.verdict is Verdict.NOT_CHECKED)
    for anchor in (calibration.decide(from_params(a), ctx) for a in params["anchors"]):
        if anchor.state is State.FAILED or (anchor.state is State.IMPOSSIBLE and anchor.here):
            here = anchor.state is not State.FAILED
            return Answer(Met.UNDECIDED, f"the pipeline's anchor does not hold: {anchor.reason}", here)
    return _compare(_values(decided), limits)


def _limits(rule: str, limit: JSON) -> list[Decimal]:
    """What a limit may mean, in percent or points; nothing if it can be neither.

    ``min`` is a share by forge-alloy's specification and a percentage above 1. A threshold is a percentage,
    and a small one may be a share; so may a small difference with two decimals.
    """
    if not is_number(limit):
        return []
    value = Decimal(limit)
    if rule == "anchorDelta":
        small = abs(value) < 1 and decimals(limit) > 1
        return [value, 100 * value] if small else [value] if abs(value) <= 100 else []
    if not 0 <= value <= 100:
        return []
    if rule == "min":
        return [100 * value if value <= 1 else value]
    return [value, 100 * value] if 0 < value <= 1 else [value]


def _values(decided: list[End]) -> list[Decimal]:
    """The verified score, or difference, in percent: as judged, and as stated, which is rounded."""
    spans = [end.percent for end in decided]
    stated = [Decimal(end.claim.expected) * (100 // end.scale) for end in decided]
    first = spans[0]
    assert first is not None  # verified scores are judged ones
    if len(decided) == 1:
        return [first.low, first.high, stated[0]]
    second = spans[1]
    assert second is not None
    less = first - second
    return [less.low, less.high, stated[0] - stated[1]]


def _compare(values: list[Decimal], limits: list[Decimal]) -> Answer:
    low, high = min(values), max(values)
    shown = f"{values[0]:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    asked = " or ".join(f"{limit.normalize():f}" for limit in limits)
    if low >= max(limits):
        return Answer(Met.MET, f"{shown} is at least {asked}")
    if high < min(limits):
        return Answer(Met.MISSED, f"{shown} is below {asked}")
    return Answer(Met.UNDECIDED, f"{shown} may be above or below {asked}, by how it is written")


def check_criterion(claim: Claim, ctx: Context) -> Outcome:
    """A criterion of the card: VERIFIED if it is met, never REFUTED."""
    answer = evaluate(claim.params, ctx)
    state, reason = answer.state.value, f"{answer.state.value}: {answer.reason}"
    if answer.state is Met.MET:
        return verified(reason, found=state, method="criterion/1")
    if answer.state is Met.UNDECIDED and answer.here:
        return not_checked(reason, found=state)
    missed = answer.state is Met.MISSED
    return unverifiable(
        claim,
        f"criterion-{state}",
        reason,
        found=state,
        severity=Severity.WARNING if missed else Severity.NOTE,
        remedy="forge again, or say why it was accepted for all that"
        if missed
        else "state it as min or anchorDelta of a benchmark whose samples are published",
    )


def check_met(claim: Claim, ctx: Context) -> Outcome:
    """The card's own word that its criteria are met, or are not."""
    answers = [evaluate(params, ctx) for params in claim.params["criteria"]]
    missed = [a for a in answers if a.state is Met.MISSED]
    open_ = [a for a in answers if a.state is Met.UNDECIDED]
    if not answers or (open_ and not missed):
        reason = f"undecided: {open_[0].reason if open_ else 'there is no criterion'}"
        if open_ and all(a.here for a in open_):
            return not_checked(reason, found=Met.UNDECIDED.value)
        return unverifiable(
            claim,
            "criterion-undecided",
            reason,
            found=Met.UNDECIDED.value,
            remedy="publish the samples of the scores that the criteria are about",
        )
    holds = not missed
    said = "; ".join(a.reason for a in (missed or answers)[:5])
    state = (Met.MET if holds else Met.MISSED).value
    if claim.expected is holds:
        return verified(f"{state}: {said}", found=state, method="criterion/1")
    return refuted(
        claim,
        "criterion-differs",
        f"the card says {'met' if claim.expected else 'missed'}, the verified scores say {state}: {said}",
        found=state,
        method="criterion/1",
        remedy="say what the scores say",
    )
