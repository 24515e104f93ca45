"""Qwen2.5-VL: a Qwen2.5 language model behind a vision tower."""

from forge.families.adapter import FamilyAdapter

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
    guarded=("visual.",),
)
