"""Base models that need no torch to be made, and recipes over them."""

import hashlib
import json
from pathlib import Path

from forge.engine import ForgeOptions, forge
from forge.tensors.safetensors import serialise
from tests.unit.forge import geometry as models

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


def dense_base(folder: Path) -> Path:
    """A complete Llama folder: 64 tokens of context, 8 heads in 4 groups, 2 layers."""
    g = models.DENSE
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": g.vocab,
        "hidden_size": g.hidden,
        "intermediate_size": g.inner,
        "num_hidden_layers": g.layers,
        "num_attention_heads": g.heads,
        "num_key_value_heads": g.kv_heads,
        "head_dim": g.head_dim,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    return _folder(folder, config, models.dense_model(g))


def moe_base(folder: Path) -> Path:
    """A complete Qwen3-MoE folder: 8 experts in each of 3 layers."""
    g = models.MOE
    config = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "vocab_size": g.vocab,
        "hidden_size": g.hidden,
        "intermediate_size": g.inner,
        "moe_intermediate_size": g.inner,
        "num_hidden_layers": g.layers,
        "num_attention_heads": g.heads,
        "num_key_value_heads": g.kv_heads,
        "head_dim": g.head_dim,
        "num_experts": g.experts,
        "num_experts_per_tok": g.active,
        "decoder_sparse_step": 1,
        "norm_topk_prob": True,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    return _folder(folder, config, models.moe_model(g))


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
