"""The stage types: their variants, and which of them need knowledge of the model family.

A stage that needs family knowledge counts as resolved only if the family itself declares a method for it.
The others have one method for every family, listed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Stage = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """One stage type.

    Attributes:
        name: the exact ``type`` string.
        summary: what it does, for messages.
        variant: tells a stage's variant, or None where the type has no variants; its answer need not
            be a known one.
        variant_field: the field that ``variant`` looks at.
        shared: variant -> method for stages that work alike in every family; the key is an empty
            string where the type has no variants. Empty if the family has to declare the method.
    """

    name: str
    summary: str
    variant: Callable[[Stage], str] | None = None
    variant_field: str = "type"
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_family(self) -> bool:
        """The method has to be declared by the family itself."""
        return not self.shared

    def key(self, stage: Stage) -> str:
        """The name under which an adapter declares its method for ``stage``: ``type`` or ``type/variant``."""
        return self.name if self.variant is None else f"{self.name}/{self.variant(stage)}"


def _text(stage: Stage, name: str) -> str:
    value = stage.get(name)
    return value if isinstance(value, str) else ""


def _prune_variant(stage: Stage) -> str:
    # Without a defragMode heads are only marked dead and every tensor keeps its shape and values.
    return "mask" if stage.get("defragMode") is None else _text(stage, "defragMode")


def _lora_variant(stage: Stage) -> str:
    return "plain" if stage.get("teacher") is None else "teacher"


def _package_variant(stage: Stage) -> str:
    return _text(stage, "format")


_KINDS = (
    StageKind(
        name="source-config", summary="settles context and modalities", shared={"": "configure_source"}
    ),
    StageKind(
        name="prune", summary="removes attention heads", variant=_prune_variant, variant_field="defragMode"
    ),
    StageKind(name="train", summary="trains the student", shared={"": "train_student"}),
    StageKind(
        name="lora",
        summary="trains a low-rank adapter, with or without a teacher",
        variant=_lora_variant,
        variant_field="teacher",
        shared={"plain": "train_adapter", "teacher": "distil_adapter"},
    ),
    StageKind(name="compact", summary="treats heads by how much they are used"),
    StageKind(name="expert-activation-profile", summary="counts how often each expert is chosen"),
    StageKind(name="expert-prune", summary="removes experts"),
    StageKind(name="context-extend", summary="stretches the position encoding"),
    StageKind(
        name="modality",
        summary="adds or trains an input modality",
        variant=lambda stage: _text(stage, "modality"),
        variant_field="modality",
    ),
    StageKind(
        name="quant",
        summary="converts the weights to a smaller number format",
        variant=lambda stage: _text(stage, "format"),
        variant_field="format",
        shared={
            "gguf": "quantise_gguf",
            "mlx": "quantise_mlx",
            "bnb": "quantise_bnb",
            "gptq": "quantise_gptq",
            "awq": "quantise_awq",
        },
    ),
    StageKind(name="eval", summary="measures benchmarks", shared={"": "evaluate_benchmarks"}),
    StageKind(
        name="package",
        summary="writes the files that are shipped",
        variant=_package_variant,
        variant_field="format",
        shared={
            "safetensors": "package_safetensors",
            "safetensors-sharded": "package_safetensors_sharded",
            "safetensors-defragged": "package_safetensors_defragged",
            "gguf": "package_gguf",
        },
    ),
    StageKind(name="publish", summary="uploads to a hub", shared={"": "publish_repository"}),
    StageKind(name="deploy", summary="starts the model on a target", shared={"": "deploy_to_target"}),
    StageKind(name="deliver", summary="hands the result over", shared={"": "deliver_result"}),
)

KINDS: Mapping[str, StageKind] = {kind.name: kind for kind in _KINDS}
"""Stage type -> its kind."""


def names() -> tuple[str, ...]:
    """Every known stage type, sorted."""
    return tuple(sorted(KINDS))
