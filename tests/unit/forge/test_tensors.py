"""The safetensors writer for models in memory, against the library."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from forge.reference import shapes, weights
from forge.tensors.safetensors import Tensor, serialise
from verifier.errors import UsageError


def matrix(rows, columns, dtype="F32"):
    size = {"F32": 4, "BF16": 2}[dtype]
    data = b"".join(
        (r * columns + c + 1).to_bytes(size, "little") for r in range(rows) for c in range(columns)
    )
    return Tensor(name="m", dtype=dtype, shape=(rows, columns), data=data)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=["bare", "with metadata"])
@pytest.mark.parametrize("count", range(1, 9))
def test_float_files_are_byte_equal_to_the_library(count, metadata):
    arrays = {f"t{'x' * i}.{i}": np.arange(i * 3, dtype="<f4").reshape(i, 3) for i in range(1, count + 1)}
    tensors = [Tensor(name=n, dtype="F32", shape=a.shape, data=a.tobytes()) for n, a in arrays.items()]
    assert serialise(tensors, metadata) == save(arrays, metadata=metadata)


@pytest.mark.parametrize("architecture", ["llama", "qwen3_moe"])
def test_mixed_dtypes_are_byte_equal_to_the_library_whatever_the_order(architecture):
    tensors = [
        weights.tensor("mixed", name, shape, "F32" if "norm" in name else "BF16")
        for name, (_, shape) in shapes.load(architecture).tensors.items()
    ]
    # numpy has no bfloat16; float16 has the same width, hence the same place in the file.
    half = [replace(t, dtype="F16") if t.dtype == "BF16" else t for t in tensors]
    numpy_types = {"F32": "<f4", "F16": "<f2"}
    arrays = {t.name: np.frombuffer(t.data, dtype=numpy_types[t.dtype]).reshape(t.shape) for t in half}
    theirs = save(arrays, metadata={"format": "pt"})
    assert serialise(half, {"format": "pt"}) == theirs
    assert serialise(reversed(half), {"format": "pt"}) == theirs


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(UsageError, match="m twice"):
        serialise([matrix(1, 1), matrix(1, 1)])


@pytest.mark.parametrize(("dtype", "data"), [("F32", b"123"), ("F64", b"12345678"), ("BF16", b"")])
def test_a_tensor_whose_bytes_do_not_fill_its_shape_cannot_exist(dtype, data):
    with pytest.raises(UsageError):
        Tensor(name="t", dtype=dtype, shape=(1,), data=data)
