"""What each stage type does to a model, and when its bytes follow from the recipe alone.

For plans, and for telling a recipe's determinism class without executing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifier.verdicts import JSON

RECORDED = ("selectionFile", "importanceFile")
"""Fields that name a recorded choice; with it, and replayed, nothing is left to floating-point sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One stage type.

    Attributes:
        makes_weights: its result decides ``modelHash``.
        loads_model: it needs torch and the whole model in memory.
        data_free: words that its ``strategy`` or ``metric`` may have, for which it looks at nothing but the
            weights themselves, exactly.
        exact: its bytes never depend on the machine.
        passes: how many times it reads the model's bytes (forward passes aside).
        chooses_for: the later stage type that follows its findings, if it changes nothing itself.
    """

    makes_weights: bool = False
    loads_model: bool = False
    data_free: tuple[str, ...] = ()
    exact: bool = False
    passes: float = 0.0
    chooses_for: str | None = None

    def is_exact(self, stage: Mapping[str, JSON], *, replay: bool) -> bool:
        """Whether ``stage`` gives the same bytes on every machine."""
        if self.exact or not self.makes_weights:
            return True
        if replay and any(isinstance(stage.get(name), str) for name in RECORDED):
            return True
        return any(stage.get(name) in self.data_free for name in ("strategy", "metric"))


TRAITS: Mapping[str, Traits] = {
    "source-config": Traits(exact=True),
    "prune": Traits(makes_weights=True, data_free=("magnitude", "random"), passes=1),
    "train": Traits(makes_weights=True, loads_model=True, passes=1),
    "lora": Traits(makes_weights=True, loads_model=True, passes=2),
    "compact": Traits(makes_weights=True, passes=1),
    "expert-activation-profile": Traits(loads_model=True, passes=1, chooses_for="expert-prune"),
    "expert-prune": Traits(
        makes_weights=True,
        data_free=("router-gate-l2-norm", "router_gate_l2_norm", "random"),
        passes=1,
    ),
    "context-extend": Traits(makes_weights=True, exact=True, passes=1),
    "modality": Traits(makes_weights=True, exact=True, passes=1),
    "quant": Traits(makes_weights=True, passes=1),
    "eval": Traits(loads_model=True, passes=1),
    "package": Traits(makes_weights=True, exact=True, passes=1),
    "publish": Traits(passes=1),
    "deploy": Traits(),
    "deliver": Traits(),
}
"""Stage type -> what it does. A stage type without a line is one that makes weights on a device."""


def of(stage_type: str) -> Traits:
    """The traits of a stage type; the cautious ones where nothing is known."""
    return TRAITS.get(stage_type, Traits(makes_weights=True, loads_model=True, passes=1))


def decides_bytes(stages: Sequence[Mapping[str, JSON]], index: int) -> bool:
    """Whether a replay has to execute stage ``index``: whether its result can reach ``modelHash``.

    It can if the stage makes weights, or if a later one follows its findings and has no recorded choice.
    """
    kind = of(str(stages[index].get("type")))
    if kind.makes_weights or kind.chooses_for is None:
        return kind.makes_weights
    followers = [s for s in stages[index + 1 :] if s.get("type") == kind.chooses_for]
    return any(not any(isinstance(s.get(name), str) for name in RECORDED) for s in followers)
