"""gpt-oss: fused experts with biases, published in 4-bit blocks; attention sinks."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import GPT_OSS_FUSED

ADAPTER = FamilyAdapter(
    architecture="gpt_oss",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_fused",
        "context-extend": "extend_context_rope",
    },
    layout=GPT_OSS_FUSED,
    notes="Axis 0 counts experts in the published 4-bit blocks and scales too, so both forms can be pruned.",
)
