"""Writing half of the codec: runs inside the candidate's process, after the candidate's code.

Nothing here may be relied upon by who reads: the candidate can change all of it.
"""

import collections
import datetime
import decimal
import fractions
import sys
from collections.abc import Callable, Iterable
from typing import Any

from verifier.sandbox.packing import arrays, table
from verifier.sandbox.plain import (
    COMPLEX,
    CONTAINER_COST,
    DTYPE,
    FLOAT,
    MAGIC,
    MAX_NAME,
    PACKED_SHARE,
    WIDE,
    CodecError,
    Limits,
    Opaque,
)

# Sequences of one simple type travel as arrays from this length on, and tables of text from this many rows.
_PACK_FROM = 12
_TABLE_FROM = 4096
_KEYS: type = type({}.keys())
_VALUES: type = type({}.values())
_ITEMS: type = type({}.items())


class _LimitError(Exception):
    """The value is too large to be written at all."""


def encode(value: object, *, limits: Limits = WIDE, strict: bool = False) -> bytes:
    """Write a value. Never raises on whatever ``value`` is or does, unless ``strict``.

    Iterators are consumed, so code of the value's own may run. A value beyond the limits becomes one
    :class:`Opaque`.

    Args:
        value: what to write.
        limits: bounds on the result.
        strict: for trusted values: refuse what would not come back as it is.

    Returns:
        The encoding; at most ``limits.size`` bytes.

    Raises:
        CodecError: only if ``strict``.
    """
    writer = _Encoder(limits, strict)
    try:
        writer.value(value, 0)
        if len(writer.out) <= limits.size:
            return bytes(writer.out)
    except BaseException as error:  # SystemExit out of a value's own code must not end us either
        if strict:
            raise CodecError(f"expected a plain value within {limits}, found {error!r}") from error
    if strict:
        raise CodecError(f"expected at most {limits.size} bytes, found more")
    return MAGIC + b"?\x09too large"


class _Encoder:
    """One call of ``encode``."""

    __slots__ = ("active", "items", "limits", "numpy", "out", "strict")

    def __init__(self, limits: Limits, strict: bool) -> None:
        self.limits = limits
        self.strict = strict
        self.items = limits.items
        self.out = bytearray(MAGIC)
        self.active: set[int] = set()
        self.numpy: Any = sys.modules.get("numpy")

    def value(self, value: Any, depth: int) -> None:
        self.items -= 1
        if self.items < 0 or depth > self.limits.depth or len(self.out) > self.limits.size:
            raise _LimitError("more items, levels or bytes than allowed")
        mark = len(self.out)
        kind = type(value)
        try:
            write = _WRITERS.get(kind)
            if write is None:
                if self.strict:
                    self.exact_numpy(kind)
                write = _writer_of(kind, self.numpy)
            write(self, value, depth)
        except _LimitError:
            raise
        except BaseException:
            if self.strict:
                raise
            del self.out[mark:]
            self.opaque(kind)

    def exact_numpy(self, kind: type) -> None:
        known = self.numpy is not None and kind.__module__ == "numpy"
        if not known or not issubclass(kind, (self.numpy.generic, self.numpy.ndarray)):
            raise CodecError(f"a value of type {kind.__name__} has no exact encoding")

    def count(self, number: int) -> None:
        while number > 0x7F:
            self.out.append(number & 0x7F | 0x80)
            number >>= 7
        self.out.append(number)

    def raw(self, tag: bytes, data: bytes) -> None:
        if len(data) > self.limits.size:
            raise _LimitError("more bytes than allowed")
        self.out += tag
        self.count(len(data))
        self.out += data

    def opaque(self, kind: type) -> None:
        name = _type_name(kind)
        self.raw(b"?", name)

    def spend(self, items: int) -> None:
        self.items -= items
        if self.items < 0:
            raise _LimitError("more items than allowed")

    def several(self, tag: bytes, length: int, owner: object, parts: Iterable[Any], depth: int) -> None:
        """Write the parts of a container of ``length``; one that holds itself is not plain."""
        self.spend(CONTAINER_COST - 1)
        if id(owner) in self.active:
            raise CodecError("the value contains itself")
        self.active.add(id(owner))
        try:
            self.out += tag
            self.count(length)
            for part in parts:
                self.value(part, depth + 1)
        finally:
            self.active.discard(id(owner))


def _type_name(kind: type) -> bytes:
    try:
        name = type.__dict__["__name__"].__get__(kind)
        return str.encode(name[:MAX_NAME], "utf-8", "replace")
    except BaseException:  # noqa: BLE001 - whatever a metaclass does
        return b"unknown"


