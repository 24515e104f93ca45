"""Qwen3.5 dense: gated linear attention in three layers of four, a vision tower, a draft head."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import HYBRID

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
    attention=HYBRID,
    text_config=("text_config",),
    text_config_others=((),),
    guarded_tokens=("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
    guarded_config=("vision_config",),
    lora_targets=("q_proj", "k_proj", "v_proj", "o_proj", "in_proj_qkv", "in_proj_z", "out_proj"),
    hybrid_attention=True,
    guarded=("model.visual.", "mtp."),
    notes="Per-head work applies to full-attention layers alone; q_proj also carries the output gate.",
)
