"""A small configuration of each family that has all of its parts, as arguments for transformers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

VOCABULARY = 128
"""Tokens: one per ASCII character."""

HIDDEN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    """A tiny member of a family.

    Attributes:
        model: class of transformers that makes it.
        config: class of its configuration.
        arguments: of the configuration.
        dtype: of its weights.
    """

    model: str
    config: str
    arguments: Mapping[str, Any]
    dtype: str = "bfloat16"


def _text(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
        **more,
    }


def _moe(**more: Any) -> dict[str, Any]:
    return _text(num_attention_heads=4, num_key_value_heads=2, num_experts_per_tok=2, **more)


def _rope(*sections: int, **more: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": list(sections), **more}


_VISION = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "patch_size": 4,
    "out_hidden_size": HIDDEN,
}
_TOKENS = {
    "image_token_id": 124,
    "video_token_id": 125,
    "vision_start_token_id": 126,
    "vision_end_token_id": 127,
}
_LINEAR = {
    "num_hidden_layers": 4,
    "head_dim": 8,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "rope_parameters": _rope(2, 1, 1, partial_rotary_factor=1.0),
}
_LATENT = {
    "num_hidden_layers": 3,
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
}
_ROUTED = {
    "intermediate_size": 40,
    "moe_intermediate_size": 16,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
}
_GROUPED = {"n_group": 2, "topk_group": 1}
_LOCAL = {"intermediate_size": 16, "num_local_experts": 8}


def _see(text: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    vision = {**_VISION, **more}
    return {"text_config": dict(text), "vision_config": vision, "tie_word_embeddings": False, **_TOKENS}


def _thinker() -> dict[str, Any]:
    return {
        "text_config": _text(rope_parameters=_rope(1, 1, 0)),
        "vision_config": _VISION,
        "audio_config": {
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "d_model": 16,
            "output_dim": HIDDEN,
            "num_mel_bins": 8,
            "max_source_positions": 64,
        },
        "image_token_index": 124,
        "video_token_index": 125,
        "audio_token_index": 123,
        "audio_start_token_id": 121,
        "audio_end_token_id": 122,
        "vision_start_token_id": 126,
        "vision_end_token_id": 127,
    }


def _talker() -> dict[str, Any]:
    return {
        **_text(num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, head_dim=8),
        "embedding_size": HIDDEN,
        "rope_parameters": _rope(2, 1, 1),
    }


def _token2wav() -> dict[str, Any]:
    return {
        "dit_config": {
            "hidden_size": HIDDEN,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "head_dim": 16,
            "emb_dim": 8,
            "num_embeds": 16,
            "mel_dim": 8,
            "enc_emb_dim": 8,
            "enc_dim": 8,
            "enc_channels": [8, 8, 8, 8, 24],
            "enc_attention_channels": 4,
            "enc_res2net_scale": 2,
            "enc_se_channels": 4,
            "look_ahead_layers": [0],
            "look_backward_layers": [0],
        },
        "bigvgan_config": {
            "mel_dim": 8,
            "upsample_initial_channel": 16,
            "upsample_rates": [2, 2],
            "upsample_kernel_sizes": [4, 4],
            "resblock_kernel_sizes": [3],
            "resblock_dilation_sizes": [[1, 3, 5]],
        },
    }


def _causal(stem: str, arguments: Mapping[str, Any]) -> Tiny:
    return Tiny(model=f"{stem}ForCausalLM", config=f"{stem}Config", arguments=arguments)


def _conditional(stem: str, arguments: Mapping[str, Any]) -> Tiny:
    return Tiny(model=f"{stem}ForConditionalGeneration", config=f"{stem}Config", arguments=arguments)


_QWEN3_MOE = {"head_dim": 8, "intermediate_size": 40, "moe_intermediate_size": 16, "num_experts": 8}

CONFIGS: Mapping[str, Tiny] = {
    "deepseek_v2": _causal(
        "DeepseekV2",
        _moe() | _LATENT | _ROUTED | _GROUPED | {"q_lora_rank": 16, "topk_method": "group_limited_greedy"},
    ),
    "deepseek_v3": _causal("DeepseekV3", _moe() | _LATENT | _ROUTED | _GROUPED | {"q_lora_rank": 16}),
    "glm4_moe": _causal(
        "Glm4Moe",
        _moe() | _ROUTED | {"head_dim": 8, "n_group": 1, "topk_group": 1, "num_hidden_layers": 3},
    ),
    "gpt_oss": _causal(
        "GptOss",
        _moe() | _LOCAL | {"head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "granitemoe": _causal("GraniteMoe", _moe() | _LOCAL),
    # 6 heads have to divide the hidden size as well as 8, or no group could be cut out.
    "llama": _causal("Llama", _text(hidden_size=48, head_dim=8)),
    "mistral": replace(_causal("Mistral", _text(head_dim=8)), dtype="float32"),
    "mixtral": _causal("Mixtral", _moe() | _LOCAL),
    "olmoe": _causal("Olmoe", _moe() | {"intermediate_size": 16, "num_experts": 8}),
    "phimoe": _causal("Phimoe", _moe() | _LOCAL),
    "qwen2": _causal("Qwen2", _text()),
    "qwen2_5_omni": _conditional(
        "Qwen2_5Omni",
        {
            "thinker_config": _thinker(),
            "talker_config": _talker(),
            "token2wav_config": _token2wav(),
        },
    ),
    "qwen2_5_vl": _conditional("Qwen2_5_VL", _see(_text(rope_parameters=_rope(1, 1, 0)))),
    "qwen3": _causal("Qwen3", _text(head_dim=8)),
    "qwen3_5": _conditional("Qwen3_5", _see(_text() | _LINEAR, num_position_embeddings=16)),
    "qwen3_5_moe": _conditional(
        "Qwen3_5Moe",
        _see(
            _moe()
            | _LINEAR
            | {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "num_experts": 8},
            num_position_embeddings=16,
        ),
    ),
    "qwen3_moe": _causal("Qwen3Moe", _moe() | _QWEN3_MOE | {"norm_topk_prob": True, "num_hidden_layers": 3}),
    "qwen3_vl": _conditional(
        "Qwen3VL",
        _see(
            _text(head_dim=8, rope_parameters=_rope(2, 1, 1)),
            num_position_embeddings=16,
            deepstack_visual_indexes=[0],
        ),
    ),
    "qwen3_vl_moe": _conditional(
        "Qwen3VLMoe",
        _see(
            _moe() | _QWEN3_MOE | {"rope_parameters": _rope(2, 1, 1, mrope_interleaved=True)},
            num_position_embeddings=16,
            deepstack_visual_indexes=[0],
        ),
    ),
}
"""Architecture -> its tiny member."""
