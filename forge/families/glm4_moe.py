"""GLM-4.5 and later: DeepSeek's routed and shared experts behind grouped-query attention."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import DEEPSEEK_ROUTED_SHARED

ADAPTER = FamilyAdapter(
    architecture="glm4_moe",
    methods={
        "expert-activation-profile": "profile_grouped_router_activations",
        "expert-prune": "prune_routed_experts",
        "context-extend": "extend_context_rope",
    },
    layout=DEEPSEEK_ROUTED_SHARED,
    notes=(
        "The first layers have no experts. Layers beyond num_hidden_layers predict further tokens and keep "
        "their experts."
    ),
)
