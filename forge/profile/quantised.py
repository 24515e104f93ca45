"""Holding a model in 8 or 4 bits, experts included.

transformers and bitsandbytes convert plain linear layers only, while transformers 5 keeps all experts of a
layer in one fused parameter, which is most of a mixture of experts. So the model is loaded in 16 bits into
the host's memory, and converted layer by layer while it moves to the device: linear layers to bitsandbytes'
own, fused experts to packed buffers that are unpacked for the time of one layer's forward pass.
"""

import importlib
from typing import Any

from forge.loading import need

KEPT = ("lm_head", "embed_out")
"""Linear layers that stay in 16 bits, as bitsandbytes' own integration leaves them."""


def quantise(model: Any, bits: int, device: str, experts: tuple[str, ...] = ()) -> Any:
    """Convert ``model`` in place and move it to ``device``.

    Args:
        model: a transformers model in 16-bit floats in the host's memory.
        bits: 8 (absolute maximum of a row) or 4 (nf4, blocks of 64).
        device: where it goes.
        experts: full names of the modules that hold fused experts.

    Raises:
        EvidenceMissingError: bitsandbytes is missing.
    """
    need("torch", "bitsandbytes")
    import torch

    for name in experts:
        pack_experts(model.get_submodule(name), bits, device)
    linear = [
        n for n, m in model.named_modules() if type(m) is torch.nn.Linear and n.split(".")[-1] not in KEPT
    ]
    for name in linear:
        parent, _, leaf = name.rpartition(".")
        holder = model.get_submodule(parent)
        setattr(holder, leaf, _linear(getattr(holder, leaf), bits, device))
    return model.to(device)


def pack_experts(module: Any, bits: int, device: str) -> None:
    """Replace the fused parameters (three axes) of an experts module by packed ones, in place."""
    fused = [n for n, p in module.named_parameters(recurse=False) if p.dim() == 3]
    packed = {}
    for name in fused:
        weight = getattr(module, name).detach()
        delattr(module, name)
        packed[name] = (_Rows8 if bits == 8 else _Blocks4)(weight, device)
    # nn.Module looks at the class before its own tables, so a property stands in for the parameter
    views = {n: _view(n) for n in fused}
    module.__class__ = type(type(module).__name__, (type(module),), views)
    module.packed_parameters = packed


def _view(name: str) -> property:
    def unpacked(module: Any) -> Any:
        return module.packed_parameters[name].unpack()

    return property(unpacked)


def _linear(old: Any, bits: int, device: str) -> Any:
    nn: Any = importlib.import_module("bitsandbytes").nn

    bias = old.bias is not None
    weight = old.weight.detach()
    if bits == 4:
        new = nn.Linear4bit(
            old.in_features, old.out_features, bias=bias, compute_dtype=weight.dtype, quant_type="nf4"
        )
        new.weight = nn.Params4bit(weight, requires_grad=False, quant_type="nf4", compress_statistics=False)
    else:
        new = nn.Linear8bitLt(old.in_features, old.out_features, bias=bias, has_fp16_weights=False)
        new.weight = nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    if bias:
        new.bias = old.bias
    return new.to(device)


class _Rows8:
    """int8 and one scale a row."""

    def __init__(self, weight: Any, device: str) -> None:
        import torch

        self._dtype = weight.dtype
        wide = weight.float()
        self._scale = (wide.abs().amax(-1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
        self._values = (wide / self._scale).round().to(torch.int8).to(device)
        self._scale = self._scale.to(device)

    @property
    def nbytes(self) -> int:
        return int(self._values.nbytes + self._scale.nbytes)

    def unpack(self) -> Any:
        return (self._values.float() * self._scale).to(self._dtype)


class _Blocks4:
    """bitsandbytes' nf4, over the flat numbers.

    On a CPU, bitsandbytes 0.50 unpacks wrongly where rows are no multiple of its block, so rows are hidden
    from it.
    """

    def __init__(self, weight: Any, device: str) -> None:
        f: Any = importlib.import_module("bitsandbytes.functional")
        self._shape = weight.shape
        flat = weight.contiguous().reshape(-1).to(device)
        self._values, self._state = f.quantize_4bit(flat, quant_type="nf4")

    @property
    def nbytes(self) -> int:
        return int(self._values.nbytes + self._state.absmax.nbytes)

    def unpack(self) -> Any:
        f: Any = importlib.import_module("bitsandbytes.functional")
        return f.dequantize_4bit(self._values, self._state).reshape(self._shape)
