"""The safetensors writer against the library, and exact surgery."""

import struct
from dataclasses import replace

import numpy as np
import pytest
import safetensors
from safetensors.numpy import save

from forge.reference import artifacts, models
from forge.tensors import surgery
from forge.tensors.safetensors import Tensor, serialise
from verifier.errors import UsageError


def matrix(rows, columns, dtype="F32"):
    size = {"F32": 4, "BF16": 2}[dtype]
    data = b"".join(
        (r * columns + c + 1).to_bytes(size, "little") for r in range(rows) for c in range(columns)
    )
    return Tensor(name="m", dtype=dtype, shape=(rows, columns), data=data)


def grid(tensor):
    size = {"F32": 4, "BF16": 2}[tensor.dtype]
    flat = [int.from_bytes(tensor.data[i : i + size], "little") for i in range(0, len(tensor.data), size)]
    return [flat[r * tensor.shape[1] : (r + 1) * tensor.shape[1]] for r in range(tensor.shape[0])]


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=["bare", "with metadata"])
@pytest.mark.parametrize("count", range(1, 9))
def test_float_files_are_byte_equal_to_the_library(count, metadata):
    arrays = {f"t{'x' * i}.{i}": np.arange(i * 3, dtype="<f4").reshape(i, 3) for i in range(1, count + 1)}
    tensors = [Tensor(name=n, dtype="F32", shape=a.shape, data=a.tobytes()) for n, a in arrays.items()]
    assert serialise(tensors, metadata) == save(arrays, metadata=metadata)


@pytest.mark.parametrize(
    "tensors",
    [models.dense_model(models.DENSE), models.moe_model(models.MOE)],
    ids=["dense", "mixture of experts"],
)
def test_mixed_dtypes_are_byte_equal_to_the_library_whatever_the_order(tensors):
    # numpy has no bfloat16; float16 has the same width, hence the same place in the file.
    half = [replace(t, dtype="F16") if t.dtype == "BF16" else t for t in tensors]
    numpy_types = {"F32": "<f4", "F16": "<f2"}
    arrays = {t.name: np.frombuffer(t.data, dtype=numpy_types[t.dtype]).reshape(t.shape) for t in half}
    theirs = save(arrays, metadata={"format": "pt"})
    assert serialise(half, {"format": "pt"}) == theirs
    assert serialise(reversed(half), {"format": "pt"}) == theirs


def test_the_library_reads_what_the_reference_catalog_ships():
    for artifact in artifacts.build():
        for path, role in artifact.roles.items():
            if role == "weights":
                assert len(safetensors.deserialize(artifact.files[path])) > 0


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(UsageError, match="m twice"):
        serialise([matrix(1, 1), matrix(1, 1)])


@pytest.mark.parametrize(("dtype", "data"), [("F32", b"123"), ("F64", b"12345678"), ("BF16", b"")])
def test_a_tensor_whose_bytes_do_not_fill_its_shape_cannot_exist(dtype, data):
    with pytest.raises(UsageError):
        Tensor(name="t", dtype=dtype, shape=(1,), data=data)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_surgery_moves_and_blanks_exactly_what_it_says(dtype):
    m = matrix(3, 2, dtype)
    assert grid(m) == [[1, 2], [3, 4], [5, 6]]
    assert grid(surgery.keep_rows(m, [2, 0])) == [[5, 6], [1, 2]]
    assert grid(surgery.blank_rows(m, [1])) == [[1, 2], [0, 0], [5, 6]]
    assert grid(surgery.keep_columns(m, [1])) == [[2], [4], [6]]
    assert grid(surgery.blank_columns(m, [0])) == [[0, 2], [0, 4], [0, 6]]


@pytest.mark.parametrize("indices", [[3], [-1], [0, 0]])
def test_surgery_refuses_indices_that_are_not_there_or_repeat(indices):
    with pytest.raises(UsageError, match="indices"):
        surgery.keep_rows(matrix(3, 2), indices)


def test_norms_are_ones():
    norm = next(t for t in models.dense_model(models.DENSE) if t.name == "model.norm.weight")
    assert norm.data == struct.pack("<f", 1.0) * 32
