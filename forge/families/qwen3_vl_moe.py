"""Qwen3-VL mixture of experts: fused experts behind a vision tower."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import QWEN3_VL_FUSED

ADAPTER = FamilyAdapter(
    architecture="qwen3_vl_moe",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_fused",
        "context-extend": "extend_context_mrope",
        "modality/vision": "train_vision_projector",
    },
    layout=QWEN3_VL_FUSED,
    text_config=("text_config",),
    guarded_tokens=("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
    guarded_config=("vision_config",),
    guarded=("model.visual.",),
)
