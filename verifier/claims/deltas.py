"""Tier 4: differences of scores, and the anchors of the pipelines that measured them.

Tier 1 holds the same differences against the numbers that stand beside them; here they rest on samples.
This topic comes after the scores: it names the score claims that a difference rests on.
"""

from dataclasses import dataclass
from itertools import islice

from verifier.alloy.parse import escape
from verifier.claims.anchors import Anchor, Bases, of_stages
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.claims.slate import Slate
from verifier.errors import DocumentError
from verifier.verdicts import JSON, Tier

MAX_ANCHORS = 16
"""Cards have one. Each difference names the anchors of its pipeline, so their number must have a bound."""

ENDS = frozenset({"score", "anchor-score", "perplexity"})
"""Kinds of claims that a difference may rest on, besides a cited score."""


@dataclass(slots=True)
class Ground:
    """What differences rest on: the card's anchors, as JSON by their place too, and claims by their place."""

    slate: Slate
    bases: Bases
    anchors: tuple[Anchor, ...]
    written: dict[str, JSON]
    claims: dict[str, Claim]

    @classmethod
    def of(cls, slate: Slate) -> "Ground":
        """What is on a slate, whose scores have been added.

        Raises:
            DocumentError: more anchors than any card has.
        """
        bases = Bases.of(slate)
        claims = {c.pointer: c for c in slate.claims if c.kind in ENDS}
        anchors = tuple(islice(of_stages(bases), MAX_ANCHORS + 1))
        if len(anchors) > MAX_ANCHORS:
            raise DocumentError(
                f"calibration anchors: expected at most {MAX_ANCHORS}, found more", pointer="/stages"
            )
        return cls(slate, bases, anchors, {a.pointer: a.params() for a in anchors}, claims)

    def governing(self, benchmark: str) -> list[Anchor]:
        """The anchors that speak for the pipeline that measured a benchmark."""
        return [a for a in self.anchors if not a.names or benchmark in a.names]


def add(slate: Slate) -> None:
    """Claims about anchors and about every difference of scores."""
    ground = Ground.of(slate)
    for anchor in ground.anchors:
        _add_anchor(ground, anchor)
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        where, name = f"/results/benchmarks/{i}", item["name"]
        _add(ground, f"{name}-score-delta", f"{where}/delta", name, f"{where}/score", f"{where}/baseScore")
        _add_gains(ground, f"{where}/metrics", name)
    for i, prior in enumerate(slate.value("/priorMetricBaselines") or ()):
        _add_prior(ground, f"/priorMetricBaselines/{i}/evaluation", f"prior-{prior['id']}")


def end(claim: Claim | None, pointer: str) -> dict[str, JSON]:
    """One end of a difference as JSON: the claim that it rests on, without its statement.

    Args:
        claim: the claim; None if the card states no score there.
        pointer: where it would stand.
    """
    if claim is None:
        return {"pointer": pointer, "kind": "", "claim": "", "params": {}}
    return {"pointer": claim.pointer, "kind": claim.kind, "claim": claim.id, "params": dict(claim.params)}


def _add(
    ground: Ground,
    name: str,
    pointer: str,
    benchmark: str,
    minuend: str,
    subtrahend: str,
    *,
    relative: bool = False,
) -> None:
    """One difference; ``relative``: it may also be given in percent of the subtrahend."""
    if not is_number(ground.slate.value(pointer)):
        return
    ends = [ground.claims.get(p) for p in (minuend, subtrahend)]
    anchors = ground.governing(benchmark)
    ground.slate.add(
        name,
        Tier.SCORES,
        "delta",
        pointer,
        f"The {benchmark[:60]} score differs from the base's as stated, by the samples of both.",
        inputs=(
            minuend,
            subtrahend,
            *(p for claim in ends if claim is not None for p in claim.inputs),
            *(p for anchor in anchors for p in anchor.inputs),
        ),
        params={
            "minuend": end(ends[0], minuend),
            "subtrahend": end(ends[1], subtrahend),
            "anchors": [ground.written[anchor.pointer] for anchor in anchors],
            "relative": relative,
        },
    )


def _add_gains(ground: Ground, metrics: str, name: str) -> None:
    """An improvement beside two accuracies is their difference; beside two perplexities it is none."""
    ends = (f"{metrics}/accuracy", f"{metrics}/baselineAccuracy")
    if all(is_number(ground.slate.value(p)) for p in ends):
        for key in ("improvement", "improvement_pct"):
            _add(ground, f"{name}-{key}-score-delta", f"{metrics}/{key}", name, *ends, relative=True)


def _add_prior(ground: Ground, where: str, label: str) -> None:
    for name, score in (ground.slate.value(f"{where}/results") or {}).items():
        if is_number(score) and not name.startswith("delta"):
            camel = "".join(part.capitalize() for part in name.split("_"))
            _add(
                ground,
                f"{label}-{name}-score-delta",
                f"{where}/results/deltaVsAnchor{escape(camel)}",
                name,
                f"{where}/results/{escape(name)}",
                f"{where}/anchorReproduction/{escape(name)}",
            )


def _add_anchor(ground: Ground, anchor: Anchor) -> None:
    slate, pointer = ground.slate, anchor.pointer
    measured = f"{pointer}/measuredScore"
    if is_number(slate.value(measured)):
        _add_measured(ground, anchor, measured)
    if is_number(slate.value(f"{pointer}/delta")):
        own, cited = ground.claims.get(measured), is_number(slate.value(anchor.published))
        slate.add(
            "anchor-score-delta",
            Tier.SCORES,
            "delta",
            f"{pointer}/delta",
            "The measured score of the base model differs from its published one as stated.",
            inputs=(measured, anchor.published, anchor.source, *(own.inputs if own else ())),
            params={
                "minuend": end(own, measured),
                "subtrahend": end(None, anchor.published) | ({"kind": "cited"} if cited else {}),
                "anchors": [],
            },
        )
    if isinstance(slate.value(f"{pointer}/passed"), bool):
        slate.add(
            "anchor-score-passed",
            Tier.SCORES,
            "anchor",
            f"{pointer}/passed",
            "The base model's samples score within the tolerance of its published score, or not, as stated.",
            inputs=anchor.inputs,
            params={"anchor": anchor.params()},
        )


def _add_measured(ground: Ground, anchor: Anchor, pointer: str) -> None:
    """A measured score is one of the stage's base scores; of which benchmark, few cards say."""
    names = (anchor.benchmark,) if anchor.benchmark is not None else tuple(ground.bases.listed(anchor.names))
    slate = ground.slate
    of_base = anchor.model is None or anchor.model == slate.value("/source/baseModel")
    known = [(n, e) for n in names if of_base and (e := ground.bases.evidence(n)) is not None]
    slate.add(
        "anchor-measured-score",
        Tier.SCORES,
        "anchor-score",
        pointer,
        "The base model's measured score is as stated, by its samples.",
        inputs=(*anchor.inputs, *(p for name, _ in known for p in ground.bases.places(name))),
        params={"candidates": [params for _, params in known]},
    )
    ground.claims[pointer] = slate.claims[-1]
