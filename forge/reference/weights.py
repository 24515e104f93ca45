"""Base weights from integers by hashing: no random generator, no floating-point library.

Byte ``b`` of a tensor's stream is the weight ``(b - 128) / 1024``. Every such value is exact in bfloat16
(8 significant bits) and in float32, so nothing here depends on how a machine rounds.
"""

import hashlib
import math
import struct
from collections.abc import Sequence

from forge.tensors.safetensors import Tensor

_F32 = tuple(struct.pack("<f", (b - 128) / 1024) for b in range(256))
_ENCODERS = {"F32": _F32, "BF16": tuple(word[2:] for word in _F32)}  # bfloat16 is float32's upper half


def stream(seed: str, name: str, count: int) -> bytes:
    """``count`` bytes that depend on seed and name alone: sha256 over a counter."""
    blocks = (
        hashlib.sha256(f"{seed}\x00{name}\x00{i}".encode()).digest() for i in range(math.ceil(count / 32))
    )
    return b"".join(blocks)[:count]


def tensor(seed: str, name: str, shape: tuple[int, ...], dtype: str = "BF16") -> Tensor:
    """A tensor of streamed weights."""
    encode = _ENCODERS[dtype]
    data = b"".join(encode[b] for b in stream(seed, name, math.prod(shape)))
    return Tensor(name=name, dtype=dtype, shape=shape, data=data)


def ones(name: str, size: int) -> Tensor:
    """A norm's weight: float32 ones."""
    return Tensor(name=name, dtype="F32", shape=(size,), data=struct.pack("<f", 1.0) * size)


def integers(seed: str, name: str, shape: tuple[int, int]) -> Sequence[Sequence[int]]:
    """The matrix of integers (1024 x weight) that :func:`tensor` encodes under the same name."""
    raw = stream(seed, name, shape[0] * shape[1])
    return [[b - 128 for b in raw[r * shape[1] : (r + 1) * shape[1]]] for r in range(shape[0])]
