"""Qwen2.5-Omni: a thinker that sees and hears, a talker and a speech decoder."""

from forge.families.adapter import FamilyAdapter

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
    guarded=("thinker.visual.", "thinker.audio_tower.", "talker.", "token2wav."),
)
