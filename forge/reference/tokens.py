"""A tokenizer of one token per ASCII character, in the form that every family's tokenizer class reads."""

import json
from typing import Any

from forge.reference.shapes.configs import VOCABULARY

SPECIAL = ("<pad>", "<s>", "</s>")
"""Take the places of the control characters 0, 1 and 2, which no text holds."""


def files() -> dict[str, bytes]:
    """``tokenizer.json`` and ``tokenizer_config.json``."""
    level: dict[str, Any] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(i, content) for i, content in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": _vocabulary(), "merges": []},
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": SPECIAL[0],
        "bos_token": SPECIAL[1],
        "eos_token": SPECIAL[2],
        "model_max_length": 128,
        "clean_up_tokenization_spaces": False,
    }
    return {"tokenizer.json": _encode(tokenizer), "tokenizer_config.json": _encode(config)}


def _vocabulary() -> dict[str, int]:
    """Byte-level BPE shows a byte that is no visible character as one from U+0100 on, in order."""
    visible = set(range(ord("!"), ord("~") + 1))
    hidden = [b for b in range(256) if b not in visible and b not in {*range(0xA1, 0xAD), *range(0xAE, 256)}]
    shown = {b: chr(b) if b in visible else chr(256 + hidden.index(b)) for b in range(VOCABULARY)}
    return {SPECIAL[b] if b < len(SPECIAL) else shown[b]: b for b in range(VOCABULARY)}


def _added(number: int, content: str) -> dict[str, Any]:
    return {
        "id": number,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _encode(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=True, indent=1) + "\n").encode()
