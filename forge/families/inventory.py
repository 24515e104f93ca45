"""Which tensors of a checkpoint are routers and experts, layer by layer; complete, or refused by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forge.families.layouts import ExpertLayout, Part, Place
from verifier.errors import DocumentError

Shapes = Mapping[str, Sequence[int]]
"""Tensor name -> its dimensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertLayer:
    """The mixture of experts of one layer.

    Attributes:
        layer: its number.
        count: how many experts it has.
        experts: per expert the names of the tensors that it owns (companions among them), in name order;
            empty where experts are fused.
        stacked: names of the tensors whose axis 0 counts experts, the router's weight first.
        shared: names of the tensors of always-active experts.
    """

    layer: int
    count: int
    experts: tuple[tuple[str, ...], ...]
    stacked: tuple[str, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What expert pruning finds in a checkpoint.

    Attributes:
        layout: the form in which the checkpoint keeps its experts.
        layers: the layers that have experts, ascending. Others (dense ones) are not listed.
    """

    layout: ExpertLayout
    layers: tuple[ExpertLayer, ...]


def take(layout: ExpertLayout, shapes: Shapes) -> Inventory:
    """The inventory of a checkpoint.

    Every layer that has a router or an expert has to be complete, and everything below its block has to be
    known: this is what tells layouts apart whose routed experts have the same names.

    Args:
        layout: the family's layout; its ``alternatives`` are tried too.
        shapes: every tensor of the checkpoint.

    Raises:
        DocumentError: the checkpoint has another layout, or a tensor is missing, odd or of a wrong shape; the
            message names it.
    """
    forms = [form for form in (layout, *layout.alternatives) if _has_experts(form, shapes)]
    if len(forms) != 1:
        raise DocumentError(
            f"experts: expected tensors named like {_like(layout)};"
            f" found {' and '.join(_like(form) for form in forms) or 'none'}",
            remedy="the checkpoint is of another family, or mixes two forms of one",
        )
    form = forms[0]
    by_layer: dict[int, dict[str, Place]] = {}
    for name in sorted(shapes):
        place = form.place(name)
        if place is not None:
            by_layer.setdefault(place.layer, {})[name] = place
    _refuse_unknown(form, shapes, by_layer)
    return Inventory(
        layout=form, layers=tuple(_layer(form, n, by_layer[n], shapes) for n in sorted(by_layer))
    )


def _like(form: ExpertLayout) -> str:
    return form.experts[0]


def _has_experts(form: ExpertLayout, shapes: Shapes) -> bool:
    places = (form.place(name) for name in shapes)
    return any(place is not None and place.part is Part.EXPERT for place in places)


def _refuse_unknown(form: ExpertLayout, shapes: Shapes, by_layer: Mapping[int, Mapping[str, Place]]) -> None:
    blocks = {form.block(layer): places for layer, places in by_layer.items()}
    depth = form.block(0).count(".")
    for name in sorted(shapes):
        block = ".".join(name.split(".")[:depth]) + "."
        if block in blocks and name not in blocks[block]:
            raise _wrong(name, f"only tensors of the layout {form.name} below {block}", "this one")


def _layer(form: ExpertLayout, layer: int, places: Mapping[str, Place], shapes: Shapes) -> ExpertLayer:
    router = form.router_name(layer)
    if router not in places:
        raise _wrong(router, f"a router for the experts of layer {layer}", "none")
    count = _first_axis(router, shapes)
    experts: list[list[str]] = [[] for _ in range(0 if form.fused else count)]
    stacked, shared = [router], []
    for name, place in places.items():
        if place.part is Part.SHARED:
            shared.append(name)
        elif place.expert is not None:
            if place.expert >= count:
                raise _wrong(name, f"experts 0 to {count - 1}, as the router {router} has rows", "this one")
            experts[place.expert].append(name)
        elif name != router:
            if _first_axis(name, shapes) != count:
                raise _wrong(name, f"axis 0 of {count} experts", f"shape {list(shapes[name])}")
            stacked.append(name)
    _refuse_missing(form, layer, count, places)
    return ExpertLayer(
        layer=layer,
        count=count,
        experts=tuple(tuple(own) for own in experts),
        stacked=tuple(stacked),
        shared=tuple(shared),
    )


def _refuse_missing(form: ExpertLayout, layer: int, count: int, places: Mapping[str, Place]) -> None:
    owners = [0] if form.fused else range(count)
    wanted = [name for k in owners for name in form.expert_names(layer, k)]
    wanted += [t.format(L=layer) for t in form.shared]
    for name in wanted:
        if name not in places:
            raise _wrong(name, f"a tensor of the experts of layer {layer}", "none")


def _first_axis(name: str, shapes: Shapes) -> int:
    shape = shapes[name]
    if not shape or shape[0] < 1:
        raise _wrong(name, "axis 0 to count experts", f"shape {list(shape)}")
    return int(shape[0])


def _wrong(name: str, expected: str, found: str) -> DocumentError:
    return DocumentError(
        f"{name}: expected {expected}; found {found}",
        remedy="the checkpoint is incomplete, or another layout than its family's",
    )
