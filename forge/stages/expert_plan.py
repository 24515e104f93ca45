"""What becomes of each tensor and of the configuration when only some experts stay. Writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forge.families import inventory
from forge.families.adapter import FamilyAdapter
from forge.families.inventory import ExpertLayer
from forge.families.language import at, places, replaced
from forge.families.layouts import ExpertLayout
from forge.stages.selection import Kept
from forge.tensors import cuts
from forge.tensors.model import ModelFolder
from forge.tensors.plan import TensorPlan
from verifier.errors import DocumentError, RegistryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The experts of a checkpoint, as its tensors and its configuration agree on them.

    Attributes:
        layout: the form in which the checkpoint keeps them.
        layers: layers with experts that the model runs, ascending.
        beyond: layers with experts beyond the model's last one, which predict further tokens.
        depth: layers of the model, with and without experts.
        count: experts per layer.
        active: experts that a token uses.
        groups: equal groups into which routers divide the experts; 1 if they know none.
        open_groups: groups that a token may use.
    """

    layout: ExpertLayout
    layers: tuple[ExpertLayer, ...]
    beyond: tuple[ExpertLayer, ...]
    depth: int
    count: int
    active: int
    groups: int
    open_groups: int


def survey(model: ModelFolder, adapter: FamilyAdapter) -> Experts:
    """Find the experts of ``model``.

    Raises:
        RegistryError: the family has no experts.
        DocumentError: a tensor is missing or odd, or tensors and configuration disagree.
    """
    if adapter.layout is None:
        raise RegistryError(f"{adapter.architecture}: expected an expert layout; found none")
    found = inventory.take(adapter.layout, {name: ref.shape for name, ref in model.tensors.items()})
    layout = found.layout
    where = places(adapter, model.config)[0]
    depth = _number(model.config, where, (layout.layers_key,), "the number of layers")
    count = _number(model.config, where, layout.count_keys, "the number of experts")
    active = _number(model.config, where, layout.active_keys, "the experts per token")
    for layer in found.layers:
        if layer.count != count:
            raise DocumentError(
                f"{layer.stacked[0]}: expected rows for {count} experts, as config.json says;"
                f" found {layer.count}"
            )
    groups, open_groups = _groups(model.config, where, layout, count)
    return Experts(
        layout=layout,
        layers=tuple(x for x in found.layers if x.layer < depth),
        beyond=tuple(x for x in found.layers if x.layer >= depth),
        depth=depth,
        count=count,
        active=active,
        groups=groups,
        open_groups=open_groups,
    )


def _groups(
    config: Mapping[str, Any], where: tuple[str, ...], layout: ExpertLayout, count: int
) -> tuple[int, int]:
    """Groups into which the router divides the experts, and how many of them a token may use."""
    part = at(config, where)
    if not layout.group_key or part.get(layout.group_key) is None:
        return 1, 1
    groups = _number(config, where, (layout.group_key,), "the number of expert groups")
    if count % groups:
        raise DocumentError(
            f"config.json: {layout.group_key}: expected a number that divides {count} experts;"
            f" found {groups}",
            pointer=_pointer((*where, layout.group_key)),
        )
    if groups == 1:
        return 1, 1
    return groups, min(groups, _number(config, where, (layout.open_key,), "the groups of a token"))


def check(kept: Kept, experts: Experts, *, pointer: str = "") -> int:
    """Whether the model still loads and routes with the experts that stay; returns how many stay per layer.

    Stock loaders read one number of experts for all layers, so every layer has to keep as many.

    Args:
        kept: the selection.
        experts: of the checkpoint.
        pointer: where the selection stands, for messages.

    Raises:
        DocumentError: a layer is missing or has no experts, ids are wrong, counts differ, are below what a
            token uses, or do not fit the router's groups.
    """
    known = {x.layer for x in (*experts.layers, *experts.beyond)}
    missing = sorted({x.layer for x in experts.layers} - set(kept))
    if missing or set(kept) - known:
        found = f"none for layer {missing[0]}" if missing else f"layer {min(set(kept) - known)}"
        raise DocumentError(
            f"selection: expected the {len(experts.layers)} layers that have experts; found {found}",
            pointer=pointer,
        )
    counts = {len(ids) for ids in kept.values()}
    if len(counts) != 1:
        raise DocumentError(
            f"selection: expected one number of experts in all layers; found {min(counts)} to {max(counts)}",
            pointer=pointer,
            remedy="loaders read one number for all layers from config.json; keep as many in each",
        )
    for layer, ids in kept.items():
        if list(ids) != sorted(set(ids)) or ids[0] < 0 or ids[-1] >= experts.count:
            raise DocumentError(
                f"selection: layer {layer}: expected ascending ids below {experts.count}; found {[*ids]}",
                pointer=pointer,
            )
        _check_groups(layer, ids, experts, pointer)
    count = counts.pop()
    if count < experts.active:
        raise DocumentError(
            f"selection: expected at least the {experts.active} experts that a token uses; found {count}",
            pointer=pointer,
        )
    return count


