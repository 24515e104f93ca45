"""Qwen3-VL dense: a Qwen3 language model behind a vision tower with deep injection."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import LANGUAGE_MODEL

ADAPTER = FamilyAdapter(
    architecture="qwen3_vl",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_mrope",
        "modality/vision": "train_vision_projector",
    },
    attention=LANGUAGE_MODEL,
    text_config=("text_config",),
    guarded_tokens=("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
    guarded_config=("vision_config",),
    guarded=("model.visual.",),
)
