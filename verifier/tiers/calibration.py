"""Anchors: does the pipeline that measured a card's scores reproduce the base model's known score?

The artifact's own base samples are scored again by the canonical judge, and the result is held against the
score that the card cites: passed, failed, or impossible to say. What is cited is taken as the card states
it; whether the cited source says so is another claim, which nobody can check from the artifact.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from verifier.claims import anchors, scores
from verifier.claims.anchors import Anchor
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.claims.slate import Slate
from verifier.errors import DocumentError
from verifier.runners.model import ScoreResult
from verifier.tiers.arithmetic import Interval, published
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.tiers.scores import judged, reading, standing, unit
from verifier.verdicts import JSON, Finding, Outcome, Severity, Tier, Verdict

DEFAULT_TOLERANCE = Decimal("3.0")
"""Points of a percentage, where an anchor states none."""
METHOD = "calibration/1"


class State(Enum):
    """What is known about an anchor."""

    PASSED = "passed"
    FAILED = "failed"
    IMPOSSIBLE = "impossible"
    """Impossible to say; the reason says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """An anchor and what the base model's samples say about it.

    Attributes:
        anchor: where it stands.
        state: passed, failed, or impossible to say.
        reason: one sentence.
        here: it is impossible to say on this machine only; the evidence exists.
        published: the cited score, as the card states it; None if it states none.
        cited: the same in percent, read as the measured score suggests where it could be a fraction.
        measured: the score of the base samples in percent, a range where problems are undecided.
        tolerance: in points.
        stated: the card states the tolerance.
        method: the judge.
        digests: (what, digest) of what it rests on.
    """

    anchor: Anchor
    state: State
    reason: str
    here: bool = False
    published: JSON = None
    cited: Decimal | None = None
    measured: Interval | None = None
    tolerance: Decimal = DEFAULT_TOLERANCE
    stated: bool = False
    method: str = ""
    digests: tuple[tuple[str, str], ...] = ()

    @property
    def difference(self) -> Decimal | None:
        """Measured less published score in points; None unless both are single numbers."""
        if self.measured is None or self.cited is None or self.measured.low != self.measured.high:
            return None
        return self.measured.low - self.cited

    @property
    def wide(self) -> bool:
        """Whether the card gives itself more room than the default tolerance."""
        return self.tolerance > DEFAULT_TOLERANCE


def calibrate(ctx: Context) -> tuple[Calibration, ...]:
    """Hold every anchor of a card against its base samples.

    Args:
        ctx: the card, its evidence and the judges.

    Raises:
        JudgeError: a judge itself broke.
    """
    slate = Slate(ctx.alloy, "card")
    scores.add(slate)
    return tuple(decide(anchor, ctx) for anchor in anchors.find(anchors.Bases.of(slate)))


def decide(anchor: Anchor, ctx: Context) -> Calibration:
    """Hold one anchor against its base samples.

    Passed and failed are said only where every decision of the undecided problems, and every number that
    rounds to the cited score, leads to the same answer.

    Raises:
        JudgeError: the judge itself broke.
    """
    cited, tolerance, stated = _terms(anchor, ctx)

    def impossible(reason: str, *, here: bool = False) -> Calibration:
        return Calibration(
            anchor=anchor,
            state=State.IMPOSSIBLE,
            reason=reason,
            here=here,
            published=cited,
            tolerance=tolerance,
            stated=stated,
        )

    if cited is None:
        return impossible(_nothing_cited(anchor, ctx))
    if not 0 <= tolerance <= 100:
        return impossible(f"expected a tolerance from 0 to 100 points, found {tolerance}")
    if anchor.benchmark is None:
        return impossible("it names no benchmark, and no single base score is its own")
    if anchor.score is None:
        return impossible(_no_samples(anchor, ctx))
    result, claim = _judge(anchor, ctx)
    if isinstance(result, Outcome):
        reason = f"{result.reason} (base samples of {anchor.benchmark[:60]})"
        return impossible(reason, here=result.verdict is Verdict.NOT_CHECKED)
    if result.missing:
        return impossible(f"the base samples answer {result.answered} of {result.total} problems")
    if result.limits:
        return impossible("; ".join(result.limits), here=True)
    return _compare(anchor, cited, standing(claim, result), tolerance, stated, result)


def _terms(anchor: Anchor, ctx: Context) -> tuple[JSON, Decimal, bool]:
    """The cited score or None, the tolerance in points, and whether the card states that."""
    cited = ctx.value(anchor.published)
    cited = cited if is_number(cited) else None
    given: JSON = ctx.value(anchor.tolerance) if anchor.tolerance else None
    if not is_number(given):
        return cited, DEFAULT_TOLERANCE, False
    return cited, Decimal(given) if cited is None else _points(given, cited), True


def _nothing_cited(anchor: Anchor, ctx: Context) -> str:
    source = ctx.value(anchor.source) if anchor.source else None
    return "a source is cited, but no published score" if source else "no published score is stated"


