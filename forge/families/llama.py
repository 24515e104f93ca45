"""Llama: dense, grouped-query attention, rotary positions, language only."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import LLAMA

ADAPTER = FamilyAdapter(
    architecture="llama",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_rope",
    },
    attention=LLAMA,
    notes=(
        "Slicing removes whole key-value groups, so that heads stay a multiple of key-value heads; "
        "transformers 5 also wants them to divide the hidden size."
    ),
)
