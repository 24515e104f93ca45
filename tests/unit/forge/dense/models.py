"""Small random models of every dense family as transformers saves them, and folders made without it."""

import json
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from forge.families import registry
from forge.stages.base import StageContext
from forge.tensors.safetensors import Tensor, serialise

LAYERS, HEADS, GROUPS, SIZE, HIDDEN, VOCABULARY = 4, 8, 4, 8, 32, 64
"""Head size 8 at hidden size 32 would be 64 wide, so families without their own head size get 4."""

_VISION = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": HIDDEN,
}
_TOKENS = {
    "image_token_id": 60,
    "video_token_id": 61,
    "vision_start_token_id": 62,
    "vision_end_token_id": 63,
}
_ALPHABET = string.ascii_letters + string.digits + "!?"
_NO_TOKENS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


def _text(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": GROUPS,
        "max_position_embeddings": 128,
        "initializer_range": 0.2,
        **_NO_TOKENS,
        **more,
    }


def _rope(*sections: int, **more: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": list(sections), **more}


def _hybrid() -> dict[str, Any]:
    return _text(
        head_dim=SIZE,
        layer_types=["linear_attention", "full_attention", "linear_attention", "full_attention"],
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        rope_parameters=_rope(1, 0, 0, partial_rotary_factor=0.25),
    )


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
        },
        "image_token_index": 60,
        "video_token_index": 61,
        "audio_token_index": 62,
        "audio_start_token_id": 58,
        "audio_end_token_id": 59,
    }


def _omni() -> dict[str, Any]:
    talker = {
        **_text(num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, head_dim=8),
        "embedding_size": HIDDEN,
        "rope_parameters": _rope(2, 1, 1),
    }
    transformer = {
        "hidden_size": 32,
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
    }
    vocoder = {
        "mel_dim": 8,
        "upsample_initial_channel": 16,
        "upsample_rates": [2, 2],
        "upsample_kernel_sizes": [4, 4],
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]],
    }
    return {
        "thinker_config": _thinker(),
        "talker_config": talker,
        "token2wav_config": {"dit_config": transformer, "bigvgan_config": vocoder},
    }


CASES: Mapping[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "llama": ("llama", "Llama", lambda: _text(attention_bias=True)),
    "mistral": ("mistral", "Mistral", lambda: _text(head_dim=SIZE)),
    "qwen2": ("qwen2", "Qwen2", _text),
    "qwen3": ("qwen3", "Qwen3", lambda: _text(head_dim=SIZE)),
    "qwen3_5": ("qwen3_5", "Qwen3_5", lambda: {"text_config": _hybrid(), **_see(48)}),
    "qwen3_5-text": ("qwen3_5", "Qwen3_5Text", _hybrid),
    "qwen2_5_vl": (
        "qwen2_5_vl",
        "Qwen2_5_VL",
        lambda: {"text_config": _text(rope_parameters=_rope(1, 1, 0)), **_see()},
    ),
    "qwen3_vl": (
        "qwen3_vl",
        "Qwen3VL",
        lambda: {
            "text_config": _text(head_dim=SIZE, rope_parameters=_rope(2, 1, 1)),
            **_see(16, deepstack_visual_indexes=[0]),
        },
    ),
    "qwen2_5_omni": ("qwen2_5_omni", "Qwen2_5Omni", _omni),
    "qwen2_5_omni-thinker": ("qwen2_5_omni", "Qwen2_5OmniThinker", _thinker),
}
"""Case -> architecture, stem of transformers' class names, configuration."""

_MODEL_CLASSES = {
    "Qwen3_5Text": "Qwen3_5ForCausalLM",
    **{
        s: f"{s}ForConditionalGeneration"
        for s in ("Qwen3_5", "Qwen2_5_VL", "Qwen3VL", "Qwen2_5Omni", "Qwen2_5OmniThinker")
    },
}


def _see(positions: int | None = None, **more: Any) -> dict[str, Any]:
    size = {} if positions is None else {"num_position_embeddings": positions}
    return {"vision_config": {**_VISION, **size, **more}, **_TOKENS}


def save(case: str, folder: Path, *, dtype: str = "float32", shard: str = "5GB", seed: int = 0) -> Path:
    """A random model whose biases and norms are random, too, as ``save_pretrained`` writes it."""
    import torch
    import transformers

    _, stem, config = CASES[case]
    torch.manual_seed(seed)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cls = getattr(transformers, _MODEL_CLASSES.get(stem, f"{stem}ForCausalLM"))
    model = cls(getattr(transformers, f"{stem}Config")(**config()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size=shard)
    return folder


def text(*ids: int) -> str:
    """The text that :func:`save_tokenizer`'s tokenizer makes ``ids`` of."""
    return "".join(_ALPHABET[i] for i in ids)


def save_tokenizer(folder: Path) -> None:
    """A tokenizer of one token per character, in the one form that every family's tokenizer class reads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE({c: i for i, c in enumerate(_ALPHABET)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=inner).save_pretrained(folder)


def context(case: str, model: Path, work: Path, **parameters: Any) -> StageContext:
    """A prune stage on ``model`` that writes below ``work``."""
    architecture = CASES[case][0] if case in CASES else case
    (work / "recipe").mkdir(parents=True, exist_ok=True)
    return StageContext(
        index=1,
        method="prune",
        parameters=parameters,
        adapter=registry.get(architecture),
        source_facts={"baseModel": "some/base", "architecture": architecture},
        model=model,
        out=work / "out",
        base=model,
        artifact=work / "artifact",
        recipe=work / "recipe",
    )


def record_selection(stage: StageContext, removed: Mapping[int, list[int]]) -> None:
    """Put a selection beside the recipe, as ``selection.json``."""
    body = {
        "schema": "alloy-selection/1",
        "unit": "kv-group",
        "removed": {str(k): v for k, v in removed.items()},
    }
    (stage.recipe / "selection.json").write_text(json.dumps(body))


def bare(folder: Path, tensors: list[Tensor], config: Mapping[str, Any]) -> Path:
    """A model folder that no library made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(serialise(tensors, {"format": "pt"}))
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder
