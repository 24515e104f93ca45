"""Differences of scores, from the samples of both ends.

A difference is VERIFIED only if both of its ends are, their judged scores differ as claimed, and the
pipeline that measured them does not miss its anchor. It is REFUTED only if both ends were judged and
nothing that an honest card may write down about them gives the claimed number.
"""

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from verifier.claims.anchors import from_params
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.tiers import calibration, ends
from verifier.tiers.arithmetic import Interval, decimals, published
from verifier.tiers.calibration import Calibration, State
from verifier.tiers.context import Context
from verifier.tiers.ends import End
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.verdicts import Outcome, Verdict

METHOD = "difference-of-judged-scores/1"
MAX_DIGITS = 12
"""Beyond it a rounded score is the judged one for every purpose."""


def check_delta(claim: Claim, ctx: Context) -> Outcome:
    """A difference of two scores.

    1. Both ends are decided as their own claims are.
    2. If both were judged, the difference of the judged scores decides whether the claim can stand.
    3. An end that is not VERIFIED, or a pipeline that misses its anchor, leaves it without a ground.

    Raises:
        JudgeError: the judge itself broke.
    """
    if not is_number(claim.expected):
        return refuted(claim, "not-a-number", "expected a number of points")
    both = (ends.decide(claim.params["minuend"], ctx), ends.decide(claim.params["subtrahend"], ctx))
    anchored = [calibration.decide(from_params(a), ctx) for a in claim.params["anchors"]]
    outcome = _decide(claim, both, anchored)
    for one in anchored:
        outcome = calibration.with_findings(outcome, claim, calibration.remarks(one), one.anchor.pointer)
    return outcome


def _decide(claim: Claim, both: tuple[End, End], anchored: list[Calibration]) -> Outcome:
    open_ = ends.undecidable(claim, both, "delta-without-samples", "the difference")
    if open_ is not None:
        return open_
    high, low = (end.percent for end in both)
    assert high is not None and low is not None  # judged: neither end is undecidable
    exactly = high - low
    said = f"the judged scores differ by {exactly}"
    found = round(float(exactly.low), 2) if exactly.low == exactly.high else str(exactly)
    digests = _digests(both)
    given = published(claim.expected)
    readings = [*_differences(both), *(_relative(both) if claim.params.get("relative") else ())]
    if not any(given.meets(honest) for honest in readings):
        return refuted(
            claim,
            "delta-differs",
            f"claimed {claim.expected}, but {said}",
            found=found,
            method=METHOD,
            digests=digests,
            remedy="correct the difference, or publish the samples that it was taken from",
        )
    if not given.meets(exactly):
        said += f"; {claim.expected} is what they give as the card writes them"
    return _grounded(claim, both, anchored, said) or verified(
        said, found=found, method=METHOD, digests=digests
    )


def _grounded(claim: Claim, both: tuple[End, End], anchored: list[Calibration], said: str) -> Outcome | None:
    """Why a difference that fits does not hold for all that, or None."""
    for end in both:
        if end.verdict is not Verdict.VERIFIED:
            return unverifiable(
                claim,
                "delta-of-refuted-scores",
                f"{said}, but an end does not hold: {end.text}",
                remedy="publish the scores that the samples have",
            )
    for one in anchored:
        if one.state is State.FAILED:
            return unverifiable(
                claim,
                "anchor-failed",
                f"{said}, in a pipeline that misses its anchor: {one.reason}",
                remedy="find out why the pipeline misses the base model's known score, and measure again",
            )
    for one in anchored:
        if one.state is State.IMPOSSIBLE and one.here:
            return not_checked(f"{said}, but the pipeline's anchor could not be checked here: {one.reason}")
    return None


def _differences(both: tuple[End, End]) -> list[Interval]:
    """What an honest card may write for the difference of two judged ends.

    It may subtract the judged scores, or what they round to, in the unit of the scores or in points.
    """
    points = _hull(*both)
    return [points, points.times(Decimal("0.01"))] if 1 in (both[0].scale, both[1].scale) else [points]


def _relative(both: tuple[End, End]) -> list[Interval]:
    """The difference in percent of the subtrahend, of the judged scores and of the rounded ones."""
    found = []
    for high, low in (
        (both[0].percent, both[1].percent),
        tuple(_rounded(end) for end in both),
    ):
        if high is not None and low is not None and low.low > 0:
            found.append(Interval(100 * high.low / low.high - 100, 100 * high.high / low.low - 100))
    return found


def _hull(high: End, low: End) -> Interval:
    """From the difference of the judged scores to that of the rounded ones, in points."""
    assert high.percent is not None and low.percent is not None
    exactly = high.percent - low.percent
    rounded = _rounded(high) - _rounded(low)
    return Interval(min(exactly.low, rounded.low), max(exactly.high, rounded.high))


def _rounded(end: End) -> Interval:
    """A judged score with as many digits as the stated one; a tie may go either way."""
    assert end.percent is not None
    digits = min(MAX_DIGITS, decimals(end.claim.expected) - (2 if end.scale == 1 else 0))
    step = Decimal(1).scaleb(-digits)
    return Interval(
        (end.percent.low / step).quantize(Decimal(1), ROUND_HALF_DOWN) * step,
        (end.percent.high / step).quantize(Decimal(1), ROUND_HALF_UP) * step,
    )


def _digests(both: tuple[End, End]) -> tuple[tuple[str, str], ...]:
    found: dict[tuple[str, str], None] = {}
    for side, end in zip(("", "base "), both, strict=True):
        for what, digest in end.outcome.digests:
            found[(f"{side}{what}" if what == "samples" else what, digest)] = None
    return tuple(found)
