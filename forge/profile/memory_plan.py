"""In how many bits a model is loaded, decided by the bytes of its checkpoint. Pure; needs no torch.

Every tensor on disk is counted, experts among them: a mixture of experts uses few of them for a token and
still holds all of them. bitsandbytes converts matrices of plain linear layers; routers, embeddings, norms
and the output head stay in 16 bits. Fused experts are no linear layers, so it leaves them alone;
``forge/profile/quantised.py`` converts them, and the plan counts them so.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from forge.families import inventory
from forge.families.layouts import ExpertLayout, Part
from forge.tensors.model import ModelFolder, TensorRef
from verifier.errors import EvidenceMissingError, UsageError
from verifier.verdicts import JSON

BITS = (32, 16, 8, 4)
"""What can be asked for; 32 only where the checkpoint itself is in float32."""
FLAT_RESERVE = 256 << 20
"""Bytes that are kept free for activations and the runtime, besides a share of the weights."""
SHARE_RESERVE = 0.05
_SMALL = re.compile(r"embed|lm_head|wte|wpe|router|norm|(?:^|\.)(?:gate|shared_expert_gate)\.weight\Z")
_BYTE_FORMATS = {"U8": 2, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1}
"""Values in one byte of a packed checkpoint, for what it takes when unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """How a model is loaded and why.

    Attributes:
        bits: 32, 16, 8 or 4.
        disk_bytes: all tensors on disk.
        expert_bytes: those of them that are routed experts.
        weight_bytes: all weights as they are held.
        working_bytes: one layer's experts in 16 bits (they are fused when loaded, unpacked when used) and the
            reserve for activations.
        available_bytes: what the device has.
        text: the decision in one sentence.
    """

    bits: int
    disk_bytes: int
    expert_bytes: int
    weight_bytes: int
    working_bytes: int
    available_bytes: int
    text: str

    @property
    def needed_bytes(self) -> int:
        """Weights and working memory together."""
        return self.weight_bytes + self.working_bytes

    def record(self) -> dict[str, JSON]:
        """What goes into a stage's record: nothing that another run on the same machine would change."""
        return {
            "bits": self.bits,
            "diskBytes": self.disk_bytes,
            "expertBytes": self.expert_bytes,
            "weightBytes": self.weight_bytes,
            "workingBytes": self.working_bytes,
        }


def memory_plan(
    model: ModelFolder, available_bytes: int, requested: int | None = None, layout: ExpertLayout | None = None
) -> MemoryPlan:
    """The widest number format in which the model fits, or the requested one.

    Args:
        model: the opened checkpoint.
        available_bytes: memory of the device.
        requested: 32, 16, 8 or 4; None to decide by size.
        layout: where experts lie; None for a dense model.

    Raises:
        UsageError: an unknown number of bits, or 32 for a checkpoint that is not in float32.
        EvidenceMissingError: it does not fit.
    """
    stored = _stored_bits(model)
    choices = [b for b in BITS if b <= stored]
    if requested is not None and requested not in choices:
        raise UsageError(f"bits: expected one of {', '.join(map(str, choices))}; found {requested}")
    plans = [_plan(model, available_bytes, bits, layout) for bits in choices if requested in (None, bits)]
    for plan in plans:
        if plan.needed_bytes <= available_bytes:
            return plan
    least = plans[-1]
    raise EvidenceMissingError(
        f"memory: expected {_gib(least.needed_bytes)} for {least.bits}-bit weights; "
        f"found {_gib(available_bytes)} available",
        remedy="use a device with more memory, or fewer bits",
    )


def _plan(model: ModelFolder, available: int, bits: int, layout: ExpertLayout | None) -> MemoryPlan:
    layers = _experts_by_layer(model, layout)
    expert_names = {t.name for refs in layers.values() for t in refs}
    weights = sum(_held(t, bits, expert=t.name in expert_names) for t in model.tensors.values())
    disk = sum(t.size for t in model.tensors.values())
    experts = sum(model.tensors[name].size for name in expert_names)
    widest = max((sum(_wide(t, max(bits, 16)) for t in refs) for refs in layers.values()), default=0)
    working = widest + FLAT_RESERVE + math.ceil(SHARE_RESERVE * weights)
    text = (
        f"{bits}-bit: {_gib(disk)} on disk ({_gib(experts)} of it experts) take {_gib(weights)} "
        f"and {_gib(working)} to work with, of {_gib(available)} available"
    )
    return MemoryPlan(
        bits=bits,
        disk_bytes=disk,
        expert_bytes=experts,
        weight_bytes=weights,
        working_bytes=working,
        available_bytes=available,
        text=text,
    )


def _stored_bits(model: ModelFolder) -> int:
    by_dtype: dict[str, int] = {}
    for t in model.tensors.values():
        by_dtype[t.dtype] = by_dtype.get(t.dtype, 0) + t.size
    return 32 if max(by_dtype, key=lambda d: by_dtype[d], default="") in ("F32", "F64") else 16


def _experts_by_layer(model: ModelFolder, layout: ExpertLayout | None) -> Mapping[int, list[TensorRef]]:
    layers: dict[int, list[TensorRef]] = {}
    if layout is None:
        return layers
    form = inventory.take(layout, {name: ref.shape for name, ref in model.tensors.items()}).layout
    for name, ref in model.tensors.items():
        place = form.place(name)
        if place is not None and place.part is Part.EXPERT:
            layers.setdefault(place.layer, []).append(ref)
    return layers


def _values(ref: TensorRef) -> int:
    """Numbers in the tensor: packed formats hold several in a byte."""
    return math.prod(ref.shape) * (_BYTE_FORMATS.get(ref.dtype, 1))


def _wide(ref: TensorRef, bits: int) -> int:
    return _values(ref) * bits // 8


def _held(ref: TensorRef, bits: int, *, expert: bool) -> int:
    values = _values(ref)
    converted = expert or (
        len(ref.shape) == 2 and ref.name.endswith(".weight") and not _SMALL.search(ref.name)
    )
    if bits >= 16 or not converted:
        return values * max(bits, 16) // 8
    if bits == 8:  # a byte each, and a float32 scale a row
        return values + 4 * math.prod(ref.shape[:-1])
    return values // 2 + 4 * math.ceil(values / 64)  # half a byte each, and a float32 scale for 64 of them


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.2f} GiB" if size >= 1 << 28 else f"{size / (1 << 20):.1f} MiB"
