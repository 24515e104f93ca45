"""OLMoE: one tensor per expert and projection, norms over the whole of q and k."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import UNFUSED

ADAPTER = FamilyAdapter(
    architecture="olmoe",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_unfused",
        "context-extend": "extend_context_rope",
    },
    layout=UNFUSED,
)
