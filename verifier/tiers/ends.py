"""The ends of a difference: score claims, decided here again, whichever claims are asked for.

Nothing is judged twice: the context keeps the result of every samples file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from verifier.claims.model import Claim
from verifier.errors import DocumentError
from verifier.tiers import scores
from verifier.tiers.arithmetic import Interval
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable
from verifier.verdicts import JSON, Outcome, Tier, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a difference.

    Attributes:
        claim: the claim on it.
        outcome: what that claim comes out as.
        percent: the judged score in percent, a range where problems are undecided; None if nothing was
            judged.
        scale: how the stated score is read: 1 for a fraction, 100 for percent.
    """

    claim: Claim
    outcome: Outcome
    percent: Interval | None = None
    scale: int = 100

    @property
    def verdict(self) -> Verdict:
        """Verdict of the claim on it."""
        return self.outcome.verdict

    @property
    def text(self) -> str:
        """The end in a few words: its place, verdict and reason."""
        return f"{self.claim.expected} at {self.claim.pointer} is {self.verdict.value}: {self.outcome.reason}"


def decide(params: Mapping[str, JSON], ctx: Context) -> End:
    """Decide one end.

    Args:
        params: as :func:`verifier.claims.deltas.end` writes it.

    Raises:
        JudgeError: the judge itself broke.
    """
    claim = Claim(
        id=params["claim"],
        tier=Tier.SCORES,
        kind=params["kind"],
        pointer=params["pointer"],
        expected=ctx.value(params["pointer"]),
        statement="",
        params=params["params"],
    )
    try:
        return _DECIDE[claim.kind](claim, ctx)
    except DocumentError as error:
        return End(claim=claim, outcome=refuted(claim, "unreadable", str(error), remedy=error.remedy))


def _score(claim: Claim, ctx: Context) -> End:
    result = scores.judged(claim, ctx)
    if isinstance(result, Outcome):
        return End(claim=claim, outcome=result)
    return End(
        claim=claim,
        outcome=scores.compare(claim, result),
        percent=scores.standing(claim, result),
        scale=scores.scale_of(claim, result),
    )


def _measured(claim: Claim, ctx: Context) -> End:
    """The measured score of an anchor: one of several base scores, where the card does not say of which."""
    tried = [
        decide({"claim": claim.id, "kind": "score", "pointer": claim.pointer, "params": candidate}, ctx)
        for candidate in claim.params["candidates"]
    ]
    if not tried:
        outcome = unverifiable(
            claim,
            "score-without-samples",
            "no samples of this model are published for a benchmark of this stage",
            remedy="publish the base model's per-problem samples and their sha256",
        )
        return End(claim=claim, outcome=outcome)
    for verdict in (Verdict.VERIFIED, Verdict.NOT_CHECKED, Verdict.UNVERIFIABLE):
        for one in tried:
            if one.verdict is verdict:
                return one
    return tried[0] if len(tried) == 1 else End(claim=claim, outcome=_none_of(claim, tried))


def _none_of(claim: Claim, tried: list[End]) -> Outcome:
    said = "; ".join(f"{e.claim.params['benchmark']}: {e.outcome.reason}" for e in tried[:5])
    return refuted(
        claim,
        "score-differs",
        f"claimed {claim.expected}, which is the base model's score of no benchmark of this stage: {said}",
        found=tried[0].outcome.found,
        method=tried[0].outcome.method,
        digests=tried[0].outcome.digests,
        remedy="publish the score of these samples, or the samples of this score",
    )


def _cited(claim: Claim, ctx: Context) -> End:
    return End(claim=claim, outcome=scores.check_cited(claim, ctx))


def _perplexity(claim: Claim, ctx: Context) -> End:
    return End(claim=claim, outcome=scores.check_perplexity(claim, ctx))


def _absent(claim: Claim, ctx: Context) -> End:
    outcome = unverifiable(
        claim,
        "no-such-score",
        "no score is stated there",
        remedy="state the score, and publish its samples and their sha256",
    )
    return End(claim=claim, outcome=outcome)


_DECIDE: Mapping[str, Callable[[Claim, Context], End]] = {
    "score": _score,
    "anchor-score": _measured,
    "cited": _cited,
    "perplexity": _perplexity,
    "": _absent,
}


def check_anchor_score(claim: Claim, ctx: Context) -> Outcome:
    """The measured score of a calibration anchor, from the base model's samples."""
    return _measured(claim, ctx).outcome


def undecidable(claim: Claim, ends: tuple[End, ...], code: str, what: str) -> Outcome | None:
    """Why ends leave something open, or None if every end is judged.

    What no machine could mend weighs more than what this machine lacks.

    Args:
        claim: the claim that rests on the ends.
        ends: its ends.
        code: of the finding.
        what: what rests on the ends, in a word or two.
    """
    for one in ends:
        if one.verdict is Verdict.UNVERIFIABLE or (one.verdict is Verdict.REFUTED and one.percent is None):
            reason = f"{what} rests on a score that nothing shows: {one.text}"
            return unverifiable(claim, code, reason, remedy="publish the samples of both scores")
    for one in ends:
        if one.verdict is Verdict.NOT_CHECKED:
            return not_checked(f"{what} rests on a score that could not be checked here: {one.text}")
    return None
