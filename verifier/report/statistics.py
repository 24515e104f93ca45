"""From an artifact's claims and scored samples to what they can show: intervals, comparisons, notes."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

from verifier.claims import samples
from verifier.claims.numbers import is_number
from verifier.report.model import Checked, Comparison, ScoredFile, ScoreRow, Statistics
from verifier.runners import suspicion
from verifier.runners.model import Metric, ScoreResult, TaskResult
from verifier.runners.statistics import LEVEL, Paired, Range, normal, paired, smallest_difference, wilson
from verifier.verdicts import JSON, Finding

SCORE, ANCHOR = "score", "anchor-score"
"""Kinds of the claims that this is about."""
STUDENT, BASE = "student", "base"
_PARTS = re.compile(
    r"/results/benchmarks/(?P<item>\d+)/(?:metrics/(?P<metric>.*)|(?P<key>.*))"
    r"|/priorMetricBaselines/(?P<prior>\d+)/evaluation/(?:(?P<anchor>anchorReproduction)|results)/.*"
)
_DIGITS = 6
"""Digits after the point of shares: the last bits of a logarithm are not the same on every machine."""


@dataclass(frozen=True, slots=True)
class _Samples:
    """What a claim names as its samples, and their score if they were scored."""

    benchmark: str = ""
    pointer: str = ""
    key: str = ""
    result: ScoreResult | None = None


@dataclass(frozen=True, slots=True)
class _Score:
    """A claim on a score with its place in the card, and its scored samples."""

    checked: Checked
    who: str
    label: str
    item: str
    benchmark: str
    key: str
    result: ScoreResult | None


def assemble(
    checked: Iterable[Checked], scored: Mapping[str, ScoreResult], value: Callable[[str], JSON]
) -> tuple[Statistics | None, tuple[Finding, ...]]:
    """Say what an artifact's scores can show.

    Args:
        checked: its claims.
        scored: results by ``benchmark:samples path``.
        value: looks a JSON pointer up in the alloy.

    Returns:
        Statistics, None if no claim is one on a score; notes on the samples as evidence.
    """
    scores = [_placed(one, scored, value) for one in checked if one.claim.kind in (SCORE, ANCHOR)]
    if not scores:
        return None, ()
    files = _files(scores)
    statistics = Statistics(
        level=LEVEL,
        rows=tuple(map(_row, scores)),
        files=tuple(files[place] for place in files),
        comparisons=tuple(_comparisons(scores, files, scored)),
    )
    return statistics, tuple(_notes(scores, scored))


def _placed(one: Checked, scored: Mapping[str, ScoreResult], value: Callable[[str], JSON]) -> _Score:
    claim, found = one.claim, one.outcome.found
    # An anchor may be the base model's score of one of several benchmarks.
    places = [_samples(params, scored, value) for params in claim.params.get("candidates", (claim.params,))]
    known = [place for place in places if place.result is not None]
    near = [place for place in known if place.result and _is(place.result, found, _scale(claim.expected))]
    place = next(iter((*near, *known, *places)), _Samples())
    who, label, item = _whose(claim.pointer, place.pointer, value)
    if claim.kind == ANCHOR:
        who, label, item = BASE, f"{BASE}, as measured anchor", ""
    return _Score(one, who, label, item, place.benchmark, place.key, place.result)


def _samples(
    params: Mapping[str, JSON], scored: Mapping[str, ScoreResult], value: Callable[[str], JSON]
) -> _Samples:
    from verifier.runners import registry

    name = str(params.get("benchmark", ""))
    runner = registry.find(name)
    benchmark = runner.name if runner else name
    pointer = params.get("samples") or ""
    key = f"{benchmark}:{samples.label(value(pointer))}" if pointer else ""
    result = scored.get(key)
    return _Samples(benchmark, pointer, key if result else "", result)


def _whose(pointer: str, evidence: str, value: Callable[[str], JSON]) -> tuple[str, str, str]:
    """Whose score stands at a pointer, in short and in full, and the part of the card that it belongs to.

    Args:
        pointer: of the score.
        evidence: pointer of its samples; empty without any.
        value: looks a JSON pointer up in the alloy.
    """
    match = _PARTS.fullmatch(pointer)
    if match is None:
        place = pointer.rpartition("/")[0].removeprefix("/results/") or pointer
        return place, place, pointer
    if match["item"] is not None:
        of_base = match["key"] == "baseScore" or evidence.endswith("/baseSamplesPath")
        who = BASE if of_base else STUDENT
        metric = f", {match['metric']}" if match["metric"] else ""
        return who, who + metric, match["item"]
    prior = f"prior {value('/priorMetricBaselines/' + match['prior'] + '/id')}"
    return (BASE, f"{BASE}, as anchor of {prior}", "") if match["anchor"] else (prior, prior, "")


def _row(score: _Score) -> ScoreRow:
    claim, outcome = score.checked.claim, score.checked.outcome
    scale = _scale(claim.expected)
    row = ScoreRow(
        claim=claim.id,
        pointer=claim.pointer,
        benchmark=score.benchmark,
        who=score.label,
        verdict=outcome.verdict,
        claimed=_claimed(claim.expected, scale),
    )
    if score.result is None:
        return row
    result = score.result
    estimate = estimate_of(result, _meant(result, outcome.found, scale))
    return replace(
        row,
        samples=score.key,
        solved=result.passed,
        answered=result.answered,
        undecided=result.undecided,
        total=result.total,
        metric=estimate.metric,
        found=estimate.share,
        low=estimate.range.low if estimate.range else None,
        high=estimate.range.high if estimate.range else None,
        method=estimate.method,
        smallest=estimate.smallest,
    )


def _scale(expected: JSON) -> int:
    from verifier.tiers.scores import unit

    return unit(expected) if is_number(expected) else 100


def _claimed(expected: JSON, scale: int) -> float | None:
    if not is_number(expected):
        return None
    share = _float(expected) / scale
    return _rounded(share) if math.isfinite(share) else None


def _float(number: int | float | Decimal) -> float:
    """The nearest float; infinite where there is none, as whole numbers of documents may be very long."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _near(share: float | None, found: JSON, scale: int) -> bool:
    """Whether a share is what an outcome gives as found: percent with two digits, fractions with four."""
    if share is None or not isinstance(found, int | float | Decimal) or isinstance(found, bool):
        return False
    return abs(scale * share - _float(found)) <= 0.501 * 10 ** -(2 if scale == 100 else 4)


