"""Anchors: the numbers of the base model that a pipeline has to reproduce before its other numbers count.

A ``calibrationAnchor`` of an eval stage names the base model's published score. An ``anchorReproduction`` of
a prior baseline names the base model's score that the baseline's deltas start from. Both are held against
the artifact's own base samples; this module only says where everything stands.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from verifier.alloy.parse import escape
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.claims.samples import account
from verifier.claims.scores import same_base
from verifier.claims.slate import Slate
from verifier.verdicts import JSON

_FEW = 16
"""So many benchmarks of a stage are named one by one as what an anchor depends on; else all results are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One anchor, as pointers into the document.

    Attributes:
        pointer: the anchor: an object, or the number of a reproduction.
        kind: ``calibrationAnchor`` or ``anchorReproduction``.
        published: the score to reproduce.
        source: who is cited for it.
        tolerance: how far the measured score may be away, in points; empty where the default counts.
        model: the model that it is a score of.
        benchmark: name of the benchmark; None if it cannot be told.
        names: benchmarks of the stage or the baseline; none if it lists none.
        stated: the base score that the card states for the benchmark; it says which metric is meant.
        score: ``params`` of a score claim on the base model's samples; None if there are none of that model.
        inputs: pointers that the answer depends on.
    """

    pointer: str
    kind: str
    published: str
    source: str
    tolerance: str
    model: JSON
    benchmark: str | None
    names: tuple[str, ...]
    stated: str
    score: dict[str, JSON] | None
    inputs: tuple[str, ...]

    def params(self) -> dict[str, JSON]:
        """The same as JSON, for the parameters of a claim."""
        return asdict(self)


def from_params(params: dict[str, Any]) -> Anchor:
    """The anchor that :meth:`Anchor.params` wrote down."""
    return Anchor(**params)


@dataclass(frozen=True, slots=True)
class Bases:
    """The base model's scores in a card's results, looked up by benchmark.

    Attributes:
        slate: the card's claims so far, those of its scores included.
        stated: benchmark -> pointer of its base score, for results with a base score or base samples.
        claims: pointer -> the score claim there.
    """

    slate: Slate
    stated: dict[str, str]
    claims: dict[str, Claim]

    @classmethod
    def of(cls, slate: Slate) -> "Bases":
        """Those of a card whose score claims are on the slate."""
        stated: dict[str, str] = {}
        for i, item in enumerate(slate.value("/results/benchmarks") or ()):
            if is_number(item.get("baseScore")) or item.get("baseSamplesPath") is not None:
                stated.setdefault(item["name"], f"/results/benchmarks/{i}/baseScore")
        return cls(slate, stated, {c.pointer: c for c in slate.claims if c.kind == "score"})

    def listed(self, names: tuple[str, ...]) -> dict[str, str]:
        """Those of some benchmarks, in their order; all if no name is given."""
        return {name: self.stated[name] for name in names if name in self.stated} if names else self.stated

    def evidence(self, name: str) -> dict[str, JSON] | None:
        """``params`` of the score claim on a benchmark's base samples; None if the results have no base."""
        stated = self.stated.get(name)
        if stated is None:
            return None
        if stated in self.claims:
            return dict(self.claims[stated].params)
        where = stated.rpartition("/")[0]
        return {"benchmark": name, "samples": f"{where}/baseSamplesPath", "digest": f"{where}/baseResultHash"}

    def places(self, name: str) -> tuple[str, ...]:
        """Pointers of a benchmark's base samples, and of everything that says what they are."""
        stated = self.stated.get(name, "")
        if stated in self.claims:
            return self.claims[stated].inputs
        params = self.evidence(name)
        return (params["samples"], params["digest"], *account(params["samples"])) if params else ()


def find(bases: Bases) -> list[Anchor]:
    """Every anchor of a card: of eval stages, of single benchmarks in them, and of prior baselines."""
    return [*of_stages(bases), *_of_priors(bases)]


def of_stages(bases: Bases) -> Iterator[Anchor]:
    """The calibration anchors of a card."""
    for i, stage in enumerate(bases.slate.value("/stages")):
        if stage.get("type") != "eval":
            continue
        where, listed = f"/stages/{i}", stage.get("benchmarks") or ()
        names = tuple(item["name"] for item in listed)
        if isinstance(stage.get("calibrationAnchor"), dict):
            named = _named(bases, stage["calibrationAnchor"], names)
            yield _calibration(bases, f"{where}/calibrationAnchor", names, named, f"{where}/benchmarks")
        for j, item in enumerate(listed):
            if isinstance(item.get("calibrationAnchor"), dict):
                one = f"{where}/benchmarks/{j}"
                yield _calibration(bases, f"{one}/calibrationAnchor", (item["name"],), item["name"], one)


def _named(bases: Bases, anchor: dict[str, JSON], names: tuple[str, ...]) -> str | None:
    """The benchmark of a stage's anchor, which cards seldom name.

    The one that it names, else the stage's only one, else the only one whose base score in the results is
    the anchor's measured score.
    """
    if isinstance(anchor.get("benchmark"), str):
        return str(anchor["benchmark"])
    if len(names) == 1:
        return names[0]
    measured = anchor.get("measuredScore")
    stated = bases.listed(names).items() if is_number(measured) else ()
    same = [name for name, pointer in stated if bases.slate.value(pointer) == measured]
    return same[0] if len(same) == 1 else None


def _calibration(
    bases: Bases, pointer: str, names: tuple[str, ...], named: str | None, listed: str
) -> Anchor:
    slate = bases.slate
    model = slate.value(f"{pointer}/model")
    of_base = model is None or model == slate.value("/source/baseModel")
    score = bases.evidence(named) if named is not None and of_base else None
    # Without a published score nothing is judged, and nothing depends on the samples.
    judged = is_number(slate.value(f"{pointer}/publishedScore"))
    return Anchor(
        pointer=pointer,
        kind="calibrationAnchor",
        published=f"{pointer}/publishedScore",
        source=f"{pointer}/publishedSource",
        tolerance=f"{pointer}/tolerance",
        model=model,
        benchmark=named,
        names=names,
        stated=bases.stated.get(named or "", ""),
        score=score,
        inputs=(
            pointer,
            listed,
            "/source/baseModel",
            *(bases.listed(names).values() if 0 < len(names) <= _FEW else ("/results/benchmarks",)),
            *(bases.places(named) if named is not None and score and judged else ()),
        ),
    )


def _of_priors(bases: Bases) -> Iterator[Anchor]:
    slate = bases.slate
    for i in range(len(slate.value("/priorMetricBaselines") or ())):
        where = f"/priorMetricBaselines/{i}/evaluation"
        same = same_base(slate, where)
        for name, value in (slate.value(f"{where}/anchorReproduction") or {}).items():
            if not is_number(value):
                continue
            pointer = f"{where}/anchorReproduction/{escape(name)}"
            score = bases.evidence(name) if same else None
            yield Anchor(
                pointer=pointer,
                kind="anchorReproduction",
                published=pointer,
                source="",
                tolerance="",
                model=slate.value(f"{where}/anchorBaseModel"),
                benchmark=name,
                names=(name,),
                stated=bases.stated.get(name, "") if same else "",
                score=score,
                inputs=(
                    pointer,
                    f"{where}/anchorBaseModel",
                    "/source/baseModel",
                    *(bases.places(name) if score else ()),
                ),
            )
