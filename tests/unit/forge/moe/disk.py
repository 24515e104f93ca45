"""Checkpoints written by hand, for tests that need no model to run: names and shapes alone matter."""

import json
import math
import struct
from pathlib import Path

from forge.reference import weights

ITEM = {"F32": 4, "BF16": 2, "U8": 1, "F8_E4M3": 1}


def write(folder: Path, tensors: dict, config: dict, files: dict | None = None) -> Path:
    """A model folder. ``tensors``: name -> (dtype, shape); bytes depend on the name alone."""
    folder.mkdir(parents=True)
    header, parts, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, (dtype, shape) in tensors.items():
        size = ITEM[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        parts.append(weights.stream("disk", name, size))
        offset += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    (folder / "config.json").write_text(json.dumps(config))
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    return folder


def unfused(layers=2, experts=6, *, dense=(), block="model.layers.{L}.mlp", shared=False, scales=False):
    """Names and shapes of unfused experts."""
    found = {"model.embed_tokens.weight": ("F32", (16, 8)), "lm_head.weight": ("F32", (16, 8))}
    for layer in range(layers):
        b = block.format(L=layer)
        if layer in dense:
            found[f"{b}.gate_proj.weight"] = ("BF16", (12, 8))
            continue
        found[f"{b}.gate.weight"] = ("BF16", (experts, 8))
        owners = [f"experts.{e}" for e in range(experts)] + (["shared_experts"] if shared else [])
        for owner in owners:
            for p, shape in (("gate_proj", (4, 8)), ("up_proj", (4, 8)), ("down_proj", (8, 4))):
                found[f"{b}.{owner}.{p}.weight"] = ("F8_E4M3" if scales else "BF16", shape)
                if scales:
                    found[f"{b}.{owner}.{p}.weight_scale_inv"] = ("F32", (1, 1))
    return found


def granite(layers, experts=6):
    """Names and shapes of Granite's fused experts."""
    found = {"model.embed_tokens.weight": ("F32", (16, 8))}
    for layer in range(layers):
        block = f"model.layers.{layer}.block_sparse_moe"
        found[f"{block}.router.layer.weight"] = ("BF16", (experts, 8))
        found[f"{block}.input_linear.weight"] = ("BF16", (experts, 8, 8))
        found[f"{block}.output_linear.weight"] = ("BF16", (experts, 8, 4))
    return found


QWEN3 = {"num_hidden_layers": 2, "num_experts": 6, "num_experts_per_tok": 2}
"""Configuration for :func:`unfused` as it comes."""
