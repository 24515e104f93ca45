"""Qwen2.5-VL: a Qwen2.5 language model behind a vision tower."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import QWEN2_5_VL

ADAPTER = FamilyAdapter(
    architecture="qwen2_5_vl",
    methods={
        "prune/mask": "mask_heads",
        "prune/pad": "prune_heads_pad",
        "prune/slice": "prune_heads_slice",
        "compact": "compact_heads",
        "context-extend": "extend_context_mrope",
        "modality/vision": "train_vision_projector",
    },
    attention=QWEN2_5_VL,
    text_config=("text_config",),
    text_config_others=((),),
    guarded_tokens=("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
    guarded_config=("vision_config",),
    guarded=("visual.", "model.visual."),
    notes=(
        "Loaders take hidden size over heads for the head size, so heads are blanked and never cut out. "
        "Published configurations keep the language model's keys at the root."
    ),
)