def _is(result: ScoreResult, found: JSON, scale: int) -> bool:
    shares = (result.value(), *(metric.fraction for metric in result.metrics if metric.whole))
    return any(_near(share, found, scale) for share in shares)


def _meant(result: ScoreResult, found: JSON, scale: int) -> Metric | None:
    """The harness's metric that a verdict rests on, where it is not the share of solved problems."""
    if _near(result.value(), found, scale):
        return result.headline
    fitting = (metric for metric in result.metrics if metric.whole and _near(metric.fraction, found, scale))
    return next(fitting, result.headline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A score as a share of 100 %, with what is known of its precision.

    Attributes:
        metric: its name.
        share: the score; None if no problem was decided.
        range: interval at ``LEVEL``; None where none can be given.
        method: of the interval; empty without one.
        smallest: smallest difference of two models that so many problems are likely to show.
    """

    metric: str
    share: float | None
    range: Range | None = None
    method: str = ""
    smallest: float | None = None


def estimate_of(result: ScoreResult, metric: Metric | None = None) -> Estimate:
    """Give a score's interval, and the smallest difference that it can show.

    Args:
        result: the scored samples.
        metric: the harness's number that is meant; None for the headline, or the share of solved problems.
    """
    metric = metric or result.headline
    if metric is not None:
        return _estimate_of_metric(metric)
    decided = result.answered - result.undecided
    if decided < 1:
        return Estimate(metric=result.metric, share=None)
    share = result.passed / decided
    found = wilson(result.passed, decided)
    return Estimate(
        metric=result.metric,
        share=_rounded(share),
        range=Range(low=_rounded(found.low), high=_rounded(found.high)),
        method="wilson",
        smallest=_rounded(smallest_difference(decided, share)),
    )


def _estimate_of_metric(metric: Metric) -> Estimate:
    name, share = str(metric), _rounded(metric.fraction)
    found = normal(metric.fraction, metric.stderr / metric.full) if metric.stderr is not None else None
    if found is None:
        return Estimate(metric=name, share=share)
    return Estimate(
        metric=name,
        share=share,
        range=Range(low=_rounded(found.low), high=_rounded(found.high)),
        method="stderr",
    )


def _rounded(share: float) -> float:
    return round(share, _DIGITS)


def _files(scores: Sequence[_Score]) -> dict[tuple[str, str, str], ScoredFile]:
    """Scored files by whose they are, key and part of the card."""
    found: dict[tuple[str, str, str], ScoredFile] = {}
    for score in scores:
        if score.result is None:
            continue
        place = (score.benchmark, score.who, score.key)
        if place not in found:
            counts = asdict(suspicion.count(score.result)) if score.result.answers else {}
            found[place] = ScoredFile(
                samples=score.key, benchmark=score.benchmark, who=score.who, counts=counts
            )
    return found


def _comparisons(
    scores: Sequence[_Score],
    files: Mapping[tuple[str, str, str], ScoredFile],
    scored: Mapping[str, ScoreResult],
) -> Iterator[Comparison]:
    """The student with the base of its own part of the card, then with every prior baseline."""
    seen = set()
    for one in scores:
        for other in scores if one.who == STUDENT and one.result is not None else ():
            own = other.who == BASE and other.item == one.item
            pair = (one.key, other.who, other.key)
            if other.benchmark != one.benchmark or other.result is None or pair in seen:
                continue
            if own or other.who.startswith("prior "):
                seen.add(pair)
                first, second = (files[(s.benchmark, s.who, s.key)] for s in (one, other))
                found = compare(first, second, scored[one.key], scored[other.key])
                yield from [found] if found else []


def compare(first: ScoredFile, second: ScoredFile, one: ScoreResult, other: ScoreResult) -> Comparison | None:
    """Compare two scored files of one benchmark, problem by problem; None if they share no decided one.

    Args:
        first, second: whose they are.
        one, other: their scores.
    """
    found: Paired | None = paired(decided(one.tasks), decided(other.tasks))
    if found is None:
        return None
    same, long_ = suspicion.same_answers(one, other)
    return Comparison(
        benchmark=first.benchmark,
        first=first,
        second=second,
        problems=found.n,
        only_first=found.won,
        only_second=found.lost,
        difference=_rounded(found.difference),
        p=float(f"{found.p:.6g}"),
        distinguishable=found.distinguishable(),
        same_answers=same,
        long_answers=long_,
        reservations=tuple(_reservations(((first, one), (second, other)))),
    )


def _reservations(sides: Sequence[tuple[ScoredFile, ScoreResult]]) -> Iterator[str]:
    """Why files may not answer the same problems: limits of either, or other digests of the problems."""
    for file, result in sides:
        yield from (f"{file.who}: {limit}" for limit in result.limits)
    digests = {str(result.judge.get("dataset") or "") for _, result in sides} - {""}
    if len(digests) > 1:
        yield "the problems in the two files have different digests"


def decided(tasks: Mapping[str, TaskResult]) -> dict[str, bool]:
    """Whether each problem is solved, without those that were left undecided."""
    return {task: r.confirmed for task, r in tasks.items() if r.confirmed is not None}


def _notes(scores: Sequence[_Score], scored: Mapping[str, ScoreResult]) -> Iterator[Finding]:
    """What is remarkable in the samples: each file once, however many benchmarks it answers."""
    told = set()
    for benchmark in dict.fromkeys(s.benchmark for s in scores if s.result is not None):
        here = {(s.who, s.key): s for s in scores if s.benchmark == benchmark and s.result is not None}
        owners = Counter(who for who, _ in here)
        # A card may give several files of one model for one benchmark.
        places = {who if owners[who] == 1 else f"{who} ({key})": s for (who, key), s in here.items()}
        evidence = [suspicion.Evidence(who=who, result=scored[s.key]) for who, s in places.items()]
        for note in suspicion.inspect(evidence):
            paths = tuple(places[who].key.partition(":")[2] for who in note.who)
            if (note.code, note.who, paths, note.count) not in told:
                told.add((note.code, note.who, paths, note.count))
                claim = places[note.who[0]].checked.claim
                yield Finding(
                    code=note.code,
                    severity=note.severity,
                    pointer=claim.params.get("samples") or claim.pointer,
                    message=f"{benchmark}, {' and '.join(note.who)}: {note.message}",
                    found=note.count,
                )
