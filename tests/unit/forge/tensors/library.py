"""The safetensors library as an oracle: it writes tensors given as plain bytes."""

import ctypes
import hashlib
import itertools

from hypothesis import strategies as st
from safetensors import TensorSpec, serialize, serialize_file

from forge.tensors.cuts import whole
from forge.tensors.model import TensorRef

ITEM_BYTES = {
    "bool": ("BOOL", 1),
    "uint8": ("U8", 1),
    "int8": ("I8", 1),
    "float8_e5m2": ("F8_E5M2", 1),
    "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e8m0fnu": ("F8_E8M0", 1),
    "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1),
    "int16": ("I16", 2),
    "uint16": ("U16", 2),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "int32": ("I32", 4),
    "uint32": ("U32", 4),
    "float32": ("F32", 4),
    "complex64": ("C64", 8),
    "float64": ("F64", 8),
    "int64": ("I64", 8),
    "uint64": ("U64", 8),
}
"""The library's name of a dtype -> its name in files, bytes of one element."""

names = st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda name: name != "__metadata__")
"""Any text that a tensor can be called: quotes, control characters, any script."""


def content(seed, size):
    """Bytes that differ from place to place and from tensor to tensor."""
    blocks = (hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in itertools.count())
    return b"".join(itertools.islice(blocks, size // 32 + 1))[:size]


def save(tensors, path=None, metadata=None):
    """Write {name: (library dtype, shape, bytes)} as the library does; bytes without a path."""
    keep = {
        name: ctypes.create_string_buffer(data, max(1, len(data))) for name, (_, _, data) in tensors.items()
    }
    specs = {
        name: TensorSpec(
            dtype=dtype, shape=tuple(shape), data_ptr=ctypes.addressof(keep[name]), data_len=len(data)
        )
        for name, (dtype, shape, data) in tensors.items()
    }
    return serialize(specs, metadata) if path is None else serialize_file(specs, path, metadata)


def raw(path, name, dtype, shape, data):
    """A file with nothing but the tensor's bytes behind three others, and the reference to it."""
    path.write_bytes(b"abc" + data + b"xyz")
    return TensorRef(name, ITEM_BYTES[dtype][0], tuple(shape), path, 3, len(data))


def keep_all(folder):
    """Plans that change nothing."""
    return [whole(ref) for ref in folder.tensors.values()]
