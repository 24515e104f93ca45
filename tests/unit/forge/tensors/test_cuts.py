"""Cuts against numpy's slicing of the real bytes, through buffers of any size."""

import hashlib
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forge.tensors import cuts
from forge.tensors.header import check_plans
from forge.tensors.model import TensorRef
from forge.tensors.pieces import emit
from forge.tensors.plan import Copy, KeepColumns, TensorPlan, ZeroColumns, Zeros
from forge.tensors.sources import Sources
from forge.tensors.writer import Sink
from tests.unit.forge.tensors.library import ITEM_BYTES, content, raw
from verifier.errors import UsageError


def emitted(plan, buffer_bytes):
    """Bytes of a plan, sent through a sink with a buffer of this size; the digest is checked on the way."""
    check_plans([plan])
    with tempfile.TemporaryFile() as file:
        with Sources() as sources, Sink(file.fileno(), buffer_bytes=buffer_bytes) as sink:
            for piece in plan.pieces:
                emit(piece, sources, sink)
            digest, size = sink.finish()
        file.seek(0)
        data = file.read()
    assert (digest, size) == (hashlib.sha256(data).hexdigest(), len(data))
    return data


@st.composite
def cases(draw, least_axes):
    dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
    shape = draw(st.lists(st.integers(0, 9), min_size=least_axes, max_size=4))
    axis = 0 if least_axes == 1 else len(shape) - 1
    indices = draw(st.lists(st.integers(0, shape[axis] - 1), unique=True)) if shape[axis] else []
    return dtype, shape, indices, draw(st.sampled_from([3, 16, 64, 1000, 8192]))


def check(make, expected, dtype, shape, buffer_bytes):
    item = ITEM_BYTES[dtype][1]
    data = content(f"{dtype}{shape}", math.prod(shape) * item)
    array = np.frombuffer(data, f"V{item}").reshape(shape)
    with tempfile.TemporaryDirectory() as folder:
        ref = raw(Path(folder) / "m", "t", dtype, shape, data)
        plan = make(ref)
        want = expected(array.copy())
        assert plan.shape == want.shape
        assert emitted(plan, buffer_bytes) == want.tobytes()


def blanked(array, at):
    array[at] = np.zeros((), array.dtype)
    return array


@settings(deadline=None)
@given(cases(1))
def test_kept_rows_are_those_that_numpy_picks(case):
    dtype, shape, rows, buffer_bytes = case
    check(lambda ref: cuts.keep_rows(ref, rows), lambda a: a[rows], dtype, shape, buffer_bytes)


@settings(deadline=None)
@given(cases(1))
def test_blanked_rows_are_zero_and_the_rest_stays(case):
    dtype, shape, rows, buffer_bytes = case
    check(lambda ref: cuts.blank_rows(ref, rows), lambda a: blanked(a, rows), dtype, shape, buffer_bytes)


@settings(deadline=None)
@given(cases(2))
def test_kept_columns_are_those_that_numpy_picks(case):
    dtype, shape, columns, buffer_bytes = case
    check(lambda ref: cuts.keep_columns(ref, columns), lambda a: a[..., columns], dtype, shape, buffer_bytes)


@settings(deadline=None)
@given(cases(2))
def test_blanked_columns_are_zero_and_the_rest_stays(case):
    dtype, shape, columns, buffer_bytes = case
    check(
        lambda ref: cuts.blank_columns(ref, columns),
        lambda a: blanked(a, (..., columns)),
        dtype,
        shape,
        buffer_bytes,
    )


@pytest.mark.parametrize("buffer_bytes", [700, 2**20])
@pytest.mark.parametrize("dtype", ["bool", "bfloat16", "float32", "int64"])
@pytest.mark.parametrize(
    "columns", [range(0, 300, 2), range(40, 170), [5, 3, 299, *range(100, 200)]], ids=["odd", "block", "mix"]
)
def test_tall_matrices_take_the_strided_way_and_wide_ones_the_other(dtype, columns, buffer_bytes):
    for shape in ((301, 300), (2, 300)):
        for make, expected in (
            (cuts.keep_columns, lambda a: a[:, list(columns)]),
            (cuts.blank_columns, lambda a: blanked(a, (..., list(columns)))),
        ):
            check(lambda ref, make=make: make(ref, columns), expected, dtype, shape, buffer_bytes)


