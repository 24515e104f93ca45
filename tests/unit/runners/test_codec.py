"""Plain values survive the way out of the sandbox; nothing else gets out of it, and nothing hangs."""

import collections
import copy
import datetime
import decimal
import enum
import fractions
import itertools
import math
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.sandbox.codec import (
    LIMITS,
    WIDE,
    CodecError,
    Iterated,
    Limits,
    Opaque,
    bounded_set,
    decode,
    encode,
)
from verifier.sandbox.plain import MAGIC, MAX_SAME_HASH

# The machine may be busy: neither the deadline nor slow generation says anything about the codec.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**200), max_value=2**200),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(alphabet=st.characters(), max_size=20),
    st.binary(max_size=20),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
)
# Deferred strategies have a short name; spelled out, what is built on them has one of megabytes.
HASHABLE = st.recursive(
    st.deferred(lambda: SCALARS), lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4)
)
KEYS = st.deferred(lambda: HASHABLE)
SEQUENCES = st.one_of(
    *(st.lists(kind, min_size=10, max_size=40) for kind in (st.integers(), st.floats(allow_nan=False))),
    *(st.lists(kind, min_size=10, max_size=40) for kind in (st.booleans(), st.text(max_size=5))),
    st.lists(st.integers() | st.floats(allow_nan=False), min_size=10, max_size=40),
)
VALUES = st.recursive(
    st.deferred(lambda: HASHABLE | SEQUENCES | SEQUENCES.map(tuple)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=15),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(KEYS, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(collections.deque),
        st.dictionaries(st.text(max_size=3), inner, max_size=4).map(collections.OrderedDict),
    ),
    max_leaves=20,
)


def shape(value: Any) -> Any:
    """Types all the way down: 1, 1.0 and True are equal and must still be told apart."""
    if isinstance(value, dict):
        return type(value), [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(repr(shape(item)) for item in value)
    if isinstance(value, list | tuple | collections.deque):
        return type(value), [shape(item) for item in value]
    return type(value), repr(value)


@UNTIMED
@given(VALUES)
def test_round_trip(value: Any) -> None:
    back = decode(encode(value, strict=True))
    assert back == value
    assert shape(back) == shape(value)


@UNTIMED
@given(st.lists(st.integers(-3, 3) | st.floats() | st.text(max_size=1), max_size=80))
def test_bounded_set_is_set(items: list[Any]) -> None:
    assert bounded_set(items) == set(items)


EXACT = [
    math.inf,
    -0.0,
    "lone \ud800 surrogate",
    ["\ud83d", "\ude00"] * 8,
    bytearray(b"x"),
    range(5, -7, -3),
    collections.Counter("abca"),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.timezone(datetime.timedelta(hours=-3)), fold=1),
    decimal.Decimal("-0.00"),
    decimal.Decimal("sNaN123"),
    2 ** (8 * 1000),
    [2**63 - 1, -(2**63), *range(20)],
    [2**63, *range(20)],
    [0.0, -0.0, 1, 2, 3.5] * 4,
    [True, 1, 1.0] * 5,
    np.float64(1.5),
    np.int8(-3),
    np.bool_(True),
    np.str_("é"),
    np.complex64(1 + 2j),
    [("a", "bb", "")] * 5000,
]


@pytest.mark.parametrize("value", EXACT, ids=lambda value: repr(value)[:30])
def test_exact(value: Any) -> None:
    assert shape(decode(encode(value, strict=True))) == shape(value)


def test_nan_and_views_keep_their_nature() -> None:
    assert math.isnan(decode(encode(math.nan)))
    source = {"a": 1, "b": 2}
    assert decode(encode(source.keys())) == {"a", "b"}
    assert decode(encode(source.items())) == source.items()
    values = decode(encode(source.values()))
    assert list(values) == [1, 2]
    assert values != source.values()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1, 2], [3, 4]], dtype=">i2"),
        np.array([]),
        np.zeros((0, 7)),
        np.array(7.5),
        np.array(["ab", "c"]),
        np.array([b"ab", b"c"]),
        np.array([True, False]),
        np.arange(24).reshape(2, 3, 4)[:, ::2],
        np.array([[1.5]]).view(np.matrix),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays(array: Any) -> None:
    back = decode(encode(array))
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == np.asarray(array)).all()


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.IntEnum):
    RED = 3


class LyingList(list):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 10**12

    def __iter__(self) -> Any:
        return itertools.repeat(42)

    def __eq__(self, other: object) -> bool:
        return True

    def __getitem__(self, index: Any) -> Any:
        return 42


class LyingText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("other")

    def encode(self, *args: Any, **kwargs: Any) -> bytes:
        return b"other"

    def __str__(self) -> str:
        return "other"


