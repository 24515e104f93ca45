"""Expert pruning of the mixture-of-experts reference model, from a recorded selection.

The profile is exact: a token's embedding times the router's rows, all in integers, so the experts that a
corpus picks are the same on every machine. It looks at the embedding alone (no attention, no residual),
which is why its metric version has a name of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from forge.families.layouts import UNFUSED
from forge.reference import weights
from forge.reference.models import Geometry
from forge.tensors import surgery
from forge.tensors.safetensors import Tensor

Selection = Mapping[int, Sequence[int]]
"""Layer -> experts that are kept, ascending; they are renumbered in this order."""


def profile(g: Geometry, text: str) -> dict[int, list[int]]:
    """Per layer: how often each expert is among the ``active`` best for a character of ``text``."""
    embeddings = weights.integers(g.seed, "model.embed_tokens.weight", (g.vocab, g.hidden))
    counts: dict[int, int] = {}
    for character in text:
        token = ord(character) % g.vocab
        counts[token] = counts.get(token, 0) + 1
    result = {}
    for layer in range(g.layers):
        router = weights.integers(g.seed, UNFUSED.router_name(layer), (g.experts, g.hidden))
        totals = [0] * g.experts
        for token, times in counts.items():
            logits = [sum(a * b for a, b in zip(embeddings[token], row, strict=True)) for row in router]
            for expert in sorted(range(g.experts), key=lambda e: (-logits[e], e))[: g.active]:
                totals[expert] += times
        result[layer] = totals
    return result


def most_used(profile_: Mapping[int, Sequence[int]], keep: int) -> dict[int, list[int]]:
    """Per layer the ``keep`` experts with the highest counts; ties go to the lower index."""
    return {
        layer: sorted(sorted(range(len(counts)), key=lambda e: (-counts[e], e))[:keep])
        for layer, counts in profile_.items()
    }


def prune(g: Geometry, tensors: Sequence[Tensor], selection: Selection) -> list[Tensor]:
    """Drop what is not selected, renumber what stays, cut the routers' rows to match."""
    rename: dict[str, str | None] = {}
    routers = {UNFUSED.router_name(layer): kept for layer, kept in selection.items()}
    for layer, kept in selection.items():
        for expert in range(g.experts):
            new = UNFUSED.expert_names(layer, kept.index(expert)) if expert in kept else None
            for i, old in enumerate(UNFUSED.expert_names(layer, expert)):
                rename[old] = new[i] if new is not None else None
    result = []
    for tensor in tensors:
        name = rename.get(tensor.name, tensor.name)
        if name is None:
            continue
        cut = surgery.keep_rows(tensor, routers[tensor.name]) if tensor.name in routers else tensor
        result.append(replace(cut, name=name))
    return result