def ref_of(*shape, dtype="BF16"):
    return TensorRef("t", dtype, shape, Path("f"), 8, 2 * math.prod(shape))


def test_neighbours_are_read_as_one_range():
    assert len(cuts.keep_rows(ref_of(10, 3), [4, 5, 6, 1, 2]).pieces) == 2
    (piece,) = cuts.keep_columns(ref_of(3, 10), [4, 5, 6, 1, 2]).pieces
    assert piece.ranges == ((8, 14), (2, 6))
    assert cuts.keep_columns(ref_of(3, 10), range(10)).pieces == cuts.whole(ref_of(3, 10)).pieces


def test_names_are_kept_unless_another_is_given():
    ref = ref_of(4, 4)
    for cut in (cuts.keep_rows, cuts.blank_rows, cuts.keep_columns, cuts.blank_columns):
        assert cut(ref, [1]).name == "t"
        assert cut(ref, [1], "other").name == "other"
    assert (cuts.whole(ref).name, cuts.whole(ref, "other").name) == ("t", "other")


@pytest.mark.parametrize("cut", [cuts.keep_rows, cuts.blank_rows, cuts.keep_columns, cuts.blank_columns])
@pytest.mark.parametrize("indices", [[4], [-1], [1, 1], [0, 2, 0]])
def test_indices_out_of_range_or_twice_are_refused(cut, indices):
    with pytest.raises(UsageError, match="t: indices"):
        cut(ref_of(4, 4), indices)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2"])
def test_tensors_below_a_byte_an_element_are_kept_whole_or_not_at_all(dtype):
    ref = TensorRef("t", dtype, (4, 4), Path("f"), 8, 8)
    assert cuts.whole(ref).pieces == (Copy(Path("f"), 8, 8),)
    for cut in (cuts.keep_rows, cuts.blank_rows, cuts.keep_columns, cuts.blank_columns):
        with pytest.raises(UsageError, match="whole bytes"):
            cut(ref, [1])


def test_scalars_have_no_rows_and_vectors_no_columns():
    for cut in (cuts.keep_rows, cuts.blank_rows):
        with pytest.raises(UsageError, match="scalar"):
            cut(ref_of(), [])
    for cut in (cuts.keep_columns, cuts.blank_columns):
        with pytest.raises(UsageError, match="at least two"):
            cut(ref_of(4), [1])


@pytest.mark.parametrize(
    "piece",
    [
        Copy(Path("f"), -1, 8),
        Copy(Path("f"), 0, -8),
        Zeros(-8),
        KeepColumns(Path("f"), 0, 2, 8, ((0, 9),)),
        KeepColumns(Path("f"), 0, 2, 8, ((4, 4),)),
        KeepColumns(Path("f"), 0, 2, 8, ((4, 8), (0, 5))),
        KeepColumns(Path("f"), 0, -2, 8, ((0, 4),)),
        ZeroColumns(Path("f"), -8, 2, 4, ((0, 4),)),
        ZeroColumns(Path("f"), 0, 2, 4, ((-1, 4),)),
    ],
    ids=repr,
)
def test_pieces_that_contradict_themselves_are_refused(piece):
    with pytest.raises(UsageError, match="inside of their source"):
        check_plans([TensorPlan(name="t", dtype="U8", shape=(8,), pieces=(piece,))])


def test_a_source_that_ends_too_early_is_named(tmp_path):
    (tmp_path / "short").write_bytes(b"12345")
    plan = TensorPlan(name="t", dtype="U8", shape=(9,), pieces=(Copy(tmp_path / "short", 0, 9),))
    with pytest.raises(UsageError, match=r"short: .* end of the file at byte 5"):
        emitted(plan, 64)


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


def test_more_sources_than_may_be_open_are_read(tmp_path):
    for i in range(100):
        (tmp_path / f"{i:03d}").write_bytes(bytes([i]) * 10)
    before = open_files()
    pieces = tuple(Copy(tmp_path / f"{i:03d}", half * 5, 5) for half in range(2) for i in range(100))
    data = emitted(TensorPlan(name="t", dtype="U8", shape=(1000,), pieces=pieces), 64)
    assert data == b"".join(bytes([i]) * 5 for i in range(100)) * 2
    assert open_files() == before
