"""Two tokenizers of one token per ASCII character, in the two forms that loaders and converters know.

Written as JSON, since the library that writes such files is not needed for anything else here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from forge.reference.shapes.configs import VOCABULARY

_SPACE = "\u2581"
"""How SentencePiece shows a space."""


def characters() -> dict[str, bytes]:
    """Byte-level BPE without merges: every character has its ASCII code.

    The control characters 0, 1 and 2 give their places to padding, begin and end.
    """
    special = ("<pad>", "<s>", "</s>")
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    names = [special[b] if b < len(special) else _shown(b) for b in range(VOCABULARY)]
    parts = {"normalizer": None, "pre_tokenizer": level, "decoder": level}
    return _files(parts, names, special, {"pad_token": special[0]}, {})


def pieces() -> dict[str, bytes]:
    """SentencePiece's BPE with byte fallback, without merges: what converters take from an unknown model."""
    special = ("<unk>", "<s>", "</s>")
    names = [*special, _SPACE, *(chr(c) for c in range(ord("!"), ord("~") + 1))]
    names += [f"<0x{b:02X}>" for b in range(VOCABULARY - len(names))]
    steps = [
        {"type": "Prepend", "prepend": _SPACE},
        {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
    ]
    back = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    parts = {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": back},
    }
    model = {"unk_token": special[0], "fuse_unk": True, "byte_fallback": True}
    return _files(parts, names, special, {"unk_token": special[0]}, model)


def _files(
    parts: Mapping[str, Any],
    names: Sequence[str],
    special: Sequence[str],
    more: Mapping[str, str],
    model: Mapping[str, Any],
) -> dict[str, bytes]:
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(i, content) for i, content in enumerate(special)],
        **parts,
        "post_processor": None,
        "model": {"type": "BPE", **model, "vocab": {n: i for i, n in enumerate(names)}, "merges": []},
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **more,
        "bos_token": special[1],
        "eos_token": special[2],
        "model_max_length": 128,
        "clean_up_tokenization_spaces": False,
    }
    return {"tokenizer.json": _encode(tokenizer), "tokenizer_config.json": _encode(config)}


def _shown(byte: int) -> str:
    """Byte-level BPE shows a byte that is no visible character as one from U+0100 on, in order."""
    visible = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 256)}
    hidden = [b for b in range(256) if b not in visible]
    return chr(byte) if byte in visible else chr(256 + hidden.index(byte))


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


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=True, indent=1) + "\n").encode()
