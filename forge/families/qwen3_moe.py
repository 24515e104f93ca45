"""Qwen3 mixture of experts (Coder-30B-A3B too): one tensor per expert and projection."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import UNFUSED

ADAPTER = FamilyAdapter(
    architecture="qwen3_moe",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_unfused",
        "context-extend": "extend_context_rope",
    },
    layout=UNFUSED,
)
