"""A tiny random llama with a tokenizer that llama.cpp's converter accepts."""

import json
from pathlib import Path

from forge.families import registry
from forge.stages.base import StageContext

WORDS = ("▁", "t", "h", "e", "▁t", "he", "▁the", "a", "n", "d", "an", "and", "s", "o")
MERGES = ("▁ t", "h e", "▁t he", "a n", "an d")


def tokenizer_json() -> dict:
    """SentencePiece-like BPE with byte fallback.

    The converter knows byte-level BPE tokenizers by a hash of what they make of a sample text, so an
    invented one is refused; this kind it takes as it is.
    """
    special = ("<unk>", "<s>", "</s>")
    names = (*special, *(f"<0x{b:02X}>" for b in range(256)), *WORDS)
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": i,
                "content": name,
                "special": True,
                "normalized": False,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
            }
            for i, name in enumerate(special)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {n: i for i, n in enumerate(names)},
            "merges": list(MERGES),
        },
    }


def build(root: Path, dtype: str = "float32", **more: object) -> Path:
    """Write the model to ``root``: 2 layers, 4 heads in 2 key-value groups, rows of 256 for k-quants."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer_json()["model"]["vocab"]),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
        dtype=dtype,
        **more,
    )
    LlamaForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(root)
    (root / "tokenizer.json").write_text(json.dumps(tokenizer_json()), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 128,
    }
    (root / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return root


def context(
    model: Path, artifact: Path, method: str, parameters: dict, base_model: str = "t/tiny"
) -> StageContext:
    """A context for a quant stage on ``model``."""
    return StageContext(
        index=3,
        method=method,
        parameters=parameters,
        adapter=registry.get("llama"),
        source_facts={"baseModel": base_model, "architecture": "llama"},
        model=model,
        out=artifact.parent / "out-not-made",
        base=model,
        artifact=artifact,
        recipe=artifact,
    )
