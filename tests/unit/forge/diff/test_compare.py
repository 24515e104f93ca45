"""``forge.diff`` against what numpy and safetensors themselves say."""

import json
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from forge import diff
from forge.diff import Kind, compare, first_difference
from verifier.errors import DocumentError, UsageError

DTYPES = ("f4", "f2", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def write(folder, tensors, name="model.safetensors"):
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / name)
    return folder


def arrays(seed, dtype="f4"):
    rng = np.random.default_rng(seed)
    shapes = {"model.layers.0.a": (7, 5), "model.layers.1.a": (7, 5), "head": (3,), "scalar": ()}
    return {n: np.asarray(rng.normal(0, 50, s)).astype(dtype) for n, s in shapes.items()}


def test_the_same_folder_is_the_same(tmp_path):
    a, b = write(tmp_path / "a", arrays(1)), write(tmp_path / "b", arrays(1))
    found = compare(a, b)
    assert found.same
    assert (found.files, found.tensors, found.equal_tensors) == ((), (), 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_statistics_are_those_of_numpy(tmp_path, dtype):
    x, y = arrays(1, dtype), arrays(2, dtype)
    found = compare(write(tmp_path / "a", x), write(tmp_path / "b", y))
    assert {t.name for t in found.tensors} == x.keys()
    for tensor in found.tensors:
        a, b = x[tensor.name], y[tensor.name]
        bytes_a, bytes_b = a.tobytes(), b.tobytes()
        apart = np.abs(b.astype("f8") - a.astype("f8"))
        stats = tensor.statistics
        assert tensor.kind is Kind.BYTES
        assert tensor.first_byte == next(
            i for i, p in enumerate(zip(bytes_a, bytes_b, strict=True)) if p[0] != p[1]
        )
        assert (stats.elements, stats.differing) == (a.size, np.count_nonzero(a != b))
        assert stats.max_abs == apart.max()
        assert stats.mean_abs == pytest.approx(apart.mean(), rel=1e-12)
        expected = np.linalg.norm(apart) / np.linalg.norm(a.astype("f8"))
        assert stats.relative_l2 == pytest.approx(expected, rel=1e-12)


def test_bfloat16_is_decoded_as_torch_does(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(0)
    x, y = (torch.randn(33, 17).to(torch.bfloat16) for _ in range(2))
    for name, value in (("a", x), ("b", y)):
        save_torch({"w": value}, tmp_path / f"{name}.safetensors")
    (tensor,) = compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors").tensors
    a, b = x.double(), y.double()
    assert tensor.statistics.max_abs == (a - b).abs().max().item()
    assert tensor.statistics.differing == (x != y).sum().item()
    assert tensor.statistics.relative_l2 == pytest.approx(((a - b).norm() / a.norm()).item(), rel=1e-12)


def test_two_dtypes_of_one_shape_are_compared_by_value(tmp_path):
    x = {"w": np.array([1.0, 2.5, np.nan, 1e-9], "f4")}
    found = compare(write(tmp_path / "a", x), write(tmp_path / "b", {"w": x["w"].astype("f2")}))
    (tensor,) = found.tensors
    assert (tensor.kind, tensor.first_byte) == (Kind.DTYPE, None)
    assert (tensor.statistics.differing, tensor.statistics.max_abs) == (1, float(np.float32(1e-9)))


def test_whole_numbers_of_64_bits_are_subtracted_exactly(tmp_path):
    x = {"w": np.array([2**63 - 1, -(2**63), 5], "i8")}
    y = {"w": np.array([2**63 - 2, 2**63 - 1, 5], "i8")}
    (tensor,) = compare(write(tmp_path / "a", x), write(tmp_path / "b", y)).tensors
    assert tensor.statistics.max_abs == float(2**64 - 1)
    assert tensor.statistics.differing == 2
    x, y = {"w": np.array([2**64 - 1], "u8")}, {"w": np.array([2**64 - 2], "u8")}
    (tensor,) = compare(write(tmp_path / "c", x), write(tmp_path / "d", y)).tensors
    assert tensor.statistics.max_abs == 1.0


def test_what_is_not_finite_is_counted_and_left_out(tmp_path):
    x = {"w": np.array([np.inf, np.nan, 1.0, 0.0, np.nan], "f4")}
    y = {"w": np.array([-np.inf, 3.0, 1.5, -0.0, np.nan], "f4")}
    (tensor,) = compare(write(tmp_path / "a", x), write(tmp_path / "b", y)).tensors
    stats = tensor.statistics
    assert (stats.differing, stats.non_finite, stats.max_abs) == (4, 2, 0.5)
    assert stats.relative_l2 == 0.5


def test_numbers_near_the_end_of_the_range_do_not_overflow(tmp_path):
    x, y = {"w": np.array([1e300, 3e300])}, {"w": np.array([1e300, 1e300])}
    (tensor,) = compare(write(tmp_path / "a", x), write(tmp_path / "b", y)).tensors
    assert tensor.statistics.relative_l2 == pytest.approx(2 / np.sqrt(10))


def test_a_side_of_zeros_has_no_relative_difference(tmp_path):
    x, y = {"w": np.zeros(3, "f4"), "v": np.ones(3, "f4")}, {"w": np.ones(3, "f4"), "v": np.full(3, 9, "f4")}
    found = compare(write(tmp_path / "a", x), write(tmp_path / "b", y))
    assert [t.name for t in found.changed] == ["w", "v"]
    assert found.changed[0].statistics.relative_l2 is None


def test_what_is_on_one_side_alone_or_of_another_shape_is_named(tmp_path):
    x = {"gone": np.ones(2, "f4"), "same": np.ones(2, "f4"), "shape": np.ones((2, 3), "f4")}
    y = {"new": np.ones(2, "f4"), "same": np.ones(2, "f4"), "shape": np.ones((3, 2), "f4")}
    a, b = write(tmp_path / "a", x), write(tmp_path / "b", y)
    (a / "only.json").write_text("{}")
    found = compare(a, b)
    kinds = {t.name: t.kind for t in found.tensors}
    assert kinds == {"gone": Kind.ONLY_A, "new": Kind.ONLY_B, "shape": Kind.SHAPE}
    assert {f.path: f.kind for f in found.files} == {
        "model.safetensors": Kind.BYTES,
        "only.json": Kind.ONLY_A,
    }
    assert found.equal_tensors == 1


def test_another_packing_of_equal_tensors_differs_in_files_alone(tmp_path):
    x = arrays(1)
    a = write(tmp_path / "a", x)
    b = write(tmp_path / "b", {"head": x.pop("head")}, "model-00001-of-00002.safetensors")
    write(b, x, "model-00002-of-00002.safetensors")
    found = compare(a, b)
    assert (found.same, found.tensors, found.equal_tensors) == (False, (), 4)


def test_a_model_in_a_subfolder_has_names_of_its_own(tmp_path):
    for side in "ab":
        write(tmp_path / side, arrays(1))
        write(tmp_path / side / "vae", arrays(ord(side)))
    names = {t.name for t in compare(tmp_path / "a", tmp_path / "b").tensors}
    assert names == {f"vae/{n}" for n in arrays(1)}


@given(st.binary(min_size=1, max_size=300), st.data())
@settings(max_examples=60, deadline=None)
def test_the_first_differing_byte_is_found_wherever_it_is(tmp_path_factory, data, draw):
    folder = tmp_path_factory.mktemp("bytes")
    place = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[place] ^= draw.draw(st.integers(1, 255))
    changed[place + 1 :] = draw.draw(
        st.binary(min_size=len(data) - place - 1, max_size=len(data) - place - 1)
    )
    a, b = folder / "a", folder / "b"
    a.write_bytes(b"__" + data)
    b.write_bytes(bytes(changed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "PIECE_BYTES", draw.draw(st.integers(1, 64)))
        assert first_difference((a, 2, len(data)), (b, 0, len(data))) == place
        assert first_difference((a, 2, len(data)), (a, 2, len(data))) is None
        assert first_difference((a, 2, len(data)), (a, 2, len(data) - 1)) == len(data) - 1


def test_pieces_make_no_difference(tmp_path, monkeypatch):
    a, b = write(tmp_path / "a", arrays(1)), write(tmp_path / "b", arrays(2))
    whole = {t.name: t.statistics for t in compare(a, b).tensors}
    monkeypatch.setattr("forge.diff_stats.PIECE_ELEMENTS", 4)
    for tensor in compare(a, b).tensors:
        was, now = whole[tensor.name], tensor.statistics
        assert (now.differing, now.max_abs) == (was.differing, was.max_abs)
        assert now.relative_l2 == pytest.approx(was.relative_l2, rel=1e-12)


def test_no_side_is_held_in_memory(tmp_path):
    import tracemalloc

    x = np.zeros(12 * 1024 * 1024, "f4")
    a, y = write(tmp_path / "a", {"w": x}), x.copy()
    y[-1] = 1
    b = write(tmp_path / "b", {"w": y})
    del x, y
    tracemalloc.start()
    try:
        (tensor,) = compare(a, b).tensors
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tensor.statistics.differing == 1
    assert peak < 24 * 1024 * 1024, "48 MiB of each side were compared"


# hostile input


def hostile_header(header, data=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + data


HOSTILE = {
    "empty": b"",
    "truncated": hostile_header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 7),
    "huge length": struct.pack("<Q", 2**63) + b"{}",
    "overlap": hostile_header(
        {k: {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]} for k in "ab"}, b"\0\0"
    ),
    "deep": hostile_header(b"[" * 100_000),
    "negative": hostile_header({"w": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, b"\0"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("side", "ab")
def test_malformed_files_are_named(tmp_path, data, side):
    for name in "ab":
        write(tmp_path / name, arrays(1))
    (tmp_path / side / "evil.safetensors").write_bytes(data)
    with pytest.raises(DocumentError, match=r"^evil\.safetensors: "):
        compare(tmp_path / "a", tmp_path / "b")


def test_a_tensor_that_lies_in_two_files_is_refused(tmp_path):
    a = write(tmp_path / "a", arrays(1))
    write(a, arrays(1), "other.safetensors")
    with pytest.raises(DocumentError, match="expected each tensor once"):
        compare(a, a)


def test_links_out_of_a_folder_are_not_followed_but_the_hub_cache_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    a = write(tmp_path / "a", arrays(1))
    (a / "notes.txt").symlink_to(secret)
    with pytest.raises(UsageError, match="symbolic link"):
        compare(a, a)
    cache = tmp_path / "models--o--n"
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    (cache / "blobs" / "1234").write_bytes(save(arrays(1)))
    (snapshot / "model.safetensors").symlink_to("../../blobs/1234")
    assert compare(snapshot, write(tmp_path / "b", arrays(1))).same


def test_a_linked_folder_and_a_pipe_are_refused(tmp_path):
    a, b = write(tmp_path / "a", arrays(1)), write(tmp_path / "b", arrays(1))
    (a / "sub").symlink_to(b)
    with pytest.raises(UsageError, match="symbolic link"):
        compare(a, b)
    (a / "sub").unlink()
    os.mkfifo(a / "pipe")
    with pytest.raises(UsageError, match="expected a plain file"):
        compare(a, b)
    with pytest.raises(UsageError, match="expected a plain file"):
        compare(a / "pipe", a / "pipe")


def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path):
    (tmp_path / "a").write_bytes(b"12345678")
    with pytest.raises(DocumentError, match="it has shrunk"):
        first_difference((tmp_path / "a", 0, 9), (tmp_path / "a", 0, 9))


def test_a_file_beside_a_folder_is_refused(tmp_path):
    a = write(tmp_path / "a", arrays(1))
    with pytest.raises(UsageError, match="two folders or two files"):
        compare(a, a / "model.safetensors")
