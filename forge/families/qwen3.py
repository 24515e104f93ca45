"""Qwen3: dense, grouped-query attention with per-head q and k norms, language only."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import PLAIN

ADAPTER = FamilyAdapter(
    architecture="qwen3",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_rope",
    },
    attention=PLAIN,
    notes="q_norm and k_norm are shared by all heads of a layer and stay as they are.",
)
