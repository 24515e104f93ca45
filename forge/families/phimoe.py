"""Phi mixture of experts (Phi-3.5-MoE): Mixtral's tensor names, another router and rotary scaling."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import BLOCK_SPARSE

ADAPTER = FamilyAdapter(
    architecture="phimoe",
    methods={
        "expert-activation-profile": "profile_sparsemixer_activations",
        "expert-prune": "prune_experts_block_sparse",
        "context-extend": "extend_context_longrope",
    },
    layout=BLOCK_SPARSE,
    notes="The router picks its two experts one after the other, so a profile has to hook both picks.",
)
