"""Qwen3.5 dense: gated linear attention in three layers of four, a vision tower, a draft head."""

from forge.families.adapter import FamilyAdapter

ADAPTER = FamilyAdapter(
    architecture="qwen3_5",
    methods={
        "prune/mask": "mask_full_attention_heads",
        "prune/pad": "prune_full_attention_heads_pad",
        "prune/slice": "prune_full_attention_heads_slice",
        "compact": "compact_full_attention_heads",
        "context-extend": "extend_context_rope",
        "modality/vision": "attach_vision_encoder",
    },
    hybrid_attention=True,
    guarded=("model.visual.", "mtp."),
    notes="Per-head work applies to full-attention layers alone; q_proj also carries the output gate.",
)
