"""DeepSeek-V3 and R1: routed and shared experts, a score correction, expert groups, latent attention."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import DEEPSEEK_ROUTED_SHARED

ADAPTER = FamilyAdapter(
    architecture="deepseek_v3",
    methods={
        "expert-activation-profile": "profile_grouped_router_activations",
        "expert-prune": "prune_routed_experts",
        "context-extend": "extend_context_yarn_mla",
    },
    layout=DEEPSEEK_ROUTED_SHARED,
    lora_targets=("q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"),
    notes=(
        "The first layers have no experts; groups must stay of equal size. Layers beyond num_hidden_layers "
        "predict further tokens and keep their experts. Heads share one latent, so per-head pruning has no "
        "meaning here."
    ),
)
