"""Attention heads of a checkpoint: which there are, where their bytes lie, and how they are taken out.

The unit that is removed is a whole key-value group: one key head, one value head and all query heads that
read them (with their gates, biases and sinks). Query head ``h`` reads key-value head
``h // (heads / kv heads)``, which is how transformers' ``repeat_kv`` pairs them; Ainslie et al., "GQA", 2023.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forge.families.adapter import FamilyAdapter
from forge.families.attention import AttentionLayout
from forge.families.language import at, places
from forge.tensors import cuts
from forge.tensors.model import ModelFolder, TensorRef
from forge.tensors.plan import TensorPlan
from verifier.errors import DocumentError, UsageError

DTYPES = ("BF16", "F16", "F32", "F64")
"""Dtypes of projections that can be pruned: in these, zero bytes are the number zero and stand alone."""

_MAX_LAYERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The attention heads of one checkpoint.

    Attributes:
        layout: the place that the checkpoint uses; ``others`` of a family's layout are resolved.
        layers: indices of the layers with softmax heads, ascending.
        heads: query heads in each of them.
        groups: key-value heads in each of them.
        size: numbers per head.
        hidden: size of the residual stream.
    """

    layout: AttentionLayout
    layers: tuple[int, ...]
    heads: int
    groups: int
    size: int
    hidden: int

    @property
    def span(self) -> int:
        """Query heads that share one key-value head."""
        return self.heads // self.groups

    @property
    def query_rows_per_group(self) -> int:
        """Rows of the query projection that belong to one group: per head its queries, then its gates."""
        return self.span * self.size * (2 if self.layout.query_gate else 1)

    def weights(self, layer: int) -> tuple[str, str, str, str]:
        """Names of query, key, value and output weight of ``layer``."""
        layout = self.layout
        templates = (layout.query, layout.key, layout.value, layout.output)
        q, k, v, o = (t.format(L=layer) for t in templates)
        return q, k, v, o


def located(layout: AttentionLayout, names: Mapping[str, object]) -> AttentionLayout:
    """The one of ``layout`` and its ``others`` whose query projections are among ``names``.

    Raises:
        DocumentError: none is, or more than one.
    """
    options = (layout, *layout.others)
    found = [o for o in options if any(o.query.format(L=i) in names for i in range(_layers_in(names)))]
    if len(found) != 1:
        raise DocumentError(
            f"tensor names: expected query projections named {' or '.join(o.query for o in options)}; "
            f"found {'both' if found else 'none'}",
            remedy="check source.architecture, or add the place to forge/families/attention.py",
        )
    return found[0]


