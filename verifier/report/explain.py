"""What the renderers say in the same words: shares, one-line refutations, plain meanings."""

from collections.abc import Mapping
from typing import assert_never

from verifier.report.model import Checked, Comparison
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


def compared(one: Comparison) -> str:
    """Return a comparison of two files on one line: difference, flipped problems both ways, and the test.

    Example:
        >>> from verifier.report.model import ScoredFile
        >>> first = ScoredFile(samples="a", benchmark="bbh", who="student")
        >>> second = ScoredFile(samples="b", benchmark="bbh", who="base")
        >>> compared(Comparison(benchmark="bbh", first=first, second=second, problems=50,
        ...     only_first=("a",), only_second=("b", "c"), difference=-0.02, p=1.0, distinguishable=False))
        'bbh: student -2.0 points from base over 50 problems, 1 gained, 2 lost, p 1.000: not distinguishable'
    """
    answer = "distinguishable" if one.distinguishable else "not distinguishable"
    return (
        f"{clean(one.benchmark, 80)}: {clean(one.first.who, 80)} {100 * one.difference:+.1f} points from"
        f" {clean(one.second.who, 80)} over {one.problems} problems, {len(one.only_first)} gained,"
        f" {len(one.only_second)} lost, p {probability(one.p)}: {answer}{reserved(one)}"
    )


def reserved(one: Comparison) -> str:
    """Return why a comparison may not hold, to be put behind it; empty if nothing speaks against it."""
    if not one.reservations:
        return ""
    more = f" and {len(one.reservations) - 1} more" if len(one.reservations) > 1 else ""
    return f"; with reservations ({clean(one.reservations[0])}{more})"


def percent(share: float | None) -> str:
    """Return a fraction of 100 % as people write scores.

    Example:
        >>> percent(0.8597561), percent(None), percent(1e200)
        ('85.98', 'none', '1e+202')
    """
    if share is None:
        return "none"
    return f"{100 * share:.2f}" if abs(share) < 1000 else f"{100 * share:.3g}"


def probability(p: float) -> str:
    """Return a probability with as many digits as anyone needs.

    Example:
        >>> probability(0.0703125), probability(0.00001), probability(1.0)
        ('0.070', '<0.001', '1.000')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"


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
