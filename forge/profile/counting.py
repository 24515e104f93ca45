"""Watching routers: how often each expert is chosen, and how much its answer weighs.

``reap`` is the saliency of Lasby et al., "REAP the Experts: Why Pruning Prevails for One-Shot MoE
Compression" (2025, arXiv 2510.13999, equation 9): the mean, over the tokens that an expert is chosen for, of
its gate weight times the L2 norm of its answer. The gate weight is the one that the model itself applies,
with the family's own normalisation and scaling. An expert that is never chosen has saliency 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forge.profile.routers import RouterHook, RouterPlace
from forge.stages.base import Progress, silent
from forge.training.data import Batch
from verifier.errors import DocumentError

ROWS_AT_ONCE = 8192
"""Token-expert pairs whose answers are held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the routers did with a corpus.

    Attributes:
        counts: layer -> for each expert, how many tokens it was chosen for; exact.
        saliency: layer -> REAP for each expert; empty unless asked for.
        tokens: positions that were counted; padding is not among them.
    """

    counts: Mapping[int, tuple[int, ...]]
    saliency: Mapping[int, tuple[float, ...]]
    tokens: int


def tally(
    model: Any,
    places: Iterable[RouterPlace],
    hook: RouterHook,
    experts: Mapping[int, int],
    batches: Iterable[Batch],
    *,
    reap: bool = False,
    device: str = "cpu",
    total: int = 0,
    on_progress: Progress = silent,
) -> Tally:
    """Run ``batches`` through ``model`` and count.

    Args:
        model: a loaded transformers model, in evaluation mode.
        places: routers and experts to watch.
        hook: how the router answers.
        experts: layer -> number of experts.
        batches: padded batches; positions whose mask is 0 are not counted.
        reap: also compute the saliency, which about doubles the experts' work.
        device: where the model lies.
        total: number of batches, for progress.
        on_progress: told after every batch.

    Raises:
        DocumentError: a router answers in another form than ``hook`` says.
    """
    import torch

    watch = _Watch(hook, experts, device)
    handles = []
    modules = dict(model.named_modules())
    for place in places:
        handles.append(modules[place.router].register_forward_hook(watch.router(place)))
        if reap:
            handles.append(modules[place.experts].register_forward_pre_hook(watch.experts(place)))
    tokens = 0
    try:
        with torch.inference_mode():
            for done, batch in enumerate(batches, start=1):
                here = batch.to(device)
                watch.mask = here.mask.reshape(-1).bool()
                tokens += int(here.mask.sum())
                model(input_ids=here.ids, attention_mask=here.mask, use_cache=False)
                on_progress("profile", done, max(total, done))
    finally:
        for handle in handles:
            handle.remove()
    return Tally(counts=watch.counted(), saliency=watch.weighted() if reap else {}, tokens=tokens)


class _Watch:
    """Sums of all layers, kept on the device."""

    def __init__(self, hook: RouterHook, experts: Mapping[int, int], device: str) -> None:
        import torch

        self._hook = hook
        self.mask: Any = None
        self._counts = {k: torch.zeros(n, dtype=torch.int64, device=device) for k, n in experts.items()}
        self._sums = {k: torch.zeros(n, dtype=torch.float64, device=device) for k, n in experts.items()}

    def router(self, place: RouterPlace) -> Any:
        """Hook that counts the choices of one layer."""
        counts = self._counts[place.layer]

        def count(_module: Any, _args: Any, answer: Any) -> None:
            chosen = self._part(answer, self._hook.indices, place)[self.mask].reshape(-1)
            ones = chosen.new_ones(chosen.shape)
            counts.scatter_add_(0, chosen, ones)

        return count

    def experts(self, place: RouterPlace) -> Any:
        """Hook that measures the answers of the experts of one layer, each token-expert pair by itself."""
        import torch

        sums = self._sums[place.layer]

        def measure(module: Any, args: Any) -> None:
            hidden, indices, weights = (a.reshape(-1, a.shape[-1])[self.mask] for a in args[:3])
            chosen = indices.shape[-1]
            step = max(1, ROWS_AT_ONCE // chosen)
            for i in range(0, hidden.shape[0], step):
                rows = hidden[i : i + step].repeat_interleave(chosen, 0)
                which = indices[i : i + step].reshape(-1, 1)
                gate = weights[i : i + step].reshape(-1)
                alone = module.forward(rows, which, gate.new_ones(which.shape))
                norms = torch.linalg.vector_norm(alone.float(), dim=-1)
                sums.index_add_(0, which.reshape(-1), norms.double() * gate.double())

        return measure

    def counted(self) -> dict[int, tuple[int, ...]]:
        return {layer: tuple(c.tolist()) for layer, c in sorted(self._counts.items())}

    def weighted(self) -> dict[int, tuple[float, ...]]:
        sums = {layer: s.tolist() for layer, s in sorted(self._sums.items())}
        counts = self.counted()
        return {
            layer: tuple(s / n if n else 0.0 for s, n in zip(values, counts[layer], strict=True))
            for layer, values in sums.items()
        }

    def _part(self, answer: Any, position: int, place: RouterPlace) -> Any:
        part = answer[position] if isinstance(answer, tuple) and len(answer) > position else None
        experts = self._counts[place.layer].numel()
        rows = self.mask.numel()
        if part is None or part.dtype.is_floating_point or part.dim() != 2 or part.shape[0] != rows:
            found = type(answer).__name__ if part is None else f"{part.dtype} of shape {tuple(part.shape)}"
            raise DocumentError(
                f"router {place.router}: expected the chosen experts of {rows} tokens at position {position} "
                f"of its answer; found {found}",
                remedy="this version of transformers answers otherwise: mend forge/profile/routers.py",
            )
        if int(part.max()) >= experts or int(part.min()) < 0:
            raise DocumentError(f"router {place.router}: expected experts below {experts}; found others")
        return part
