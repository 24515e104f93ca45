"""Cutting and blanking rows and columns of tensors. Exact: bytes move or become zero, nothing is rounded."""

from collections.abc import Sequence
from dataclasses import replace

from forge.tensors.safetensors import DTYPE_BYTES, Tensor
from verifier.errors import UsageError


def keep_rows(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """The tensor with only ``rows`` of its first axis, in the given order."""
    step = len(tensor.data) // tensor.shape[0]
    _check(tensor, rows, tensor.shape[0])
    data = b"".join(tensor.data[r * step : (r + 1) * step] for r in rows)
    return replace(tensor, shape=(len(rows), *tensor.shape[1:]), data=data)


def blank_rows(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """The tensor with ``rows`` of its first axis set to zero."""
    step = len(tensor.data) // tensor.shape[0]
    _check(tensor, rows, tensor.shape[0])
    data = bytearray(tensor.data)
    for r in rows:
        data[r * step : (r + 1) * step] = bytes(step)
    return replace(tensor, data=bytes(data))


def keep_columns(tensor: Tensor, columns: Sequence[int]) -> Tensor:
    """The matrix with only ``columns``, in the given order."""
    size, width = DTYPE_BYTES[tensor.dtype], tensor.shape[1]
    _check(tensor, columns, width)
    data = b"".join(
        tensor.data[(r * width + c) * size : (r * width + c + 1) * size]
        for r in range(tensor.shape[0])
        for c in columns
    )
    return replace(tensor, shape=(tensor.shape[0], len(columns)), data=data)


def blank_columns(tensor: Tensor, columns: Sequence[int]) -> Tensor:
    """The matrix with ``columns`` set to zero."""
    size, width = DTYPE_BYTES[tensor.dtype], tensor.shape[1]
    _check(tensor, columns, width)
    data = bytearray(tensor.data)
    for r in range(tensor.shape[0]):
        for c in columns:
            data[(r * width + c) * size : (r * width + c + 1) * size] = bytes(size)
    return replace(tensor, data=bytes(data))


def _check(tensor: Tensor, indices: Sequence[int], size: int) -> None:
    wrong = [i for i in indices if not 0 <= i < size]
    if wrong or len(set(indices)) != len(indices):
        raise UsageError(
            f"{tensor.name}: indices: expected distinct ones in 0..{size - 1}; found {list(indices)}"
        )