def _check_groups(layer: int, ids: Sequence[int], experts: Experts, pointer: str) -> None:
    if experts.groups == 1:
        return
    size = experts.count // experts.groups
    held = [sum(e // size == group for e in ids) for group in range(experts.groups)]
    if len(set(held)) != 1:
        raise DocumentError(
            f"selection: layer {layer}: expected as many experts from each of the router's {experts.groups}"
            f" groups; found {held}",
            pointer=pointer,
            remedy="the router judges groups of equal size, in order of the ids",
        )
    least = max(experts.layout.group_minimum, -(-experts.active // experts.open_groups))
    if held[0] < least:
        raise DocumentError(
            f"selection: layer {layer}: expected at least {least} experts in each group; found {held[0]}",
            pointer=pointer,
            remedy=f"a token's {experts.active} experts come from {experts.open_groups} groups",
        )


def plans(model: ModelFolder, experts: Experts, kept: Kept) -> list[TensorPlan]:
    """Every tensor of the result in order of names: dropped, renamed and cut as the selection says.

    The experts that stay are numbered from 0 in the order of their ids; what is no router and no expert of a
    selected layer stays as it is.
    """
    renamed, cut, dropped = _fates(experts, kept)
    result = []
    for name, ref in model.tensors.items():
        if name in dropped:
            continue
        if name in cut:
            result.append(cuts.keep_rows(ref, cut[name]))
        else:
            result.append(cuts.whole(ref, renamed.get(name)))
    return sorted(result, key=lambda plan: plan.name)


def _fates(
    experts: Experts, kept: Kept
) -> tuple[Mapping[str, str], Mapping[str, Sequence[int]], frozenset[str]]:
    """Old name -> new name; name -> rows that stay; names that go."""
    renamed: dict[str, str] = {}
    cut: dict[str, Sequence[int]] = {}
    dropped: set[str] = set()
    for layer in (*experts.layers, *experts.beyond):
        ids = kept.get(layer.layer)
        if ids is None:
            continue
        cut.update(dict.fromkeys(layer.stacked, ids))
        new = {old: place for place, old in enumerate(ids)}
        for old, names in enumerate(layer.experts):
            if old in new:
                renamed.update((n, _renumbered(experts.layout, n, new[old])) for n in names)
            else:
                dropped.update(names)
    return renamed, cut, frozenset(dropped)


def _renumbered(layout: ExpertLayout, name: str, expert: int) -> str:
    place = layout.place(name)
    assert place is not None, name
    return place.template.format(L=place.layer, K=expert) + place.suffix


def new_config(
    model: ModelFolder, adapter: FamilyAdapter, layout: ExpertLayout, count: int
) -> dict[str, Any]:
    """The configuration with the number of experts that stay, under the keys that state it already."""
    config: dict[str, Any] = dict(model.config)
    for where in places(adapter, config):
        part = at(config, where)
        stated = {key: count for key in layout.count_keys if part.get(key) is not None}
        config = replaced(config, where, stated)
    return config


def config_keys(model: ModelFolder, adapter: FamilyAdapter, layout: ExpertLayout) -> tuple[str, ...]:
    """Pointers to the configuration's keys that state the number of experts."""
    return tuple(
        _pointer((*where, key))
        for where in places(adapter, model.config)
        for key in layout.count_keys
        if at(model.config, (*where, key)) is not None
    )


def _number(config: Mapping[str, Any], where: tuple[str, ...], keys: Iterable[str], what: str) -> int:
    part, wanted = at(config, where), tuple(keys)
    found = {key: part[key] for key in wanted if part.get(key) is not None}
    if not found:
        raise DocumentError(
            f"config.json: expected {what} under {' or '.join(wanted)}; found none", pointer=_pointer(where)
        )
    for key, value in found.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DocumentError(
                f"config.json: {key}: expected {what}, a positive integer; found {value!r:.60}",
                pointer=_pointer((*where, key)),
            )
    if len(set(found.values())) != 1:
        raise DocumentError(
            f"config.json: expected {what} once; found {', '.join(f'{k} {v}' for k, v in found.items())}",
            pointer=_pointer(where),
        )
    return int(next(iter(found.values())))


def _pointer(path: Sequence[str]) -> str:
    return "".join(f"/{key}" for key in path)