class LyingFloat(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __float__(self) -> float:
        return 42.0


class LyingInt(int):
    def __index__(self) -> int:
        return 42

    __int__ = __index__

    def __eq__(self, other: object) -> bool:
        return True

    def bit_length(self) -> int:
        return 1


class LyingDict(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return [("answer", 42)]

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, 2), (1, 2)),
        (Colour.RED, 3),
        (LyingList([1, 2]), [1, 2]),
        (LyingText("mine"), "mine"),
        (LyingFloat(1.5), 1.5),
        (LyingInt(7), 7),
        (LyingInt(2**80), 2**80),
        (LyingDict(a=1), {"a": 1}),
        (collections.defaultdict(int, a=1), {"a": 1}),
        ([LyingInt(7)] * 20, [7] * 20),
        ([LyingText("mine")] * 20, ["mine"] * 20),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclasses_travel_as_their_base_value(value: Any, plain: Any) -> None:
    assert shape(decode(encode(value))) == shape(plain)


class AlwaysEqual:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Disguised:
    @property
    def __class__(self) -> Any:
        return int

    def __index__(self) -> int:
        return 42


class Raiser:
    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(name)

    def __iter__(self) -> Any:
        raise KeyboardInterrupt


class BadMeta(type):
    def __hash__(cls) -> int:
        raise SystemExit

    def __instancecheck__(cls, instance: object) -> bool:
        return True

    def __getattribute__(cls, name: str) -> Any:
        raise SystemExit(name)


def hostile_class() -> Any:
    """Made on demand: a class like this at module level breaks even pytest's collection."""

    class Metaphorical(metaclass=BadMeta):
        pass

    return object.__new__(Metaphorical)


def cyclic() -> Any:
    value: list[Any] = [1]
    value.append(value)
    return value


def endless() -> Any:
    yield from itertools.count()


def shared_bomb() -> Any:
    value: list[Any] = [0]
    for _ in range(60):
        value = [value, value]
    return value


def deep() -> Any:
    value: list[Any] = []
    for _ in range(50_000):
        value = [value]
    return value


def shrinking() -> Any:
    value: list[Any] = []

    def empty() -> Any:
        value.clear()
        yield 1

    value.extend([empty(), 2, 3])
    return value


