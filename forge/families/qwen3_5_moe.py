"""Qwen3.5 mixture of experts: fused routed experts, one shared expert, gated linear attention, vision."""

from forge.families.adapter import FamilyAdapter
from forge.families.layouts import QWEN3_5_FUSED

ADAPTER = FamilyAdapter(
    architecture="qwen3_5_moe",
    methods={
        "expert-activation-profile": "profile_router_activations",
        "expert-prune": "prune_experts_fused",
        "context-extend": "extend_context_rope",
        "modality/vision": "attach_vision_encoder",
    },
    layout=QWEN3_5_FUSED,
    text_config=("text_config",),
    text_config_others=((),),
    guarded_tokens=("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
    guarded_config=("vision_config",),
    lora_targets=("q_proj", "k_proj", "v_proj", "o_proj", "in_proj_qkv", "in_proj_z", "out_proj"),
    hybrid_attention=True,
    guarded=("model.visual.", "mtp."),
    notes="The shared expert and its gate see every token and are no candidates for removal.",
)
