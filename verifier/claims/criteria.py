"""Tier 4: what a card asks of its own scores, before the result may count as accepted.

A criterion is a demand, not a statement that it is met: a card that misses one is not wrong for that. Only
where the card says ``passed`` (of a criterion) or ``reached`` (of a threshold that was executed) does it
claim the answer. The forms known are those of forge-alloy: ``acceptanceCriteria.benchmarks.<name>`` with
``min`` (a share, 0 to 1) and ``anchorDelta`` (points, student less base), and an eval stage's
``passingThreshold`` (percent, each benchmark of the stage). Everything else is undecided.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from verifier.alloy.parse import escape
from verifier.claims.deltas import Ground, end
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.claims.slate import Slate
from verifier.verdicts import JSON, Tier

_ROOT = "/acceptanceCriteria"
_PROSE = ("notes", "description", "rationale")


@dataclass(slots=True)
class _Scores:
    """A card's score claims by benchmark: the student's and the base's."""

    slate: Slate
    student: dict[str, Claim]
    base: dict[str, Claim]
    ground: Ground

    @classmethod
    def of(cls, slate: Slate) -> "_Scores":
        claims = {c.pointer: c for c in slate.claims if c.kind == "score"}
        found = cls(slate, {}, {}, Ground.of(slate))
        for i, item in enumerate(slate.value("/results/benchmarks") or ()):
            where = f"/results/benchmarks/{i}"
            for side, names in (
                (found.student, ("score", "metrics/score", "metrics/accuracy")),
                (found.base, ("baseScore",)),
            ):
                for name in names:
                    if f"{where}/{name}" in claims:
                        side.setdefault(item["name"], claims[f"{where}/{name}"])
        return found


def add(slate: Slate) -> None:
    """Claims about acceptance criteria and passing thresholds."""
    criteria = slate.value(_ROOT)
    stages = [i for i, s in enumerate(slate.value("/stages")) if is_number(s.get("passingThreshold"))]
    if criteria is None and not stages:
        return
    scores = _Scores.of(slate)
    if isinstance(criteria, dict):
        _add_criteria(scores, criteria)
    elif criteria is not None:
        items = enumerate(criteria) if isinstance(criteria, list) else [("", criteria)]
        for token, _ in items:
            pointer = f"{_ROOT}/{token}" if isinstance(token, int) else _ROOT
            _add_open(slate, f"criterion-{token}", pointer, "it is not machine-readable")
    if slate.value("/results") is not None:
        for i in stages:
            _add_threshold(scores, i)


def _add_criteria(scores: _Scores, criteria: Mapping[str, JSON]) -> None:
    for part, value in criteria.items():
        where = f"{_ROOT}/{escape(part)}"
        if part == "benchmarks" and isinstance(value, dict):
            for name, entry in value.items():
                _add_benchmark(scores, name, entry)
        elif part in ("hardware", "integrity") and isinstance(value, dict):
            for key in _demands(value):
                why = f"no score decides it: it is about {part}"
                _add_open(scores.slate, f"criterion-{part}-{key}", f"{where}/{escape(key)}", why, here=True)
        elif part not in _PROSE and value is not None:
            _add_open(scores.slate, f"criterion-{part}", where, "it has no form that is known")


def _demands(entry: Mapping[str, JSON]) -> Iterator[str]:
    return (key for key, value in entry.items() if key not in _PROSE and value is not None)


def _add_benchmark(scores: _Scores, name: str, entry: JSON) -> None:
    where = f"{_ROOT}/benchmarks/{escape(name)}"
    if not isinstance(entry, dict):
        _add_open(scores.slate, f"criterion-{name}", where, "it has no form that is known")
        return
    asked = []
    for key in _demands(entry):
        pointer, slug = f"{where}/{escape(key)}", f"criterion-{name}-{key}"
        if key in ("passed", "anchorBenchmark"):
            continue
        if key not in ("min", "anchorDelta") or not is_number(entry[key]):
            asked.append(_add_open(scores.slate, slug, pointer, "it has no form that is known"))
        elif key == "anchorDelta" and entry.get("anchorBenchmark") not in (None, name):
            why = "its anchor is another benchmark's, and a difference of two benchmarks says nothing"
            asked.append(_add_open(scores.slate, slug, pointer, why))
        else:
            asked.append(_add(scores, slug, pointer, key, name, (where,)))
    if isinstance(entry.get("passed"), bool):
        _add_answer(scores.slate, f"criterion-{name}-passed", f"{where}/passed", asked, (where,))


def _add_threshold(scores: _Scores, i: int) -> None:
    where = f"/stages/{i}"
    stage = scores.slate.value(where)
    names = dict.fromkeys(item["name"] for item in stage.get("benchmarks") or () if isinstance(item, dict))
    asked = [
        _add(scores, f"stage-{i}-threshold-{name}", f"{where}/passingThreshold", "threshold", name, ())
        for name in names
        if name != "perplexity"
    ]
    reached = f"{where}/executed/record/reached"
    if isinstance(scores.slate.value(reached), bool):
        places = (f"{where}/passingThreshold", f"{where}/benchmarks")
        _add_answer(scores.slate, f"stage-{i}-threshold-reached", reached, asked, places)


def _add(scores: _Scores, slug: str, pointer: str, rule: str, name: str, inputs: tuple[str, ...]) -> Claim:
    """A criterion that scores decide."""
    slate, relative = scores.slate, rule == "anchorDelta"
    sides = [scores.student.get(name), *([scores.base.get(name)] if relative else [])]
    anchors = scores.ground.governing(name) if relative else []
    slate.add(
        slug,
        Tier.SCORES,
        "criterion",
        pointer,
        f"The {name[:60]} score meets the card's own criterion ({rule}).",
        inputs=(
            *inputs,
            "/results/benchmarks",
            *(p for claim in sides if claim is not None for p in (claim.pointer, *claim.inputs)),
            *(p for anchor in anchors for p in anchor.inputs),
        ),
        params={
            "rule": rule,
            "limit": pointer,
            "ends": [end(claim, "/results/benchmarks") for claim in sides],
            "anchors": [scores.ground.written[anchor.pointer] for anchor in anchors],
        },
    )
    return slate.claims[-1]


def _add_open(slate: Slate, slug: str, pointer: str, why: str, *, here: bool = False) -> Claim:
    """A criterion that no score decides; ``here``: another tier could."""
    value = slate.value(pointer)
    slate.add(
        slug,
        Tier.SCORES,
        "criterion",
        pointer,
        "The card meets its own criterion.",
        params={"rule": "", "why": why, "here": here},
        expected=value if is_number(value) or isinstance(value, bool) else None,
    )
    return slate.claims[-1]


def _add_answer(slate: Slate, slug: str, pointer: str, asked: list[Claim], inputs: tuple[str, ...]) -> None:
    """The card's own word on whether its criteria are met."""
    slate.add(
        slug,
        Tier.SCORES,
        "criteria-met",
        pointer,
        "The criteria are met, or missed, as the card says.",
        inputs=(*inputs, *(p for claim in asked for p in claim.inputs)),
        params={"criteria": [dict(claim.params) for claim in asked]},
    )