@pytest.mark.parametrize(
    "make",
    [
        AlwaysEqual,
        Disguised,
        Raiser,
        hostile_class,
        endless,
        shared_bomb,
        deep,
        object,
        lambda: len,
        lambda: int,
        lambda: Disguised,
        lambda: b"x" * (WIDE.size + 1),
        lambda: [b"x" * (WIDE.size // 2)] * 3,
        lambda: 1 << (8 * WIDE.integer),
        lambda: fractions.Fraction(1, 1 << (8 * WIDE.number)),
        lambda: np.array([object()], dtype=[("field", object)])[0],
    ],
    ids=lambda make: make.__name__,
)
def test_hostile_values_become_opaque(make: Any) -> None:
    back = decode(encode(make()))
    assert isinstance(back, Opaque)
    assert back is not None
    assert back != back
    assert back not in (42, back.type_name)
    assert (back == 42) is False


def test_a_hostile_item_spoils_only_itself() -> None:
    back = decode(encode([1, AlwaysEqual(), cyclic(), 2]))
    assert (back[0], back[3]) == (1, 2)
    assert isinstance(back[1], Opaque)
    assert isinstance(back[2][1], Opaque)
    assert back != [1, back[1], [1, 1], 2]


def test_a_container_may_change_while_it_is_written() -> None:
    back = decode(encode(shrinking()))
    assert isinstance(back[0], Iterated)
    assert back[1:] == [2, 3]


@pytest.mark.parametrize(
    "make", [lambda: (i for i in "ab"), lambda: map(str, "ab"), lambda: iter(["a", "b"])]
)
def test_iterators_equal_nothing_but_give_their_items(make: Any) -> None:
    back = decode(encode(make()))
    assert isinstance(back, Iterated)
    assert set(back) == {"a", "b"}
    assert back != ["a", "b"]
    assert (back == back) is False


@pytest.mark.parametrize("value", [AlwaysEqual(), [cyclic()], iter([1]), Point(1, 2), b"x" * (WIDE.size + 1)])
def test_strict_refuses_what_would_not_come_back(value: Any) -> None:
    with pytest.raises(CodecError):
        encode(value, strict=True)


def same_hash(count: int) -> list[int]:
    return [index * (2**61 - 1) for index in range(count)]


@pytest.mark.parametrize("outer", [set, frozenset, dict.fromkeys, lambda keys: dict.fromkeys(keys).keys()])
def test_crafted_hash_collisions_are_refused(outer: Any) -> None:
    many = outer(same_hash(MAX_SAME_HASH + 1))
    with pytest.raises(CodecError, match="one hash"):
        decode(encode(many))
    few = outer(same_hash(MAX_SAME_HASH))
    assert decode(encode(few)) == few


def test_limits_hold_for_the_reader() -> None:
    assert decode(encode([1] * 5, strict=True), limits=Limits(items=9)) == [1] * 5
    for value, limits in [
        ([[1]] * 5, Limits(items=9)),
        ([[[1]]], Limits(depth=2)),
        ("x" * 100, Limits(size=50)),
        (2**800, Limits(integer=50)),
        (fractions.Fraction(1, 2**800), Limits(number=50)),
        (np.zeros(51), Limits(array=50)),
        ([("a", "b")] * 5000, Limits(table=9999)),
    ]:
        with pytest.raises(CodecError):
            decode(encode(value, strict=True), limits=limits)


def test_a_table_that_unfolds_needs_the_wide_limits() -> None:
    rows = [("a",) * 1000] * 5000
    data = encode(rows)
    assert len(data) < 50_000
    with pytest.raises(CodecError, match="cells"):
        decode(data, limits=LIMITS)
    assert decode(data, limits=WIDE) == rows


def leb(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"NN",
        b"l" + leb(2**62),
        b"d" + leb(2**40) + b"NN",
        b"s" + leb(2**50) + b"x",
        b"s\x01\xff",
        b"l" + b"\xff" * 30,
        b"l\x01" * 5000 + b"N",
        b"S\x01l\x00",
        b"d\x01l\x00N",
        b"r\x02\x02\x02",
        b"ri\x02i\x02i\x00",
        b"rNNN",
        b"D\x03abc",
        b"Qi\x02i\x00",
        b"a\x00\x00\x00",
        b"ei" + leb(2**61) + b"i\x00i\x00",
        b"n\x03|O8\x08" + b"\0" * 8,
        b"n\x04<f16\x08" + b"\0" * 8,
        b"m\x03<f8\x02" + leb(2**40) + leb(2**40) + b"\x00",
        b"m\x03<U0\x01" + leb(2**30) + b"\x00",
        b"n\x03|b1\x01\x07",
        b"n\x03<U1\x04\xff\xff\xff\x7f",
        b"Pli" + leb(2**40) + b"\x00",
        b"Pdi\x00\x00",
        b"Plz\x00",
        b"PlT\x01\x01\x05",
        b"Pls\x01\x04\xff\xff\xff\xff\x01x",
        b"Plm\x01\x01\x01\x00\x00",
        b"R" + leb(10**6) + b"\x01\x01s\x01a\x00",
        b"R\x01\x01\x00\x00",
        b"x\x01N",
    ],
)
def test_malformed_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(CodecError):
        decode(MAGIC + body)


def test_other_formats_are_refused() -> None:
    for data in (b"", b"N", b"\x80\x04N.", b"null"):
        with pytest.raises(CodecError, match="start with"):
            decode(data)


def read(data: bytes) -> None:
    """Decode; anything but a value or the codec's own error fails the test."""
    try:
        decode(data, limits=LIMITS._replace(items=10_000, table=10_000))
    except CodecError as error:
        assert str(error)


TAGS = "NTFijfcsbBltSZqOCdrDQAaenmkvxPRI?"


@given(st.lists(st.sampled_from(TAGS.encode()) | st.integers(0, 255), max_size=60).map(bytes))
@settings(UNTIMED, max_examples=500)
def test_random_bytes_never_break_the_reader(data: bytes) -> None:
    read(MAGIC + data)


SEEDS = [
    encode(value) for value in [*EXACT[:-1], [Point(1, 2), {1: {2}}, iter("ab"), object(), {1: 2}.items()]]
]
SEEDS.append(encode([("a", "b")] * 5000))


@given(st.sampled_from(SEEDS), st.data())
@settings(UNTIMED, max_examples=500)
def test_mutated_encodings_never_break_the_reader(seed: bytes, draw: st.DataObject) -> None:
    data = bytearray(seed)
    for _ in range(draw.draw(st.integers(1, 4))):
        position = draw.draw(st.integers(0, max(0, len(data) - 1)))
        data[position : position + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
    read(bytes(data))


def test_what_is_read_shares_nothing() -> None:
    inner = [1]
    back = decode(encode([inner, inner]))
    back[0].append(2)
    assert back == [[1, 2], [1]]
    assert copy.deepcopy(inner) == [1]


def test_the_module_loads_nothing_but_itself_and_the_standard_library() -> None:
    code = (
        "import sys, verifier.sandbox.codec as c; c.decode(c.encode([1, {2: 'x'}]));"
        "print(sorted({m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)"
        " - {'__main__', 'verifier'}), sorted(m for m in sys.modules if m.startswith('verifier.')))"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    names = [
        "sandbox",
        "sandbox.codec",
        "sandbox.packing",
        "sandbox.plain",
        "sandbox.reading",
        "sandbox.writing",
    ]
    assert found.strip() == f"[] {[f'verifier.{name}' for name in names]}"
