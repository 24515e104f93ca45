"""Writing safetensors files, byte-equal to the safetensors library.

The format: 8 bytes little-endian header length; a JSON header, padded with spaces to a multiple of 8; the
tensors' bytes one after another. The library orders tensors by falling dtype alignment, then by name, and so
does this writer, which makes a file a function of its tensors alone.
"""

import json
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from verifier.errors import UsageError

DTYPE_BYTES: Mapping[str, int] = {"F32": 4, "F16": 2, "BF16": 2}
"""Supported dtypes and their size in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A named tensor.

    Attributes:
        name: its key in the file.
        dtype: one of :data:`DTYPE_BYTES`.
        shape: its dimensions.
        data: row-major little-endian bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        """Refuse bytes that do not fill the shape.

        Raises:
            UsageError: unknown dtype, or size and shape differ.
        """
        if self.dtype not in DTYPE_BYTES:
            raise UsageError(
                f"{self.name}: dtype: expected one of {', '.join(DTYPE_BYTES)}; found {self.dtype}"
            )
        expected = self.count * DTYPE_BYTES[self.dtype]
        if len(self.data) != expected:
            raise UsageError(f"{self.name}: data: expected {expected} bytes; found {len(self.data)}")

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def serialise(tensors: Iterable[Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file that holds ``tensors``.

    Raises:
        UsageError: two tensors have the same name.
    """
    ordered = sorted(tensors, key=lambda t: (-DTYPE_BYTES[t.dtype], t.name))
    header: dict[str, object] = {}
    if metadata:
        header["__metadata__"] = dict(metadata)
    offset = 0
    for tensor in ordered:
        if tensor.name in header:
            raise UsageError(f"tensor names: expected each once; found {tensor.name} twice")
        end = offset + len(tensor.data)
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((struct.pack("<Q", len(text)), text, *(t.data for t in ordered)))
