"""Two tiny models held in memory, made without torch: a dense one and a mixture of experts."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from forge.families.layouts import UNFUSED
from forge.reference import weights
from forge.tensors.safetensors import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Shape of a tiny transformer.

    Attributes:
        seed: starts every tensor's stream.
        layers: number of layers.
        vocab: number of tokens (one per ASCII character).
        hidden: width of the residual stream.
        heads: attention heads per layer.
        kv_heads: key-value heads per layer; each serves ``heads / kv_heads`` heads.
        head_dim: width of a head.
        inner: width of the feed-forward layer, or of one expert.
        experts: experts per layer; 0 for a dense model.
        active: experts that each token is routed to.
    """

    seed: str
    layers: int = 2
    vocab: int = 128
    hidden: int = 32
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 4
    inner: int = 64
    experts: int = 0
    active: int = 0


DENSE = Geometry(seed="alloy-reference/llama-tiny/1")
MOE = Geometry(seed="alloy-reference/qwen3-moe-tiny/1", layers=3, inner=16, experts=8, active=2)


def dense_model(g: Geometry) -> list[Tensor]:
    """A Llama model: tied to nothing, no biases."""
    tensors = list(_outside(g))
    for layer in range(g.layers):
        tensors += _attention(g, layer)
        for name, shape in _gated(g):
            tensors.append(weights.tensor(g.seed, f"model.layers.{layer}.mlp.{name}.weight", shape))
    return tensors


def moe_model(g: Geometry) -> list[Tensor]:
    """A Qwen3 mixture of experts: per-head norms in attention, one tensor per expert and projection."""
    tensors = list(_outside(g))
    for layer in range(g.layers):
        tensors += _attention(g, layer)
        for norm in ("q_norm", "k_norm"):
            tensors.append(ones(f"model.layers.{layer}.self_attn.{norm}.weight", g.head_dim))
        tensors.append(weights.tensor(g.seed, UNFUSED.router_name(layer), (g.experts, g.hidden)))
        for expert in range(g.experts):
            shapes = [shape for _, shape in _gated(g)]
            for name, shape in zip(UNFUSED.expert_names(layer, expert), shapes, strict=True):
                tensors.append(weights.tensor(g.seed, name, shape))
    return tensors


def ones(name: str, size: int) -> Tensor:
    """A norm's weight: float32 ones."""
    return Tensor(name=name, dtype="F32", shape=(size,), data=struct.pack("<f", 1.0) * size)


def _outside(g: Geometry) -> Iterator[Tensor]:
    yield weights.tensor(g.seed, "model.embed_tokens.weight", (g.vocab, g.hidden))
    yield ones("model.norm.weight", g.hidden)
    yield weights.tensor(g.seed, "lm_head.weight", (g.vocab, g.hidden))


def _attention(g: Geometry, layer: int) -> list[Tensor]:
    prefix = f"model.layers.{layer}"
    rows = {"q": g.heads * g.head_dim, "k": g.kv_heads * g.head_dim, "v": g.kv_heads * g.head_dim}
    tensors = [
        weights.tensor(g.seed, f"{prefix}.self_attn.{p}_proj.weight", (n, g.hidden)) for p, n in rows.items()
    ]
    tensors.append(weights.tensor(g.seed, f"{prefix}.self_attn.o_proj.weight", (g.hidden, rows["q"])))
    for norm in ("input_layernorm", "post_attention_layernorm"):
        tensors.append(ones(f"{prefix}.{norm}.weight", g.hidden))
    return tensors


def _gated(g: Geometry) -> list[tuple[str, tuple[int, int]]]:
    return [
        ("gate_proj", (g.inner, g.hidden)),
        ("up_proj", (g.inner, g.hidden)),
        ("down_proj", (g.hidden, g.inner)),
    ]
