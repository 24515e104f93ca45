"""Qwen2 and Qwen2.5 (Coder too): dense, grouped-query attention, biases on q, k and v, language only."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import PLAIN

ADAPTER = FamilyAdapter(
    architecture="qwen2",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_rope",
    },
    attention=PLAIN,
    notes="A head's slice of the q, k and v biases goes with its rows of the projections.",
)
