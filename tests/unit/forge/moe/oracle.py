"""The oracle: transformers runs the original with dropped experts masked at the router, and the pruned model.

Masking: where the original's router multiplies with its weight, the logits of dropped experts become minus
infinity (and so does the score correction, where there is one), before anything is normalised or chosen.
"""

import warnings

import torch
import transformers
from torch.overrides import TorchFunctionMode

from tests.unit.forge.moe.models import Case

TOLERANCE = 1e-5


class _Masked(TorchFunctionMode):
    """Masks the answers of linear maps with the given weights (data pointer -> columns that are dropped)."""

    def __init__(self, masks):
        super().__init__()
        self.masks = masks
        self.used = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func is torch.nn.functional.linear:
            pointer = args[1].data_ptr()
            if pointer in self.masks:
                self.used.add(pointer)
                out = out.masked_fill(self.masks[pointer], float("-inf"))
        return out


def load(case: Case, folder):
    """The model in float32, and what went wrong with its keys."""
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, info = case.text_class.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    wrong = [f"{kind}: {sorted(map(str, keys))[:3]}" for kind, keys in info.items() if keys]
    return model.eval(), wrong


def tokens(seed: int = 3):
    return torch.randint(3, 59, (3, 14), generator=torch.Generator().manual_seed(seed))


def run(model, mode=None):
    """Logits, and per layer the experts of every token, sorted."""
    routed, handles = {}, []
    for name, module in model.named_modules():
        if name.endswith(".experts"):
            layer = int(name.split("layers.")[1].split(".")[0])

            def note(_, args, kwargs, layer=layer):
                given = [*args, *kwargs.values()]
                ids = next(x for x in given if isinstance(x, torch.Tensor) and not x.is_floating_point())
                routed[layer] = ids.reshape(-1, ids.shape[-1])

            handles.append(module.register_forward_pre_hook(note, with_kwargs=True))
    with torch.no_grad():
        if mode is None:
            logits = model(input_ids=tokens()).logits
        else:
            with mode:
                logits = model(input_ids=tokens()).logits
    for handle in handles:
        handle.remove()
    return logits, routed


def masked(model, kept):
    """The mode that masks dropped experts; score corrections are masked in the model itself."""
    masks = {}
    for name, module in model.named_modules():
        if name.endswith((".mlp.gate", ".router")):
            layer = int(name.split("layers.")[1].split(".")[0])
            gone = torch.ones(module.weight.shape[0], dtype=torch.bool)
            gone[kept[layer]] = False
            masks[module.weight.data_ptr()] = gone
            if hasattr(module, "e_score_correction_bias"):
                module.e_score_correction_bias.masked_fill_(gone, float("-inf"))
    assert len(masks) == len(kept), "every layer with experts has one router"
    return _Masked(masks)


def expected(case: Case, original, kept):
    """Logits and routed experts of the original with dropped experts masked."""
    model, wrong = load(case, original)
    assert not wrong, wrong
    mode = masked(model, kept)
    logits, routed = run(model, mode)
    assert mode.used == set(mode.masks), "every mask was applied"
    assert torch.isfinite(logits).all()
    assert set(routed) == set(kept), "the experts of every such layer were called"
    return logits, routed


def problems(case: Case, want, pruned, kept) -> list[str]:
    """In what the pruned folder differs from what :func:`expected` says; empty if in nothing."""
    try:
        model, wrong = load(case, pruned)
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        return [f"does not load: {type(error).__name__}: {str(error)[:200]}"]
    if wrong:
        return [f"keys: {wrong}"]
    try:
        logits, chosen = run(model)
    except (RuntimeError, IndexError) as error:
        return [f"does not run: {str(error)[:200]}"]
    found = []
    worst = (logits - want[0]).abs().max().item()
    if not worst <= TOLERANCE:
        found.append(f"logits differ by {worst}")
    for layer, ids in kept.items():
        back = torch.tensor(ids)[chosen[layer]].sort(dim=-1).values
        if not torch.equal(back, want[1][layer].sort(dim=-1).values):
            found.append(f"layer {layer}: tokens are routed to other experts")
    return found
