"""Qwen2.5-Omni: a thinker that sees and hears, a talker and a speech decoder."""

from forge.families.adapter import FamilyAdapter
from forge.families.attention import THINKER

_TOWERS = tuple(
    f"{within}{tower}."
    for within in ("thinker.", "", "thinker.model.", "model.")
    for tower in ("visual", "audio_tower")
)
"""Within the whole model and in a thinker by itself; with ``model.`` as modules are named in memory."""

_TOKENS = (
    "audio_token_index",
    "image_token_index",
    "video_token_index",
    "audio_start_token_id",
    "audio_end_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
    "vision_token_id",
)
"""As transformers writes them and as published configurations carry them."""

ADAPTER = FamilyAdapter(
    architecture="qwen2_5_omni",
    methods={
        "prune/mask": "mask_thinker_heads",
        "prune/pad": "prune_thinker_heads_pad",
        "prune/slice": "prune_thinker_heads_slice",
        "compact": "compact_thinker_heads",
        "context-extend": "extend_context_mrope",
        "modality/vision": "train_vision_projector",
        "modality/audio": "train_audio_projector",
    },
    attention=THINKER,
    text_config=("thinker_config", "text_config"),
    text_config_others=(("text_config",),),
    guarded=(*_TOWERS, "talker.", "token2wav."),
    guarded_tokens=tuple(f"{place}{key}" for place in ("thinker_config.", "") for key in _TOKENS),
    guarded_config=(
        "thinker_config.vision_config",
        "thinker_config.audio_config",
        "talker_config",
        "token2wav_config",
        "vision_config",
        "audio_config",
    ),
    notes="The thinker is published within the whole model, and also saved by itself, without the prefix.",
)
