"""Granite mixture of experts: all experts of a layer fused into an input and an output tensor."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import GRANITE_FUSED

ADAPTER = FamilyAdapter(
    architecture="granitemoe",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_fused",
        "context-extend": "extend_context_rope",
    },
    layout=GRANITE_FUSED,
)
