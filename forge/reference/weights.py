"""Base weights from integers by hashing: no random generator, no floating-point library.

Byte ``b`` of a tensor's stream is the weight ``(b - 128) / 1024``; where a new model has ones, it is
``1 + (b // 32 - 4) / 128``. Every such value is exact in bfloat16 (8 significant bits) and in float32, so
nothing here depends on how a machine rounds.
"""

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence

from forge.tensors.safetensors import Tensor

SMALL = tuple(struct.pack("<f", (b - 128) / 1024) for b in range(256))
NEAR_ONE = tuple(struct.pack("<f", 1 + (b // 32 - 4) / 128) for b in range(256))


def _encoders(values: Sequence[bytes]) -> Mapping[str, tuple[bytes, ...]]:
    return {"F32": tuple(values), "BF16": tuple(word[2:] for word in values)}  # float32's upper half


_ENCODERS = {False: _encoders(SMALL), True: _encoders(NEAR_ONE)}


def stream(seed: str, name: str, count: int) -> bytes:
    """``count`` bytes that depend on seed and name alone: sha256 over a counter."""
    blocks = (
        hashlib.sha256(f"{seed}\x00{name}\x00{i}".encode()).digest() for i in range(math.ceil(count / 32))
    )
    return b"".join(blocks)[:count]


def tensor(
    seed: str, name: str, shape: tuple[int, ...], dtype: str = "BF16", *, near_one: bool = False
) -> Tensor:
    """A tensor of streamed weights, small or near one."""
    encode = _ENCODERS[near_one][dtype]
    data = b"".join(encode[b] for b in stream(seed, name, math.prod(shape)))
    return Tensor(name=name, dtype=dtype, shape=shape, data=data)
