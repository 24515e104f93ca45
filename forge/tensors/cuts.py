"""What becomes of one tensor: kept, cut or blanked. Exact: bytes move or become zero, nothing is rounded.

Every function turns the place of a tensor into a :class:`TensorPlan`; no byte is read.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from forge.tensors.model import TensorRef
from forge.tensors.plan import Copy, KeepColumns, Piece, TensorPlan, ZeroColumns, Zeros
from verifier.errors import UsageError
from verifier.evidence.safetensors_header import DTYPE_BITS


def whole(ref: TensorRef, name: str | None = None) -> TensorPlan:
    """The tensor as it is, perhaps under another name."""
    pieces: tuple[Piece, ...] = (Copy(ref.path, ref.offset, ref.size),) if ref.size else ()
    return TensorPlan(
        name=ref.name if name is None else name, dtype=ref.dtype, shape=ref.shape, pieces=pieces
    )


def keep_rows(ref: TensorRef, rows: Sequence[int], name: str | None = None) -> TensorPlan:
    """The tensor with only ``rows`` of its first axis, in the given order.

    Args:
        ref: a tensor of at least one axis.
        rows: distinct indices of axis 0.
        name: new name, if it gets one.

    Raises:
        UsageError: an index is out of range or occurs twice; a scalar; elements smaller than a byte.
    """
    step = _row_bytes(ref)
    _check(ref, rows, ref.shape[0])
    pieces = tuple(
        Copy(ref.path, ref.offset + start * step, (stop - start) * step)
        for start, stop in _runs(rows)
        if step
    )
    return TensorPlan(
        name=ref.name if name is None else name,
        dtype=ref.dtype,
        shape=(len(rows), *ref.shape[1:]),
        pieces=pieces,
    )


def blank_rows(ref: TensorRef, rows: Sequence[int], name: str | None = None) -> TensorPlan:
    """The tensor with ``rows`` of its first axis set to zero; arguments and errors as :func:`keep_rows`."""
    step = _row_bytes(ref)
    _check(ref, rows, ref.shape[0])
    pieces: list[Piece] = []
    place = 0
    for start, stop in _runs(sorted(rows)):
        if start > place:
            pieces.append(Copy(ref.path, ref.offset + place * step, (start - place) * step))
        pieces.append(Zeros((stop - start) * step))
        place = stop
    if place < ref.shape[0]:
        pieces.append(Copy(ref.path, ref.offset + place * step, (ref.shape[0] - place) * step))
    return TensorPlan(
        name=ref.name if name is None else name,
        dtype=ref.dtype,
        shape=ref.shape,
        pieces=tuple(pieces) if step else (),
    )


def keep_columns(ref: TensorRef, columns: Sequence[int], name: str | None = None) -> TensorPlan:
    """The tensor with only ``columns`` of its last axis, in the given order.

    Args:
        ref: a matrix, or a tensor of more axes.
        columns: distinct indices of the last axis.
        name: new name, if it gets one.

    Raises:
        UsageError: an index is out of range or occurs twice; fewer than two axes; elements below a byte.
    """
    rows, row_bytes, ranges = _columns(ref, columns, columns)
    piece: tuple[Piece, ...] = (KeepColumns(ref.path, ref.offset, rows, row_bytes, ranges),)
    if ranges == ((0, row_bytes),):
        piece = (Copy(ref.path, ref.offset, ref.size),)
    shape = (*ref.shape[:-1], len(columns))
    has_bytes = rows and columns
    return TensorPlan(
        name=ref.name if name is None else name,
        dtype=ref.dtype,
        shape=shape,
        pieces=piece if has_bytes else (),
    )


def blank_columns(ref: TensorRef, columns: Sequence[int], name: str | None = None) -> TensorPlan:
    """The tensor with ``columns`` of its last axis set to zero; arguments, errors as :func:`keep_columns`."""
    rows, row_bytes, ranges = _columns(ref, columns, sorted(columns))
    if not columns:
        return whole(ref, name)
    piece: tuple[Piece, ...] = (ZeroColumns(ref.path, ref.offset, rows, row_bytes, ranges),)
    return TensorPlan(
        name=ref.name if name is None else name,
        dtype=ref.dtype,
        shape=ref.shape,
        pieces=piece if ref.size else (),
    )


def _columns(
    ref: TensorRef, columns: Sequence[int], ordered: Sequence[int]
) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """Rows, bytes of a row, byte ranges of the columns in ``ordered``."""
    item = _item_bytes(ref)
    if len(ref.shape) < 2:
        raise UsageError(f"{ref.name}: axes: expected at least two; found {len(ref.shape)}")
    _check(ref, columns, ref.shape[-1])
    ranges = tuple((start * item, stop * item) for start, stop in _runs(ordered))
    return math.prod(ref.shape[:-1]), ref.shape[-1] * item, ranges


def _item_bytes(ref: TensorRef) -> int:
    bits = DTYPE_BITS[ref.dtype]
    if bits % 8:
        raise UsageError(
            f"{ref.name}: dtype: expected elements of whole bytes; found {ref.dtype} of {bits} bits",
            remedy="such a tensor can only be kept as a whole",
        )
    return bits // 8


def _row_bytes(ref: TensorRef) -> int:
    if not ref.shape:
        raise UsageError(f"{ref.name}: axes: expected at least one; found a scalar")
    return math.prod(ref.shape[1:]) * _item_bytes(ref)


def _runs(indices: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Half-open ranges of consecutive indices, in the order given."""
    if not indices:
        return
    start = indices[0]
    for one, other in pairwise(indices):
        if other != one + 1:
            yield start, one + 1
            start = other
    yield start, indices[-1] + 1


def _check(ref: TensorRef, indices: Sequence[int], size: int) -> None:
    wrong = [i for i in indices if not 0 <= i < size]
    if wrong or len(set(indices)) != len(indices):
        found = f"{wrong[:3]}" if wrong else "one twice"
        raise UsageError(f"{ref.name}: indices: expected distinct ones below {size}; found {found}")
