"""The safetensors library is the oracle: what it accepts we accept, what we accept it accepts."""

import json
import os
import struct
from pathlib import Path

import pytest
import safetensors
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from verifier.errors import DocumentError
from verifier.evidence import safetensors_header
from verifier.evidence.safetensors_header import DTYPE_BITS, parse_header, read_header


def pack(header: object | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def ours(file: bytes) -> bool:
    try:
        parse_header(file, len(file))
    except DocumentError:
        return False
    return True


def theirs(file: bytes) -> bool:
    try:
        safetensors.deserialize(file)
    except safetensors.SafetensorError:
        return False
    return True


def entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_a_real_header() -> None:
    file = pack(
        {"__metadata__": {"format": "pt"}, "b": entry(offsets=(8, 12)), "a": entry("F16", (2, 2), (0, 8))},
        bytes(12),
    )
    header = parse_header(file, len(file))
    assert [(t.name, t.dtype, t.shape, t.begin, t.end) for t in header.tensors] == [
        ("a", "F16", (2, 2), 0, 8),
        ("b", "F32", (1,), 8, 12),
    ]
    assert header.parameters == 5
    assert header.metadata == {"format": "pt"}
    assert header.data_start == len(file) - 12
    assert header.data_bytes == 12


def test_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    size = 3 * 1024**3
    head = pack({"w": entry("U8", (size,), (0, size))})
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    assert read_header(path).parameters == size


HOSTILE = {
    "empty": b"",
    "seven-bytes": b"1234567",
    "length-beyond-file": pack(b"{}", length=3),
    "length-of-2^63": pack(b"{}", length=2**63),
    "length-of-2^64-1": pack(b"{}", length=2**64 - 1),
    "length-zero": pack(b""),
    "no-json": pack(b"hello"),
    "no-utf8": pack(b'{"\xff": 1}'),
    "bom": pack(b"\xef\xbb\xbf{}"),
    "list": pack([]),
    "nan": pack(b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0], "x": NaN}}'),
    "out-of-range": pack(b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0], "x": 1e999}}'),
    "surrogate": pack(b'{"a\\ud800": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}'),
    "surrogate-in-metadata": pack(b'{"__metadata__": {"a": "\\udfff"}}'),
    "control-character": pack(b'{"a\n": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}'),
    "deep": pack(b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "very-deep": pack(b"[" * 1_000_000),
    "metadata-number": pack({"__metadata__": {"a": 1}}),
    "metadata-list": pack({"__metadata__": []}),
    "metadata-twice": pack(b'{"__metadata__": {}, "__metadata__": {}}'),
    "member-twice": pack(b'{"a": {"dtype": "U8", "dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}'),
    "no-dtype": pack({"a": {"shape": [0], "data_offsets": [0, 0]}}),
    "unknown-dtype": pack({"a": entry("F128", (1,), (0, 16))}, bytes(16)),
    "dtype-case": pack({"a": entry("f32")}, bytes(4)),
    "dtype-list": pack({"a": entry(["F32"])}, bytes(4)),
    "negative-shape": pack({"a": entry("U8", (-1, -4))}, bytes(4)),
    "minus-zero": pack(b'{"a": {"dtype": "U8", "shape": [-0], "data_offsets": [0, 0]}}'),
    "float-shape": pack({"a": entry("U8", (4.0,))}, bytes(4)),
    "bool-shape": pack({"a": entry("F32", (True,))}, bytes(4)),
    "text-shape": pack({"a": entry("U8", ("4",))}, bytes(4)),
    "shape-of-2^64": pack({"a": entry("U8", (2**64,), (0, 0))}),
    "overflow-to-zero": pack({"a": entry("U8", (2**32, 2**32), (0, 0))}),
    "overflow-before-zero": pack({"a": entry("U8", (2**63, 4, 0), (0, 0))}),
    "overflow-by-dtype": pack({"a": entry("F64", (2**61,), (0, 0))}),
    "digits": pack(b'{"a": {"dtype": "U8", "shape": [' + b"9" * 100_000 + b'], "data_offsets": [0, 0]}}'),
    "three-offsets": pack({"a": entry(offsets=(0, 4, 8))}, bytes(4)),
    "one-offset": pack({"a": entry(offsets=(0,))}, bytes(4)),
    "backwards": pack({"a": entry("U8", (0,), (4, 0))}, bytes(4)),
    "too-short-for-shape": pack({"a": entry("F32", (2,))}, bytes(4)),
    "half-a-byte": pack({"a": entry("F4", (3,), (0, 2))}, bytes(2)),
    "hole": pack({"a": entry(), "b": entry(offsets=(8, 12))}, bytes(12)),
    "hole-at-the-start": pack({"a": entry(offsets=(4, 8))}, bytes(8)),
    "overlap": pack({"a": entry(), "b": entry(offsets=(2, 6))}, bytes(6)),
    "same-place": pack({"a": entry(), "b": entry()}, bytes(4)),
    "beyond-the-file": pack({"a": entry("F32", (100,), (0, 400))}, bytes(4)),
    "rest": pack({"a": entry()}, bytes(5)),
    "cut": pack({"a": entry()}, bytes(3)),
    "trailing-junk-in-header": pack(b"{} x"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused_here_and_there(name: str) -> None:
    file = HOSTILE[name]
    with pytest.raises(DocumentError) as caught:
        parse_header(file, len(file))
    assert len(str(caught.value)) < 1500
    assert caught.value.remedy or "twice" in str(caught.value)
    assert not theirs(file)


FINE = {
    "nothing": pack({}),
    "spaces": pack(b"  {} \n\t "),
    "metadata-null": pack({"__metadata__": None}),
    "scalar": pack({"a": entry("F64", (), (0, 8))}, bytes(8)),
    "empty-tensors-in-one-place": pack(
        {"a": entry("F32", (0,), (0, 0)), "b": entry("F32", (5, 0), (0, 0)), "c": entry()}, bytes(4)
    ),
    "zero-before-overflow": pack({"a": entry("U8", (0, 2**63, 4), (0, 0))}),
    "unknown-member": pack({"a": entry() | {"note": [1e300, {"x": None}, 2**70]}}, bytes(4)),
    "empty-name": pack({"": entry()}, bytes(4)),
    "escaped-surrogate-pair": pack(b'{"__metadata__": {"a": "\\ud83d\\ude00"}}'),
    "four-bit": pack({"a": entry("F4", (3, 2), (0, 3))}, bytes(3)),
}


@pytest.mark.parametrize("name", FINE)
def test_unusual_but_right_headers_are_accepted_here_and_there(name: str) -> None:
    file = FINE[name]
    assert theirs(file)
    parse_header(file, len(file))


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_every_dtype_has_the_librarys_size(dtype: str) -> None:
    size = DTYPE_BITS[dtype]
    assert theirs(pack({"a": entry(dtype, (8,), (0, size))}, bytes(size)))
    assert ours(pack({"a": entry(dtype, (8,), (0, size))}, bytes(size)))
    assert not ours(pack({"a": entry(dtype, (8,), (0, size + 1))}, bytes(size + 1)))


@pytest.mark.parametrize("depth", range(110, 140))
def test_nesting_has_the_librarys_limit(depth: int) -> None:
    for deep in (b"[" * depth + b"]" * depth, b'{"x":' * depth + b"1" + b"}" * depth):
        file = pack(b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0], "x": ' + deep + b"}}")
        assert ours(file) == theirs(file), depth


def test_stricter_than_the_library_a_name_twice() -> None:
    one = b'"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}'
    file = pack(b"{" + one + b"," + one + b"}")
    assert theirs(file)
    with pytest.raises(DocumentError, match="expected unique names, found 'a' twice"):
        parse_header(file, len(file))


def test_stricter_than_the_library_a_list_for_an_entry() -> None:
    file = pack(b'{"a": ["U8", [0], [0, 0]]}')
    assert theirs(file)
    assert not ours(file)


def test_stricter_than_the_library_too_many_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors_header, "MAX_CONTAINERS", 9)
    three = {name: entry("U8", (0,), (0, 0)) for name in "abc"}
    with pytest.raises(DocumentError, match="at most 9 lists and objects, found 10"):
        parse_header(pack(three), len(pack(three)))


def test_a_header_that_was_cut_while_read() -> None:
    file = pack({"a": entry()}, bytes(4))
    with pytest.raises(DocumentError, match=r"expected .* bytes, found"):
        parse_header(file[:20], len(file))


# A busy machine must not fail a test: no deadlines.
many = settings(
    max_examples=int(os.environ.get("ALLOY_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

NAMES = st.text(max_size=8).filter(lambda name: name != "__metadata__")


@st.composite
def right_files(draw: st.DrawFn) -> bytes:
    place = 0
    tensors: dict[str, object] = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        dtype = draw(st.sampled_from(sorted(DTYPE_BITS)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        bits = DTYPE_BITS[dtype]
        for size in shape:
            bits *= size
        assume(bits % 8 == 0)
        tensors[name] = entry(dtype, shape, (place, place + bits // 8))
        place += bits // 8
    if draw(st.booleans()):
        tensors["__metadata__"] = draw(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3))
    names = draw(st.permutations(list(tensors)))
    raw = json.dumps({name: tensors[name] for name in names}, ensure_ascii=draw(st.booleans()))
    return pack(raw.encode() + b" " * draw(st.integers(0, 3)), bytes(place))


@many
@given(right_files())
def test_right_files_are_accepted_with_the_librarys_answer(file: bytes) -> None:
    header = parse_header(file, len(file))
    found = {t.name: (t.dtype, list(t.shape), t.end - t.begin) for t in header.tensors}
    expected = {
        name: (t["dtype"], list(t["shape"]), len(t["data"])) for name, t in safetensors.deserialize(file)
    }
    assert found == expected


NUMBERS = st.one_of(
    st.integers(-2, 9),
    st.sampled_from([2**31, 2**32, 2**61, 2**63, 2**64 - 1, 2**64]),
    st.just(1.0),
    st.none(),
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*sorted(DTYPE_BITS)[:6], "f32", 5, None]),
        "shape": st.lists(NUMBERS, max_size=3) | st.none(),
        "data_offsets": st.lists(st.integers(-1, 12) | NUMBERS, min_size=1, max_size=3),
    },
    optional={"note": st.none() | st.integers()},
)


@many
@given(st.dictionaries(NAMES, ENTRIES, max_size=3), st.integers(0, 16))
@example({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, 4)
def test_made_up_headers_have_the_librarys_verdict(header: dict[str, object], size: int) -> None:
    file = pack(header, bytes(size))
    assert ours(file) == theirs(file)


@many
@given(right_files(), st.data())
def test_damaged_files_have_the_librarys_verdict(file: bytes, data: st.DataObject) -> None:
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        how = data.draw(st.sampled_from(["flip", "cut", "add", "double"]))
        if how == "flip" and damaged:
            damaged[position] = data.draw(st.sampled_from(b'0123456789-+.eE"{}[]:, \\u\x00\x80\xff'))
        elif how == "cut":
            del damaged[position]
        elif how == "add":
            damaged.insert(position, data.draw(st.integers(0, 255)))
        else:
            damaged[position:position] = damaged[position : position + 4]
    result = bytes(damaged)
    if ours(result):
        assert theirs(result)
    elif theirs(result):
        # Looser there on purpose: a name that occurs twice.
        pairs = json.loads(result[8 : 8 + int.from_bytes(result[:8], "little")], object_pairs_hook=list)
        assert len({name for name, _ in pairs}) < len(pairs)


@many
@given(st.binary(max_size=200))
def test_any_bytes_have_the_librarys_verdict(junk: bytes) -> None:
    assert ours(junk) == theirs(junk)
    assert ours(pack(junk)) == theirs(pack(junk))
