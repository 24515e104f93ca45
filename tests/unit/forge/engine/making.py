"""Base models that need no torch to be made, and recipes over them."""

import hashlib
import json
import random
from pathlib import Path

from forge.engine import ForgeOptions, forge
from forge.tensors.safetensors import Tensor, serialise

STAMP = "2026-01-01T00:00:00+00:00"

HEADS = {"type": "prune", "strategy": "magnitude", "level": 0.25, "defragMode": "pad"}
YARN = {"type": "context-extend", "targetLength": 256, "method": "yarn"}
SHARDS = {"type": "package", "format": "safetensors-sharded", "shards": 3}
EXPERTS = {
    "type": "expert-prune",
    "strategy": "router-gate-l2-norm",
    "metric": "router_gate_l2_norm",
    "keepExpertsPerLayer": 6,
    "originalExpertsPerLayer": 8,
}


LAYERS, HIDDEN, HEADS_PER_LAYER, GROUPS, HEAD, INNER, VOCABULARY = 2, 32, 8, 4, 4, 64, 128
EXPERTS_PER_LAYER, EXPERT_INNER = 8, 16

_CONFIG = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_attention_heads": HEADS_PER_LAYER,
    "num_key_value_heads": GROUPS,
    "head_dim": HEAD,
    "num_hidden_layers": LAYERS,
    "intermediate_size": INNER,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def dense_base(folder: Path) -> Path:
    """A complete Llama folder: 64 tokens of context, 8 heads in 4 groups, 2 layers."""
    return _folder(
        folder, {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **_CONFIG}, dense_tensors()
    )


def moe_base(folder: Path) -> Path:
    """A complete Qwen3-MoE folder: 8 experts in each of 3 layers."""
    config = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        **_CONFIG,
        "num_hidden_layers": 3,
        "moe_intermediate_size": EXPERT_INNER,
        "num_experts": EXPERTS_PER_LAYER,
        "num_experts_per_tok": 2,
        "decoder_sparse_step": 1,
        "norm_topk_prob": True,
    }
    return _folder(folder, config, moe_tensors())


def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    """Small bfloat16 numbers that depend on the name alone: 1/128 to 1/64, either sign."""
    count = 1
    for n in shape:
        count *= n
    words = random.Random(name).choices(range(0x3C00, 0x3C80), k=count)
    signs = random.Random(name + "/signs").choices((0, 0x8000), k=count)
    data = b"".join((w | s).to_bytes(2, "little") for w, s in zip(words, signs, strict=True))
    return Tensor(name=name, dtype="BF16", shape=shape, data=data)


def ones(name: str, size: int) -> Tensor:
    return Tensor(name=name, dtype="BF16", shape=(size,), data=b"\x80\x3f" * size)


def dense_tensors() -> list[Tensor]:
    found = _outside()
    for layer in range(LAYERS):
        found += [*_attention(layer), *_gated(f"model.layers.{layer}.mlp", INNER)]
    return found


def moe_tensors() -> list[Tensor]:
    found = _outside()
    for layer in range(3):
        prefix = f"model.layers.{layer}"
        found += [ones(f"{prefix}.self_attn.{n}_norm.weight", HEAD) for n in "qk"]
        found += [*_attention(layer), tensor(f"{prefix}.mlp.gate.weight", (EXPERTS_PER_LAYER, HIDDEN))]
        for expert in range(EXPERTS_PER_LAYER):
            found += _gated(f"{prefix}.mlp.experts.{expert}", EXPERT_INNER)
    return found


def _outside() -> list[Tensor]:
    tables = [tensor(name, (VOCABULARY, HIDDEN)) for name in ("model.embed_tokens.weight", "lm_head.weight")]
    return [*tables, ones("model.norm.weight", HIDDEN)]


def _attention(layer: int) -> list[Tensor]:
    prefix, queries = f"model.layers.{layer}", HEADS_PER_LAYER * HEAD
    return [
        tensor(f"{prefix}.self_attn.q_proj.weight", (queries, HIDDEN)),
        tensor(f"{prefix}.self_attn.k_proj.weight", (GROUPS * HEAD, HIDDEN)),
        tensor(f"{prefix}.self_attn.v_proj.weight", (GROUPS * HEAD, HIDDEN)),
        tensor(f"{prefix}.self_attn.o_proj.weight", (HIDDEN, queries)),
        ones(f"{prefix}.input_layernorm.weight", HIDDEN),
        ones(f"{prefix}.post_attention_layernorm.weight", HIDDEN),
    ]


def _gated(prefix: str, inner: int) -> list[Tensor]:
    shapes = {"gate": (inner, HIDDEN), "up": (inner, HIDDEN), "down": (HIDDEN, inner)}
    return [tensor(f"{prefix}.{name}_proj.weight", shape) for name, shape in shapes.items()]


def _folder(folder: Path, config, tensors) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 64}')
    (folder / "model.safetensors").write_bytes(serialise(tensors, {"format": "pt"}))
    return folder


def document(*stages, architecture="llama", name="tiny", base="./base", **more):
    """A recipe as a Python value."""
    source = {"baseModel": base, "architecture": architecture, **more.pop("source", {})}
    return {
        "name": name,
        "version": "1.0.0",
        "author": "somebody",
        "source": source,
        "stages": list(stages),
        "cycles": 1,
        **more,
    }


def recipe(folder: Path, *stages, **more) -> Path:
    """Write a recipe beside its base model, which is made too if it is not there."""
    if not (folder / "base").exists() and more.get("base", "./base") == "./base":
        (moe_base if more.get("architecture") == "qwen3_moe" else dense_base)(folder / "base")
    path = folder / "recipe.alloy.json"
    path.write_text(json.dumps(document(*stages, **more), indent=1))
    return path


def run(path: Path, out: Path, **options):
    """Forge without torch and without a clock."""
    given = {"load_check": False, "completed_at": STAMP, "offline": True, **options}
    return forge(path, out, options=ForgeOptions(**given))


def contents(folder: Path) -> dict[str, str]:
    """sha256 of every file below ``folder``, by relative path; the run's own report left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "forge-report.json"
    }


def executed(result):
    """The executed alloy as a Python value."""
    return json.loads(result.alloy.read_text())
