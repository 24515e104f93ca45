"""Mistral: dense, grouped-query attention, in some releases with a sliding window, language only."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import PLAIN

ADAPTER = FamilyAdapter(
    architecture="mistral",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_rope",
    },
    attention=PLAIN,
    notes="The head size may be stated beside a hidden size that it does not divide into heads.",
)
