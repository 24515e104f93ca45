"""Mixtral: block-sparse experts named w1, w2 and w3."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import BLOCK_SPARSE

ADAPTER = FamilyAdapter(
    architecture="mixtral",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_block_sparse",
        "context-extend": "extend_context_rope",
    },
    layout=BLOCK_SPARSE,
)
