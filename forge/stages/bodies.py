"""Which function is the body of which method: an explicit table, imported only when a stage runs.

Several families share a body where only their data differs; see ``docs/extending.md``.
"""

import importlib
from collections.abc import Mapping
from typing import cast

from forge.stages.base import Final, StageBody
from verifier.errors import RegistryError

_PRUNE_HEADS = "forge.stages.prune"
_EXPERTS = "forge.stages.expert_prune:run"
_PROFILE = "forge.stages.expert_activation_profile:run"
_CONTEXT = "forge.stages.context_extend:run"
_MODALITY = "forge.stages.modality:run"
_PACKAGE = "forge.stages.package:run"

BODIES: Mapping[str, str] = {
    "configure_source": "forge.stages.source_config:run",
    # attention heads
    **dict.fromkeys(
        ("mask_heads", "mask_thinker_heads", "mask_full_attention_heads"), f"{_PRUNE_HEADS}:mask"
    ),
    **dict.fromkeys(
        ("prune_heads_pad", "prune_thinker_heads_pad", "prune_full_attention_heads_pad"),
        f"{_PRUNE_HEADS}:pad",
    ),
    **dict.fromkeys(
        ("prune_heads_slice", "prune_thinker_heads_slice", "prune_full_attention_heads_slice"),
        f"{_PRUNE_HEADS}:cut",
    ),
    **dict.fromkeys(
        ("compact_heads", "compact_thinker_heads", "compact_full_attention_heads"), f"{_PRUNE_HEADS}:compact"
    ),
    # experts
    **dict.fromkeys(
        (
            "profile_router_activations",
            "profile_sparsemixer_activations",
            "profile_grouped_router_activations",
        ),
        _PROFILE,
    ),
    **dict.fromkeys(
        (
            "prune_experts_unfused",
            "prune_experts_block_sparse",
            "prune_experts_fused",
            "prune_routed_experts",
        ),
        _EXPERTS,
    ),
    # training
    "train_student": "forge.stages.train:run",
    "train_adapter": "forge.stages.lora:run",
    "distil_adapter": "forge.stages.lora:run",
    # configuration
    **dict.fromkeys(
        (
            "extend_context_rope",
            "extend_context_mrope",
            "extend_context_yarn_mla",
            "extend_context_longrope",
        ),
        _CONTEXT,
    ),
    **dict.fromkeys(("train_vision_projector", "train_audio_projector", "attach_vision_encoder"), _MODALITY),
    # other formats
    "quantise_gguf": "forge.stages.quant_gguf:run",
    "quantise_mlx": "forge.stages.quant_mlx:run",
    "quantise_bnb": "forge.stages.quant_bnb:run",
    "quantise_gptq": "forge.stages.quant_external:run",
    "quantise_awq": "forge.stages.quant_external:run",
    # measuring and shipping
    "evaluate_benchmarks": "forge.stages.evaluate:run",
    "package_safetensors": _PACKAGE,
    "package_safetensors_sharded": _PACKAGE,
    "package_safetensors_defragged": _PACKAGE,
    "package_gguf": _PACKAGE,
    "publish_repository": "forge.stages.publish:run",
    "deploy_to_target": "forge.stages.noop:run",
    "deliver_result": "forge.stages.noop:run",
}
"""Method name -> ``module:function``."""

FINALS: Mapping[str, str] = {
    "publish_repository": "forge.stages.publish:finish",
}
"""Method name -> ``module:function`` of what is left to do when the result lies there, complete."""


def get(method: str) -> StageBody:
    """The function that does what ``method`` names.

    Raises:
        RegistryError: no body is registered, or its module does not have it.
    """
    target = BODIES.get(method)
    if target is None:
        raise RegistryError(
            f"stage method: expected one of {', '.join(sorted(BODIES))}; found {method!r}",
            remedy="write the body and add one line to BODIES in forge/stages/bodies.py",
        )
    return cast(StageBody, _function(method, target))


def final(method: str) -> Final | None:
    """What ``method`` leaves to be done at the very end; None for most.

    Raises:
        RegistryError: the module does not have it.
    """
    target = FINALS.get(method)
    return None if target is None else cast(Final, _function(method, target))


def _function(method: str, target: str) -> object:
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RegistryError(
            f"stage method {method}: expected a function at {target}; found {error}"
        ) from error
