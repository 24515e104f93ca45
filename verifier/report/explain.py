"""What the renderers say in the same words: shares, one-line refutations, plain meanings."""

from collections.abc import Mapping
from typing import assert_never

from verifier.report.model import Checked
from verifier.report.text import clean, value
from verifier.verdicts import Verdict


def share(counts: Mapping[Verdict, int], verdict: Verdict) -> str:
    """Return the share of the claims under ``verdict`` in percent.

    Rounded, but never to a round 0 % or 100 % that is not true.

    Example:
        >>> share({Verdict.VERIFIED: 999, Verdict.REFUTED: 1}, Verdict.VERIFIED)
        '>99 %'
    """
    total, part = sum(counts.values()), counts.get(verdict, 0)
    if not total:
        return "no claims"
    percent = round(100 * part / total)
    if percent == 100 and part < total:
        return ">99 %"
    if percent == 0 and part:
        return "<1 %"
    return f"{percent} %"


def one_line(checked: Checked) -> str:
    """Return claimed, found, pointer and reason of a claim on one line."""
    claim, outcome = checked.claim, checked.outcome
    return (
        f"{clean(claim.id)}: claimed {value(claim.expected, 80)}, found {value(outcome.found, 80)}, "
        f"at {clean(claim.pointer or 'the document root')} ({clean(outcome.reason)})"
    )


def meaning(verdict: Verdict) -> str:
    """Return what a verdict means, in a few words."""
    match verdict:
        case Verdict.VERIFIED:
            return "the evidence bears it out"
        case Verdict.REFUTED:
            return "the evidence contradicts it"
        case Verdict.UNVERIFIABLE:
            return "the publisher gave nothing to check it by"
        case Verdict.NOT_CHECKED:
            return "evidence exists, but was not asked for, not at hand, or not decidable here"
        case Verdict.ERROR:
            return "the check itself broke"
        case _:
            assert_never(verdict)
