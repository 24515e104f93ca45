"""How important key-value groups are on a calibration corpus. Needs torch; the numbers are the device's.

Of a group it is the mean of its query heads' values. A text counts as a sequence of its own, alone in its
batch, so that no padding is seen; sums are kept in float64, in the order of the texts.

* ``activation-magnitude``: mean over tokens of the L2 norm of a head's output, as the output projection
  reads it (in gated families after the gate).
* ``entropy``: 1 - mean over tokens of H / ln(n), where H is the entropy (natural logarithm) of a head's
  attention over the n positions that the token may look at; the first token, which has no choice, is left
  out. A head that looks everywhere alike is the least important. Clark et al., "What Does BERT Look At?",
  2019.
* ``gradient``: mean over texts of the absolute derivative of the text's loss by a factor on the head's
  output, at factor 1. Michel et al., "Are Sixteen Heads Really Better than One?", 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forge import loading
from forge.stages.base import Progress, silent
from forge.stages.heads import Heads
from verifier.errors import DocumentError, UsageError

if TYPE_CHECKING:
    import torch

Sums = dict[int, "torch.Tensor"]
"""Layer -> one float64 per query head."""


def measure(
    strategy: str,
    heads: Heads,
    folder: Path,
    texts: Sequence[str],
    *,
    length: int,
    device: str = "cpu",
    on_progress: Progress = silent,
) -> tuple[dict[int, list[float]], int]:
    """Importance of each group of each layer, and the number of tokens that were seen.

    Args:
        strategy: one of :data:`STRATEGIES`.
        heads: of the model.
        folder: the model with its tokenizer.
        texts: the calibration corpus.
        length: tokens of a text that are used; the rest of a longer one is left out.
        device: ``cpu`` or a torch device.
        on_progress: told the texts done.

    Raises:
        EvidenceMissingError: torch, transformers or the tokenizer is missing.
        UsageError: no text has two tokens, or the model cannot be loaded.
        DocumentError: the loaded model has no attention where the family says.
    """
    loading.need("torch", "transformers")
    import torch

    tokenizer = loading.load_tokenizer(folder)
    model = loading.load_model(folder, device=device)
    model.set_attn_implementation("eager")  # the only one that gives attention weights; the same for all
    modules = _modules(model, heads)
    sums: Sums = {layer: torch.zeros(heads.heads, dtype=torch.float64) for layer in heads.layers}
    tokens = used = 0
    for done, text in enumerate(texts):
        on_progress(f"measuring heads ({strategy})", done, len(texts))
        ids = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")["input_ids"]
        if ids.shape[1] < 2:
            continue
        STRATEGIES[strategy](model, modules, heads, ids.to(device), sums)
        tokens, used = tokens + ids.shape[1], used + 1
    if used == 0:
        raise UsageError("calibration corpus: expected a text of at least two tokens; found none")
    weight = {"activation-magnitude": tokens, "entropy": tokens - used, "gradient": used}[strategy]
    on_progress(f"measuring heads ({strategy})", len(texts), len(texts))
    return {layer: _by_group(total / weight, heads) for layer, total in sums.items()}, tokens


def _output_norms(model: Any, modules: dict[int, Any], heads: Heads, ids: torch.Tensor, sums: Sums) -> None:
    import torch

    def see(layer: int) -> Callable[..., None]:
        def hook(module: Any, args: tuple[Any, ...]) -> None:
            outputs = args[0].view(*args[0].shape[:-1], heads.heads, heads.size)
            norms = outputs.double().norm(dim=-1).reshape(-1, heads.heads)
            sums[layer] += norms.sum(dim=0).cpu()

        return hook

    hooks = [m.o_proj.register_forward_pre_hook(see(layer)) for layer, m in modules.items()]
    with _removed_after(hooks), torch.inference_mode():
        model(input_ids=ids, use_cache=False)


def _entropies(model: Any, modules: dict[int, Any], heads: Heads, ids: torch.Tensor, sums: Sums) -> None:
    import torch

    def see(layer: int) -> Callable[..., None]:
        def hook(module: Any, args: tuple[Any, ...], output: Any) -> None:
            weights = output[1]
            if weights is None:
                raise UsageError(
                    f"layer {layer}: expected attention weights from eager attention; found none"
                )
            p = weights.double()[0, :, 1:, :]  # heads, tokens after the first, positions
            entropy = torch.special.entr(p).sum(dim=-1)
            # sliding windows: as many positions as have a share, not as many as there are before
            choices = (p > 0).sum(dim=-1).clamp(min=2).double()
            sums[layer] += (1 - entropy / choices.log()).sum(dim=-1).cpu()

        return hook

    hooks = [m.register_forward_hook(see(layer)) for layer, m in modules.items()]
    with _removed_after(hooks), torch.inference_mode():
        model(input_ids=ids, use_cache=False, output_attentions=True)


def _gradients(model: Any, modules: dict[int, Any], heads: Heads, ids: torch.Tensor, sums: Sums) -> None:
    import torch

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    factors = {
        layer: torch.ones(heads.heads, dtype=torch.float32, device=ids.device, requires_grad=True)
        for layer in modules
    }

    def scale(layer: int) -> Callable[..., tuple[Any, ...]]:
        def hook(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
            scaled = args[0].view(*args[0].shape[:-1], heads.heads, heads.size) * factors[layer][:, None].to(
                args[0].dtype
            )
            return (scaled.view(args[0].shape), *args[1:])

        return hook

    hooks = [m.o_proj.register_forward_pre_hook(scale(layer)) for layer, m in modules.items()]
    with _removed_after(hooks), torch.enable_grad():
        logits = model(input_ids=ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:])
        found = torch.autograd.grad(loss, [factors[layer] for layer in modules])
    for layer, gradient in zip(modules, found, strict=True):
        sums[layer] += gradient.abs().double().cpu()


STRATEGIES = {
    "activation-magnitude": _output_norms,
    "entropy": _entropies,
    "gradient": _gradients,
}
"""Strategies that look at activations: what each adds to the sums for one sequence, shape (1, tokens)."""


def _modules(model: Any, heads: Heads) -> dict[int, Any]:
    """The attention modules of the layers with softmax heads.

    Raises:
        DocumentError: the model has none under the names that the family declares.
    """
    named = dict(model.named_modules())
    found = {}
    for layer in heads.layers:
        name = heads.layout.modules.format(L=layer)
        module = named.get(name)
        if module is None or not hasattr(module, "o_proj"):
            raise DocumentError(
                f"{type(model).__name__}: expected attention at {name}; found none",
                remedy="correct modules= of the layout in forge/families/attention.py",
            )
        found[layer] = module
    return found


@contextmanager
def _removed_after(hooks: Sequence[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _by_group(per_head: torch.Tensor, heads: Heads) -> list[float]:
    return [float(v) for v in per_head.view(heads.groups, heads.span).mean(dim=1)]
