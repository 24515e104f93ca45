"""The data-free baseline: the L2 norm of every expert's router row, from bytes, without torch or numpy.

Squares of 16-bit and 32-bit floats are exact in a double, ``math.fsum`` rounds their sum once and ``sqrt``
rounds once more, so the numbers are the same on every machine.
"""

import array
import math
import struct
import sys

from forge.tensors.model import TensorRef, read
from verifier.errors import DocumentError


def row_norms(ref: TensorRef) -> tuple[float, ...]:
    """L2 norm of each row of a matrix.

    Args:
        ref: a tensor of shape (experts, hidden) in F32, F16 or BF16.

    Raises:
        DocumentError: another shape or dtype, or a value that is not finite.
    """
    if len(ref.shape) != 2:
        raise DocumentError(f"{ref.name}: shape: expected (experts, hidden); found {ref.shape}")
    values = floats(ref.dtype, read(ref), ref.name)
    width = ref.shape[1]
    rows = [values[i * width : (i + 1) * width] for i in range(ref.shape[0])]
    norms = tuple(math.sqrt(math.fsum(v * v for v in row)) for row in rows)
    if not all(map(math.isfinite, norms)):
        raise DocumentError(f"{ref.name}: expected finite numbers; found others")
    return norms


def floats(dtype: str, data: bytes, name: str) -> list[float]:
    """Little-endian numbers of a safetensors dtype as Python floats; exact.

    Raises:
        DocumentError: a dtype that is none of F32, F16 and BF16.
    """
    if dtype == "F16":
        return [v for (v,) in struct.iter_unpack("<e", data)]
    if dtype == "BF16":  # the upper half of a float32
        data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
    elif dtype != "F32":
        raise DocumentError(f"{name}: dtype: expected F32, F16 or BF16; found {dtype}")
    numbers = array.array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
