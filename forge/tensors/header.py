"""The head of a safetensors file and the order of its tensors, as the safetensors library writes them.

The library orders tensors by falling dtype, then by name, and pads the header with spaces to a multiple of 8
(https://github.com/huggingface/safetensors, ``safetensors/src/tensor.rs``). The order of several
``__metadata__`` entries is random there; here it is by key, so that equal models are equal files.
"""

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence

from forge.tensors.pieces import check_piece, piece_bytes
from forge.tensors.plan import TensorPlan
from verifier.errors import UsageError
from verifier.evidence.safetensors_header import DTYPE_BITS, MAX_HEADER_BYTES

_RANK = {dtype: rank for rank, dtype in enumerate(DTYPE_BITS)}
"""Position in the library's ``enum Dtype``, whose order is also that of :data:`DTYPE_BITS`."""


def in_file_order(plans: Iterable[TensorPlan]) -> tuple[TensorPlan, ...]:
    """The order in which the library puts tensors into one file."""
    return tuple(sorted(plans, key=lambda plan: (-_RANK[plan.dtype], plan.name)))


def header_bytes(ordered: Sequence[TensorPlan], metadata: Mapping[str, str] | None) -> bytes:
    """Length, JSON and padding: everything in front of the data.

    Args:
        ordered: tensors as :func:`in_file_order` gives them.
        metadata: text entries; None for none.

    Raises:
        UsageError: text that UTF-8 cannot hold, or a header larger than this project reads.
    """
    header: dict[str, object] = {}
    if metadata is not None:
        header["__metadata__"] = dict(sorted(metadata.items()))
    offset = 0
    for plan in ordered:
        end = offset + tensor_bytes(plan)
        header[plan.name] = {"dtype": plan.dtype, "shape": list(plan.shape), "data_offsets": [offset, end]}
        offset = end
    try:
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("tensor names and metadata: expected Unicode text; found half a pair") from None
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise UsageError(
            f"header: expected at most {MAX_HEADER_BYTES} bytes; found {len(text)}", remedy="use more shards"
        )
    return struct.pack("<Q", len(text)) + text


def tensor_bytes(plan: TensorPlan) -> int:
    """Bytes of the tensor, by its dtype and shape."""
    return math.prod(plan.shape) * DTYPE_BITS[plan.dtype] // 8


def check_plans(plans: Sequence[TensorPlan]) -> None:
    """Refuse what cannot become a file.

    Raises:
        UsageError: no tensor at all, a name twice or reserved, an unknown dtype, a negative dimension, pieces
            that do not add up to the shape, or a piece that contradicts itself.
    """
    if not plans:
        raise UsageError("plan: expected at least one tensor; found none")
    seen: set[str] = set()
    for plan in plans:
        if plan.name in seen or plan.name == "__metadata__":
            raise UsageError(
                f"tensor names: expected each once, none reserved; found {plan.name!r:.200} again"
            )
        seen.add(plan.name)
        if plan.dtype not in DTYPE_BITS:
            raise UsageError(f"{plan.name}: dtype: expected one of safetensors'; found {plan.dtype!r:.100}")
        bits = math.prod(plan.shape) * DTYPE_BITS[plan.dtype]
        if any(size < 0 for size in plan.shape) or bits % 8:
            raise UsageError(f"{plan.name}: shape: expected whole bytes; found {plan.shape} of {plan.dtype}")
        for piece in plan.pieces:
            check_piece(plan.name, piece)
        found = sum(piece_bytes(piece) for piece in plan.pieces)
        if found != bits // 8:
            raise UsageError(f"{plan.name}: pieces: expected {bits // 8} bytes by the shape; found {found}")
