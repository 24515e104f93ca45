"""Head pruning of the dense reference model: from a recorded selection, in pad mode or sliced."""

from collections.abc import Mapping, Sequence

from forge.reference import weights
from forge.reference.models import Geometry
from forge.tensors import surgery
from forge.tensors.safetensors import Tensor

Selection = Mapping[int, Sequence[int]]
"""Layer -> key-value groups that are removed, ascending."""


def by_magnitude(g: Geometry, remove: int) -> dict[int, list[int]]:
    """Per layer the ``remove`` groups with the smallest sum of squares; ties go to the lower index."""
    return {layer: sorted(_ranked(_energies(g, layer))[:remove]) for layer in range(g.layers)}


def by_hash(g: Geometry, remove: int) -> dict[int, list[int]]:
    """Per layer ``remove`` groups picked without looking at the weights: a fixed arbitrary choice."""
    chosen = {}
    for layer in range(g.layers):
        lots = weights.stream(g.seed, f"arbitrary-heads/{layer}", g.kv_heads)
        chosen[layer] = sorted(_ranked(list(lots))[:remove])
    return chosen


def energies(g: Geometry) -> dict[int, list[int]]:
    """Per layer and group: sum of squares of its q, k and v weights, in units of 2**-20."""
    return {layer: _energies(g, layer) for layer in range(g.layers)}


def pad(g: Geometry, tensors: Sequence[Tensor], selection: Selection) -> list[Tensor]:
    """Removed heads become zero; every shape stays."""
    cuts = _cuts(g, selection)
    return [_apply(t, cuts.get(t.name), keep=False) for t in tensors]


def cut(g: Geometry, tensors: Sequence[Tensor], selection: Selection) -> list[Tensor]:
    """Removed heads are cut out; whole groups go, so heads stay a multiple of key-value heads."""
    cuts = _cuts(g, selection)
    return [_apply(t, cuts.get(t.name), keep=True) for t in tensors]


def _energies(g: Geometry, layer: int) -> list[int]:
    span = g.heads // g.kv_heads
    totals = [0] * g.kv_heads
    for projection, heads in (("q", g.heads), ("k", g.kv_heads), ("v", g.kv_heads)):
        name = f"model.layers.{layer}.self_attn.{projection}_proj.weight"
        for row, values in enumerate(weights.integers(g.seed, name, (heads * g.head_dim, g.hidden))):
            head = row // g.head_dim
            totals[head // span if projection == "q" else head] += sum(v * v for v in values)
    return totals


def _ranked(scores: Sequence[int]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: (scores[i], i))


def _cuts(g: Geometry, selection: Selection) -> dict[str, tuple[int, list[int]]]:
    """Tensor name -> (axis, indices that belong to removed heads)."""
    span, cuts = g.heads // g.kv_heads, {}
    for layer, groups in selection.items():
        kv = [n * g.head_dim + i for n in groups for i in range(g.head_dim)]
        q = [n * span * g.head_dim + i for n in groups for i in range(span * g.head_dim)]
        prefix = f"model.layers.{layer}.self_attn"
        cuts[f"{prefix}.q_proj.weight"] = (0, q)
        cuts[f"{prefix}.k_proj.weight"] = (0, kv)
        cuts[f"{prefix}.v_proj.weight"] = (0, kv)
        cuts[f"{prefix}.o_proj.weight"] = (1, q)
    return cuts


def _apply(tensor: Tensor, cut_at: tuple[int, list[int]] | None, *, keep: bool) -> Tensor:
    if cut_at is None:
        return tensor
    axis, gone = cut_at
    if not keep:
        return surgery.blank_rows(tensor, gone) if axis == 0 else surgery.blank_columns(tensor, gone)
    left = [i for i in range(tensor.shape[axis]) if i not in set(gone)]
    return surgery.keep_rows(tensor, left) if axis == 0 else surgery.keep_columns(tensor, left)
