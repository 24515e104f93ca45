"""What ``alloy score`` says beyond the score itself: its precision, a comparison, notes on the samples."""

from collections.abc import Iterator, Sequence

from verifier.report.explain import percent, probability, reserved
from verifier.report.html_grid import natural
from verifier.report.json import comparison as comparison_json
from verifier.report.model import Comparison, ScoredFile
from verifier.report.statistics import compare, estimate_of
from verifier.report.text import clean
from verifier.runners import suspicion
from verifier.runners.model import ScoreResult
from verifier.runners.statistics import LEVEL, fewest_flips
from verifier.verdicts import JSON

SAMPLES, AGAINST = "SAMPLES", "AGAINST"
"""What the two files are called, as on the command line."""
_LISTED = 20


def interval(result: ScoreResult) -> JSON:
    """Return a score's interval and the smallest difference that it can show, as JSON values."""
    found = estimate_of(result)
    if found.range is None:
        return None
    return {
        "level": LEVEL,
        "metric": found.metric,
        "low": found.range.low,
        "high": found.range.high,
        "method": found.method,
        "n": result.answered - result.undecided,
        "smallestDifference": found.smallest,
    }


def precision(result: ScoreResult) -> str:
    """Return how precise a score is, in one sentence; empty where nothing can be said."""
    found = estimate_of(result)
    if found.range is None:
        return ""
    whole = result.value() is not None or result.headline is not None
    name = clean(found.metric, 80) if whole else "the share solved of those decided"
    text = f"{100 * LEVEL:g} % interval of {name}: {percent(found.range.low)} to {percent(found.range.high)}"
    if found.smallest is None:
        return text
    return f"{text}; so many problems are likely to show a difference of {100 * found.smallest:.1f} points"


def against(result: ScoreResult, other: ScoreResult) -> Comparison | None:
    """Compare two scored samples files of one benchmark; None if they share no decided problem."""
    first, second = (
        ScoredFile(samples=one.samples_sha256, benchmark=one.benchmark, who=who)
        for one, who in ((result, SAMPLES), (other, AGAINST))
    )
    return compare(first, second, result, other)


def comparison(found: Comparison | None) -> JSON:
    """Return a comparison as JSON values."""
    return comparison_json(found) | {"fewestFlips": fewest_flips()} if found else None


def notes(files: Sequence[ScoreResult]) -> tuple[suspicion.Note, ...]:
    """Return what is remarkable in one samples file, or in two."""
    pairs = zip((SAMPLES, AGAINST), files, strict=False)
    return suspicion.inspect([suspicion.Evidence(who=who, result=one) for who, one in pairs])


def told(found: Comparison | None) -> Iterator[str]:
    """Yield a comparison as lines for people."""
    if found is None:
        yield "comparison: the two files have no decided problem in common"
        return
    answer = "distinguishable"
    if not found.distinguishable:
        answer = f"not distinguishable (at least {fewest_flips()} problems, all one way, would have to flip)"
    yield (
        f"comparison: {SAMPLES} {100 * found.difference:+.1f} points from {AGAINST} over {found.problems}"
        f" problems; McNemar's exact test gives p {probability(found.p)}: {answer}{reserved(found)}"
    )
    for who, tasks in ((SAMPLES, found.only_first), (AGAINST, found.only_second)):
        yield f"only {who} solves {len(tasks)}: {_listed(tasks)}"


def _listed(tasks: Sequence[str]) -> str:
    names = [clean(task, 80) for task in sorted(tasks, key=natural)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