def _no_samples(anchor: Anchor, ctx: Context) -> str:
    base = ctx.value("/source/baseModel")
    if anchor.model is not None and anchor.model != base:
        return f"it is of {str(anchor.model)[:80]}, and the base samples are of {str(base)[:80]}"
    return f"the results have no base score or base samples of {str(anchor.benchmark)[:60]}"


def _judge(anchor: Anchor, ctx: Context) -> tuple[ScoreResult | Outcome, Claim]:
    base = ctx.value(anchor.stated)
    claim = Claim(
        id="anchor",
        tier=Tier.SCORES,
        kind="score",
        pointer=anchor.stated,
        # The card's own base score says which metric it means; without one, the benchmark's counts.
        expected=base if is_number(base) else ctx.value(anchor.published),
        statement="",
        params=anchor.score or {},
    )
    try:
        return judged(claim, ctx), claim
    except DocumentError as error:
        return unverifiable(claim, "unreadable", str(error), remedy=error.remedy), claim


def _points(tolerance: JSON, cited: JSON) -> Decimal:
    """A tolerance in points; a fraction only beside a score that is itself one."""
    both = unit(cited) == 1 and unit(tolerance) == 1
    return Decimal(tolerance) * (100 if both else 1)


def _compare(
    anchor: Anchor, cited: JSON, measured: Interval, tolerance: Decimal, stated: bool, result: ScoreResult
) -> Calibration:
    near = Interval(measured.low - tolerance, measured.high + tolerance)
    factor = 100 // reading(cited, near)
    known = published(cited).times(Decimal(factor))
    band = Interval(known.low - tolerance, known.high + tolerance)
    state = State.IMPOSSIBLE
    if not band.meets(measured):
        state = State.FAILED
    elif band.low <= measured.low and measured.high <= band.high:
        state = State.PASSED
    word = {State.PASSED: "within", State.FAILED: "not within", State.IMPOSSIBLE: "perhaps within"}[state]
    rule = f"{tolerance} points" + ("" if stated else " (the default)")
    open_ = f", {result.undecided} undecided on this machine" if result.undecided else ""
    judge, said = result.judge, "cited" if anchor.kind == "calibrationAnchor" else "stated"
    return Calibration(
        anchor=anchor,
        state=state,
        reason=f"the base samples score {measured}{open_}, {word} {rule} of the {said} {cited}",
        here=True,
        published=cited,
        cited=Decimal(cited) * factor,
        measured=measured,
        tolerance=tolerance,
        stated=stated,
        method=f"{METHOD} {result.benchmark}/{judge.get('name', 'judge')}-{judge.get('version', '?')}",
        digests=(("base samples", result.samples_sha256), ("dataset", str(judge.get("dataset", "")))),
    )


def check_anchor(claim: Claim, ctx: Context) -> Outcome:
    """An anchor passes, or fails, as the card says."""
    found = decide(anchors.from_params(claim.params["anchor"]), ctx)
    holds = found.state is State.PASSED
    if found.state is State.IMPOSSIBLE:
        reason = f"impossible to say: {found.reason}"
        if found.here:
            return not_checked(reason)
        return unverifiable(
            claim,
            "anchor-undecided",
            reason,
            remedy="state the published score and the benchmark, and publish the base samples",
        )
    if claim.expected is holds:
        outcome = verified(found.reason, found=holds, method=found.method, digests=found.digests)
    elif not found.stated:
        return unverifiable(
            claim, "no-tolerance", f"{found.reason}; the card states no tolerance", remedy="state one"
        )
    else:
        outcome = refuted(
            claim,
            "anchor-differs",
            f"claimed {'passed' if claim.expected else 'failed'}: {found.reason}",
            found=holds,
            method=found.method,
            digests=found.digests,
            remedy="correct what is said about the anchor, or publish the samples of the measured score",
        )
    return with_findings(outcome, claim, wide(found))


def wide(found: Calibration) -> list[tuple[str, Severity, str]]:
    """A warning where a card's own tolerance is what lets its anchor pass."""
    if found.state is not State.PASSED or not found.wide:
        return []
    message = f"the card allows {found.tolerance} points; {DEFAULT_TOLERANCE} is usual"
    return [("wide-tolerance", Severity.WARNING, message)]


def remarks(found: Calibration) -> list[tuple[str, Severity, str]]:
    """What a reader of a difference should know about an anchor of its pipeline."""
    code = {
        State.PASSED: "anchor-passed",
        State.FAILED: "anchor-failed",
        State.IMPOSSIBLE: "anchor-undecided",
    }
    severity = Severity.WARNING if found.state is State.FAILED else Severity.NOTE
    said = {State.IMPOSSIBLE: "impossible to say: "}.get(found.state, "")
    return [(code[found.state], severity, said + found.reason), *wide(found)]


def with_findings(
    outcome: Outcome, claim: Claim, found: list[tuple[str, Severity, str]], pointer: str | None = None
) -> Outcome:
    """The outcome with further findings on its claim: (code, severity, message)."""
    more = tuple(
        Finding(
            code=code,
            severity=severity,
            pointer=claim.pointer if pointer is None else pointer,
            message=message,
            claim_id=claim.id,
        )
        for code, severity, message in found
    )
    return replace(outcome, findings=outcome.findings + more)
