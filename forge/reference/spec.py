"""An artifact before it is forged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forge.reference import bases, runs
from forge.reference.card import BENCHMARKS, Run
from forge.reference.logged import Pair

Stage = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """An earlier way of choosing, kept because it did worse.

    Attributes:
        id: its name.
        metric: by what it chose.
        prune: how it chose.
        run: its samples.
    """

    id: str
    metric: Mapping[str, Any]
    prune: Mapping[str, Any]
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One reference artifact.

    Attributes:
        name: of the artifact.
        architecture: family of its base model.
        summary: one sentence for the card.
        stages: of the recipe, without the measuring stage, which is the last but for ``after``.
        after: stages after the measuring one.
        base, student: samples of the base model and of the result.
        prior: the negative baseline.
        corpora: path -> bytes of the texts that the recipe brings along.
        parent: name of the artifact that it is derived from, listed before it.
        derived_as: what kind of derivation that is.
        inherits: path of a selection that the parent brings along.
        on_device: floating-point sums decide bytes, so it is made again only when asked for.
        logged: runs of other harnesses that are published with it.
        scored: the engine scores the samples itself; it needs a sandbox, so that it is left out where the
            result has to be the same on every machine.
    """

    name: str
    architecture: str
    summary: str
    stages: Sequence[Stage]
    prior: Prior
    base: Run = runs.DENSE_BASE
    student: Run = runs.DENSE_STUDENT
    after: Sequence[Stage] = ()
    corpora: Mapping[str, bytes] = field(default_factory=dict)
    parent: str | None = None
    derived_as: str = "defragged"
    inherits: str | None = None
    on_device: bool = False
    logged: Sequence[Pair] = ()
    scored: bool = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """All samples."""
        return (self.student, self.base, self.prior.run)


def evaluation(spec: Spec) -> Stage:
    """The stage that measures, anchored on the base model's own run."""
    samples = {"samplesPath": spec.student.path, "baseSamplesPath": spec.base.path} if spec.scored else {}
    anchor = {"model": bases.name(spec.architecture), "measuredScore": spec.base.score(BENCHMARKS[0])}
    others = [
        {"name": name, "metric": score.metric, "calibrated": True}
        for pair in spec.logged
        for name, score in pair.student.scores.items()
    ]
    own = [{"name": n, "metric": "pass@1", "calibrated": True, **samples} for n in BENCHMARKS]
    return {
        "type": "eval",
        "benchmarks": own + others,
        "compareToBase": True,
        "calibrationAnchor": anchor,
    }
