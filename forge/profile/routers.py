"""Where transformers keeps in memory the routers and experts that a layout names on disk.

Checkpoints keep the names that their makers gave them; transformers (5 and later) renames and fuses on
loading, so that the router of a layer is one module that returns ``(logits, weights, indices)`` and the
experts of a layer are another one that is called with ``(hidden states, indices, weights)``. A
:class:`RouterHook` says under which names, one per expert layout. Whatever is hooked is compared with the
bytes on disk first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forge.families import inventory, layouts
from forge.families.adapter import FamilyAdapter
from forge.families.language import language_config
from forge.families.layouts import ExpertLayout
from forge.tensors.model import ModelFolder
from verifier.errors import RegistryError


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterHook:
    """Names of modules below a decoder layer, and what the router returns.

    Attributes:
        routers: names that the router's module may have below ``layers.{L}.``; exactly one has to exist.
        experts: name of the module that computes all routed experts of the layer.
        weights: position of the gate weights in the router's answer, shape (tokens, chosen).
        indices: position of the chosen experts' ids in it, same shape.
    """

    routers: tuple[str, ...]
    experts: str
    weights: int = 1
    indices: int = 2


_MLP = RouterHook(routers=("mlp.gate", "mlp.router"), experts="mlp.experts")  # PhiMoE and gpt-oss: router
_BLOCK_SPARSE = RouterHook(routers=("block_sparse_moe.router",), experts="block_sparse_moe.experts")

_HOOKS: dict[str, RouterHook] = {
    **dict.fromkeys(layouts.names(), _MLP),
    layouts.GRANITE_FUSED.name: _BLOCK_SPARSE,
}
"""Layout name -> hook. transformers 5 gives nearly all families the same names in memory."""


def register(layout: str, hook: RouterHook) -> None:
    """Add the hook of a layout.

    Raises:
        RegistryError: the layout has one already.
    """
    if layout in _HOOKS:
        raise RegistryError(f"router hook of {layout!r}: expected a free name; found it taken")
    _HOOKS[layout] = hook


def of(layout: ExpertLayout) -> RouterHook:
    """The hook of ``layout``.

    Raises:
        RegistryError: none is registered.
    """
    try:
        return _HOOKS[layout.name]
    except KeyError:
        raise RegistryError(
            f"router hook: expected one for layout {layout.name!r}; found {', '.join(sorted(_HOOKS))}",
            remedy="add the layout to forge/profile/routers.py",
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routers:
    """The routers of a checkpoint that a forward pass uses.

    Attributes:
        hook: how they answer in memory.
        names: layer -> name of the router's weight on disk.
        experts: layer -> how many experts it chooses from.
    """

    hook: RouterHook
    names: Mapping[int, str]
    experts: Mapping[int, int]


def on_disk(adapter: FamilyAdapter, model: ModelFolder) -> Routers:
    """The routers of ``model``; dense layers, and layers that only predict further tokens, have none.

    Raises:
        DocumentError: the checkpoint and the family's layout do not go together.
        RegistryError: the family has no layout, or the layout no hook.
    """
    if adapter.layout is None:
        raise RegistryError(f"{adapter.architecture}: expected an expert layout; found none")
    found = inventory.take(adapter.layout, {name: ref.shape for name, ref in model.tensors.items()})
    top = language_config(adapter, model.config).get(found.layout.layers_key)
    layers = [x for x in found.layers if not isinstance(top, int) or x.layer < top]
    return Routers(
        hook=of(found.layout),
        names={x.layer: found.layout.router_name(x.layer) for x in layers},
        experts={x.layer: x.count for x in layers},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPlace:
    """Full module names of one layer's router and experts."""

    layer: int
    router: str
    experts: str


def locate(hook: RouterHook, layers: Iterable[int], modules: Mapping[str, object]) -> tuple[RouterPlace, ...]:
    """Where in ``modules`` (full name -> module) the routers and experts of ``layers`` are.

    Raises:
        RegistryError: a layer's router or experts are missing, or there are several candidates.
    """
    found = []
    for layer in layers:
        router = _only(f"layers.{layer}.", hook.routers, modules)
        prefix = router[: router.rindex(f"layers.{layer}.")]
        experts = _only(f"{prefix}layers.{layer}.", (hook.experts,), modules)
        found.append(RouterPlace(layer=layer, router=router, experts=experts))
    return tuple(found)


def _only(prefix: str, names: tuple[str, ...], modules: Mapping[str, object]) -> str:
    wanted = tuple(prefix + name for name in names)
    found = [m for m in modules if any(m == w or m.endswith(f".{w}") for w in wanted)]
    if len(found) != 1:
        raise RegistryError(
            f"loaded model: expected one module named {' or '.join(wanted)}; "
            f"found {', '.join(found) or 'none'}",
            remedy="this version of transformers arranges the family differently: mend "
            "forge/profile/routers.py",
        )
    return found[0]