def _write_none(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"N"


def _write_bool(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"T" if value else b"F"


def _write_int(e: _Encoder, value: Any, depth: int) -> None:
    bits = int.bit_length(value)
    if bits < 63:
        plain = int.__add__(value, 0)
        e.out += b"i"
        e.count(plain << 1 if plain >= 0 else (~plain << 1) | 1)
        return
    length = bits // 8 + 1
    if length > e.limits.integer:
        raise _LimitError("an integer larger than allowed")
    e.raw(b"j", int.to_bytes(value, length, "little", signed=True))


def _write_float(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"f" + FLOAT.pack(value)


def _write_complex(e: _Encoder, value: Any, depth: int) -> None:
    plain = complex.__pos__(value)
    e.out += b"c" + COMPLEX.pack(plain.real, plain.imag)


def _write_str(e: _Encoder, value: Any, depth: int) -> None:
    if str.__len__(value) > e.limits.size:
        raise _LimitError("more bytes than allowed")
    e.raw(b"s", str.encode(value, "utf-8", "surrogatepass"))


def _bytes_writer(tag: bytes, base: Any) -> "_Writer":
    """Writer of bytes or bytearray; the slice is an exact copy even of a subclass."""

    def write(e: _Encoder, value: Any, depth: int) -> None:
        if base.__len__(value) > e.limits.size:
            raise _LimitError("more bytes than allowed")
        e.raw(tag, bytes(base.__getitem__(value, slice(None))))

    return write


def _sequence_writer(tag: bytes, base: Any) -> "_Writer":
    """Writer of a list, tuple, set, frozenset, deque or view, through the base class's own methods."""

    def write(e: _Encoder, value: Any, depth: int) -> None:
        if base.__len__(value) > e.items:
            raise _LimitError("more items than allowed")
        # A copy, because writing an iterator further down may run code that changes the container.
        items = list(base.__iter__(value))
        if base not in (list, tuple) or len(items) < _PACK_FROM or not _packed(e, tag, items):
            e.several(tag, len(items), value, items, depth)

    return write


def _packed(e: _Encoder, tag: bytes, items: list[Any]) -> bool:
    """Write a sequence of one simple type as an array, or a list of equally long tuples of text as a table.

    Returns:
        False if nothing was written, because the items are not that simple.
    """
    kinds = set(map(type, items))
    if kinds == {tuple}:
        return tag == b"l" and len(items) >= _TABLE_FROM and _write_table(e, items)
    parts = arrays(kinds, items)
    if parts is None:
        return False
    form, *data = parts
    e.spend(len(items) // PACKED_SHARE)
    e.out += b"P" + tag + form
    e.count(len(items))
    for part in data:
        e.raw(b"", part)
    return True


def _write_table(e: _Encoder, rows: list[tuple[Any, ...]]) -> bool:
    """Write rows of one length whose cells are few different texts; False if they are not that simple."""
    packed = table(rows, e.limits.table)
    if packed is None:
        return False
    width, words, cells = packed
    e.spend(len(rows))
    e.out += b"R"
    e.count(len(rows))
    e.count(width)
    e.several(b"", len(words), words, words, 0)
    e.raw(b"", cells)
    return True


def _mapping_writer(tag: bytes, base: Any) -> "_Writer":
    """Writer of a dict or one of its standard subclasses: keys and values in turn, in order."""

    def write(e: _Encoder, value: Any, depth: int) -> None:
        if 2 * dict.__len__(value) > e.items:
            raise _LimitError("more items than allowed")
        items = list(base.items(value))
        e.several(tag, len(items), value, (part for pair in items for part in pair), depth)

    return write


def _write_range(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"r"
    for part in (value.start, value.stop, value.step):
        _write_int(e, part, depth)


def _write_decimal(e: _Encoder, value: Any, depth: int) -> None:
    text = decimal.Decimal.__str__(value)
    if len(text) > e.limits.number:
        raise CodecError("a decimal longer than allowed")
    e.raw(b"D", text.encode("ascii"))


def _write_fraction(e: _Encoder, value: Any, depth: int) -> None:
    slots = fractions.Fraction.__dict__
    parts = [slots[name].__get__(value) for name in ("_numerator", "_denominator")]
    if any(int.bit_length(part) > 8 * e.limits.number - 1 for part in parts):
        raise CodecError("a fraction longer than allowed")
    e.out += b"Q"
    for part in parts:
        _write_int(e, part, depth)


def _fields(base: Any, *names: str) -> Callable[[Any], list[int]]:
    """Read integer attributes through the descriptors of the base class."""
    getters = [base.__dict__[name].__get__ for name in names]
    return lambda value: [get(value) for get in getters]


_DATE = _fields(datetime.date, "year", "month", "day")
_TIME = _fields(datetime.datetime, "hour", "minute", "second", "microsecond", "fold")
_DELTA = _fields(datetime.timedelta, "days", "seconds", "microseconds")


def _write_date(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"a"
    for part in _DATE(value):
        e.count(part)


def _write_datetime(e: _Encoder, value: Any, depth: int) -> None:
    zone = datetime.datetime.__dict__["tzinfo"].__get__(value)
    if zone is not None and type(zone) is not datetime.timezone:
        raise CodecError("a time zone of its own is not plain")
    e.out += b"A"
    for part in (*_DATE(value), *_TIME(value)):
        e.count(part)
    e.value(None if zone is None else zone.utcoffset(None), depth + 1)


def _write_timedelta(e: _Encoder, value: Any, depth: int) -> None:
    e.out += b"e"
    for part in _DELTA(value):
        _write_int(e, part, depth)


def _write_numpy(e: _Encoder, value: Any, depth: int) -> None:
    """Write a NumPy scalar or array as dtype, shape and raw bytes."""
    np = e.numpy
    scalar = not issubclass(type(value), np.ndarray)
    array = np.asarray(value) if scalar else np.ndarray.view(value, np.ndarray)
    name = array.dtype.str
    if not DTYPE.fullmatch(name) or (not scalar and array.size > e.limits.array):
        _write_iterable(e, value, depth)
        return
    if array.nbytes > e.limits.size:
        raise _LimitError("more bytes than allowed")
    e.raw(b"n" if scalar else b"m", name.encode("ascii"))
    if not scalar:
        e.count(array.ndim)
        for length in array.shape:
            e.count(length)
    e.raw(b"", array.tobytes())


def _write_iterable(e: _Encoder, value: Any, depth: int) -> None:
    """Take what an iterable gives. Endless ones are not plain."""
    items: list[Any] = []
    for item in value:
        if len(items) >= e.limits.iterated:
            raise CodecError("an iterator that gives more than allowed")
        items.append(item)
    e.raw(b"I", _type_name(type(value)))
    e.several(b"", len(items), value, items, depth)


def _write_opaque(e: _Encoder, value: Any, depth: int) -> None:
    if type(value) is not Opaque and e.strict:
        raise CodecError(f"a value of type {type(value).__name__} has no encoding")
    name = (
        str.encode(value.type_name, "utf-8", "replace") if type(value) is Opaque else _type_name(type(value))
    )
    e.raw(b"?", name)


_Writer = Callable[[_Encoder, Any, int], None]
_WRITERS: dict[type, _Writer] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    str: _write_str,
    bytes: _bytes_writer(b"b", bytes),
    bytearray: _bytes_writer(b"B", bytearray),
    list: _sequence_writer(b"l", list),
    tuple: _sequence_writer(b"t", tuple),
    set: _sequence_writer(b"S", set),
    frozenset: _sequence_writer(b"Z", frozenset),
    collections.deque: _sequence_writer(b"q", collections.deque),
    collections.OrderedDict: _mapping_writer(b"O", collections.OrderedDict),
    collections.Counter: _mapping_writer(b"C", dict),
    dict: _mapping_writer(b"d", dict),
    range: _write_range,
    decimal.Decimal: _write_decimal,
    fractions.Fraction: _write_fraction,
    datetime.datetime: _write_datetime,
    datetime.date: _write_date,
    datetime.timedelta: _write_timedelta,
    _KEYS: _sequence_writer(b"k", _KEYS),
    _VALUES: _sequence_writer(b"v", _VALUES),
    _ITEMS: _sequence_writer(b"x", _ITEMS),
}
_SUBCLASSABLE = tuple(kind for kind in _WRITERS if kind not in (type(None), bool, range))


def _writer_of(kind: type, numpy: Any) -> _Writer:
    """Writer for a type that is not one of the exact ones."""
    if numpy is not None and issubclass(kind, (numpy.generic, numpy.ndarray)):
        return _write_numpy
    for base in _SUBCLASSABLE:
        if issubclass(kind, base):
            return _WRITERS[base]
    if any("__iter__" in base.__dict__ for base in type.mro(kind)):
        return _write_iterable
    return _write_opaque