def survey(adapter: FamilyAdapter, model: ModelFolder) -> Heads:
    """Find the heads of ``model``, and check that configuration and shapes agree about them.

    Raises:
        UsageError: the family's heads cannot be removed, or the weights are not in a float format.
        DocumentError: configuration and tensors contradict each other.
    """
    if adapter.attention is None:
        raise UsageError(
            f"{adapter.architecture}: expected a family with an attention layout; found none",
            remedy="leave the stage out; no head of this family can be removed",
        )
    layout = located(adapter.attention, model.tensors)
    where, *more = places(adapter, model.config)
    config = at(model.config, where)
    for other in more:
        _agree(config, at(model.config, other), where, other)
    heads = _count(config, "num_attention_heads")
    groups = _count(config, "num_key_value_heads", default=heads)
    hidden = _count(config, "hidden_size")
    size = _count(config, "head_dim", default=hidden // heads)
    if heads % groups:
        raise DocumentError(f"config.json: expected heads in equal groups; found {heads} over {groups}")
    layers = _softmax_layers(layout, config)
    found = Heads(layout=layout, layers=layers, heads=heads, groups=groups, size=size, hidden=hidden)
    _check_shapes(found, model)
    _check_others(found, model, _count(config, "num_hidden_layers"))
    return found


def plans(
    heads: Heads, model: ModelFolder, removed: Mapping[int, Sequence[int]], *, cut: bool
) -> Iterator[TensorPlan]:
    """The model without the ``removed`` groups, tensor by tensor.

    Args:
        heads: of ``model``.
        model: as it is now.
        removed: layer -> groups, ascending.
        cut: take their rows and columns out; otherwise set them to zero and keep every shape.
    """
    touched = _touched(heads, removed)
    for name, ref in model.tensors.items():
        if name not in touched:
            yield cuts.whole(ref)
            continue
        axis, gone = touched[name]
        if not cut:
            yield cuts.blank_rows(ref, gone) if axis == 0 else cuts.blank_columns(ref, gone)
            continue
        dead = set(gone)
        kept = [i for i in range(ref.shape[axis]) if i not in dead]
        yield cuts.keep_rows(ref, kept) if axis == 0 else cuts.keep_columns(ref, kept)


def _touched(heads: Heads, removed: Mapping[int, Sequence[int]]) -> dict[str, tuple[int, list[int]]]:
    """Tensor name -> (axis, indices that belong to removed groups)."""
    touched: dict[str, tuple[int, list[int]]] = {}
    for layer, groups in removed.items():
        if not groups:
            continue
        query = _indices(groups, heads.query_rows_per_group)
        keys = _indices(groups, heads.size)
        q, k, v, o = heads.weights(layer)
        touched |= {q: (0, query), k: (0, keys), v: (0, keys)}
        touched[o] = (1, _indices(groups, heads.span * heads.size))
        for template, rows in zip(heads.layout.biases, (query, keys, keys), strict=False):
            touched[template.format(L=layer)] = (0, rows)
        for template in heads.layout.per_head:
            touched[template.format(L=layer)] = (0, _indices(groups, heads.span))
    return touched


def _indices(groups: Sequence[int], step: int) -> list[int]:
    return [g * step + i for g in groups for i in range(step)]


def _layers_in(names: Mapping[str, object]) -> int:
    # every layer has at least one tensor, so a checkpoint has no layer beyond its number of tensors
    return min(len(names), _MAX_LAYERS)


def _count(config: Mapping[str, Any], key: str, *, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DocumentError(f"config.json: {key}: expected an integer of at least 1; found {value!r}")
    return value


def _agree(a: Mapping[str, Any], b: Mapping[str, Any], where: Sequence[str], other: Sequence[str]) -> None:
    for key in ("num_attention_heads", "num_key_value_heads", "head_dim", "hidden_size", "num_hidden_layers"):
        if key in a and key in b and a[key] != b[key]:
            raise DocumentError(
                f"config.json: expected the same {key} at /{'/'.join(where)} and /{'/'.join(other)}; "
                f"found {a[key]!r} and {b[key]!r}"
            )


def _softmax_layers(layout: AttentionLayout, config: Mapping[str, Any]) -> tuple[int, ...]:
    total = _count(config, "num_hidden_layers")
    if total > _MAX_LAYERS:
        raise DocumentError(f"config.json: num_hidden_layers: expected at most {_MAX_LAYERS}; found {total}")
    if layout.layers == "all":
        return tuple(range(total))
    kinds = config.get("layer_types")
    if kinds is None and config.get("full_attention_interval") is not None:
        step = _count(config, "full_attention_interval")
        return tuple(range(step - 1, total, step))
    if not isinstance(kinds, list) or len(kinds) != total:
        raise DocumentError(
            f"config.json: layer_types: expected a list of {total} kinds, or full_attention_interval; "
            f"found {str(kinds)[:80]}"
        )
    return tuple(i for i, kind in enumerate(kinds) if kind == "full_attention")


def _check_shapes(heads: Heads, model: ModelFolder) -> None:
    query, keys = heads.groups * heads.query_rows_per_group, heads.groups * heads.size
    width = heads.heads * heads.size
    shapes = ((query, heads.hidden), (keys, heads.hidden), (keys, heads.hidden), (heads.hidden, width))
    for layer in heads.layers:
        for name, shape in zip(heads.weights(layer), shapes, strict=True):
            _check(model.tensors.get(name), name, shape, model)
        optional = [*zip(heads.layout.biases, (query, keys, keys), strict=False)]
        optional += [(template, heads.heads) for template in heads.layout.per_head]
        for template, length in optional:
            name = template.format(L=layer)
            if name in model.tensors:
                _check(model.tensors[name], name, (length,), model)


def _check(ref: TensorRef | None, name: str, shape: tuple[int, ...], model: ModelFolder) -> None:
    if ref is None or tuple(ref.shape) != shape:
        raise DocumentError(
            f"{model.root}: {name}: expected shape {list(shape)}, as config.json says; "
            f"found {'no such tensor' if ref is None else list(ref.shape)}"
        )
    if ref.dtype not in DTYPES:
        raise UsageError(
            f"{name}: expected weights in one of {', '.join(DTYPES)}; found {ref.dtype}",
            remedy="dequantise the model first; heads of packed weights share scales with others",
        )


def _check_others(heads: Heads, model: ModelFolder, total: int) -> None:
    extra = sorted(
        name
        for layer in range(total)
        if layer not in set(heads.layers) and (name := heads.layout.query.format(L=layer)) in model.tensors
    )
    if extra:
        raise DocumentError(
            f"{model.root}: expected softmax heads in layers {list(heads.layers)} alone; found {extra[0]}"
        )
