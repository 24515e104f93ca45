"""Plain values as bytes: the only language that a sandboxed candidate may speak.

``encode`` runs inside the candidate's process and may be tampered with by it at will; ``decode`` runs
outside. The format has no way to name code, so whatever bytes arrive, they decode to a value of a closed
set of built-in types, to :class:`Iterated` or :class:`Opaque` (which equal nothing), or are refused.

A value of a class of its own never gets to say what it equals: subclasses of built-in types travel as their
base value, read through the base class's methods, and anything else as an :class:`Opaque`.

Limits are checked before anything is allocated. Crafted hash collisions are refused too, because building
a set of a hundred thousand equal hashes takes minutes.

This module is loaded by itself inside the sandbox: it imports the standard library alone, and NumPy only
where values of NumPy types have to be written (then it is loaded already) or read.

Layout: one magic byte, then one value: a tag byte and its payload. Counts and lengths are unsigned LEB128.
"""

import array
import collections
import datetime
import decimal
import fractions
import itertools
import math
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

MAGIC = b"\xa1"
_MAX_NAME = 100
_MAX_SAME_HASH = 64
# Sequences of one simple type travel as arrays from this length on, and tables of text from this many rows.
_PACK_FROM = 12
_TABLE_FROM = 4096
# A container takes as much memory as several plain values.
_CONTAINER_COST = 4
_PACKED_SHARE = 4
_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_KEYS: type = type({}.keys())
_VALUES: type = type({}.values())
_ITEMS: type = type({}.items())
# Booleans, integers, floats, complex numbers, text and byte strings; never objects or records.
_DTYPE = re.compile(r"[<>|=][biufcUS][0-9]{1,7}", re.ASCII)


class CodecError(ValueError):
    """Bytes are not a well-formed encoding within the limits, or (strict) a value has none.

    From a candidate's process this means that the candidate failed, not that the judge broke.
    """


class Limits(NamedTuple):
    """Bounds on one encoded value.

    Attributes:
        depth: levels of nesting.
        items: values in total; a container counts as four, a packed number or text as a quarter.
        size: bytes in total.
        integer: bytes of one integer.
        number: bytes of one decimal's text and of either part of one fraction: their arithmetic is quadratic.
        array: elements of one NumPy array.
        iterated: items taken from one iterator.
        table: cells of one table of text; a compressed table can be far larger than its bytes.
    """

    depth: int = 100
    items: int = 8_000_000
    size: int = 64 * 1024 * 1024
    integer: int = 1024 * 1024
    number: int = 4096
    array: int = 65_536
    iterated: int = 100_000
    table: int = 4_000_000


LIMITS = Limits()
# For what a limited process writes, and for reading the project's own ground truth: one problem of MBPP+
# (Mbpp/255) has a right result of 128 million cells.
WIDE = LIMITS._replace(table=200_000_000)


class Opaque:
    """Something that has no plain value. Equals nothing, itself included, and is not None.

    Attributes:
        type_name: name of its class, for messages only.
    """

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type_name!r})"


class Iterated(Opaque):
    """What an iterator, generator or other iterable gave. Equals nothing, but can be iterated over.

    Attributes:
        items: the values, in order.
    """

    __slots__ = ("items",)

    def __init__(self, type_name: str, items: tuple[Any, ...]) -> None:
        super().__init__(type_name)
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


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
        self.spend(_CONTAINER_COST - 1)
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
        return str.encode(name[:_MAX_NAME], "utf-8", "replace")
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
    e.out += b"f" + _FLOAT.pack(value)


def _write_complex(e: _Encoder, value: Any, depth: int) -> None:
    plain = complex.__pos__(value)
    e.out += b"c" + _COMPLEX.pack(plain.real, plain.imag)


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
    parts = _arrays(kinds, items)
    if parts is None:
        return False
    form, *data = parts
    e.spend(len(items) // _PACKED_SHARE)
    e.out += b"P" + tag + form
    e.count(len(items))
    for part in data:
        e.raw(b"", part)
    return True


def _arrays(kinds: set[type], items: list[Any]) -> tuple[bytes, ...] | None:
    """Form and data of a packed sequence. Byte order is the machine's: both ends are on one machine."""
    try:
        if kinds == {int}:
            return b"i", array.array("q", items).tobytes()
        if kinds == {float}:
            return b"f", array.array("d", items).tobytes()
        if kinds == {bool}:
            return b"T", bytes(items)
        if kinds == {str}:
            text = "".join(items).encode("utf-8", "surrogatepass")
            return b"s", array.array("I", map(len, items)).tobytes(), text
        if kinds == {int, float}:
            mask = bytes([kind is float for kind in map(type, items)])
            integers = array.array("q", itertools.compress(items, mask.translate(_FLIP)))
            return b"m", mask, integers.tobytes(), array.array("d", itertools.compress(items, mask)).tobytes()
    except (OverflowError, TypeError):
        return None
    return None


_FLIP = bytes([1, 0, *range(2, 256)])


def _write_table(e: _Encoder, rows: list[tuple[Any, ...]]) -> bool:
    """Write rows of one length whose cells are few different texts."""
    widths = set(map(len, rows))
    width = widths.pop()
    if widths or not width or len(rows) * width > e.limits.table or type(rows[0][0]) is not str:
        return False
    if set(map(type, itertools.chain.from_iterable(rows))) != {str}:
        return False
    words = sorted(set(itertools.chain.from_iterable(rows)))
    if len(words) > 256:
        return False
    index = {word: number for number, word in enumerate(words)}
    packer = zlib.compressobj(1)
    e.spend(len(rows))
    e.out += b"R"
    e.count(len(rows))
    e.count(width)
    e.several(b"", len(words), words, words, 0)
    step = max(1, 1_000_000 // width)
    data = bytearray()
    for start in range(0, len(rows), step):
        cells = itertools.chain.from_iterable(rows[start : start + step])
        data += packer.compress(bytes(map(index.__getitem__, cells)))
    e.raw(b"", bytes(data + packer.flush()))
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
    if not _DTYPE.fullmatch(name) or (not scalar and array.size > e.limits.array):
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


def bounded_set(items: Iterable[Any]) -> set[Any]:
    """Make a set of untrusted values in linear time.

    Raises:
        CodecError: for more than a few different values with one hash.
        TypeError: for an item that cannot be hashed.
    """
    by_hash: dict[int, list[Any]] = {}
    for item in items:
        same = by_hash.setdefault(hash(item), [])
        if item not in same:
            if len(same) >= _MAX_SAME_HASH:
                raise CodecError(f"more than {_MAX_SAME_HASH} different values have one hash")
            same.append(item)
    return {item for same in by_hash.values() for item in same}


def _check_keys(keys: list[Any]) -> None:
    if len(keys) > _MAX_SAME_HASH:
        bounded_set(keys)


def decode(data: bytes, *, limits: Limits = LIMITS) -> Any:
    """Read one value. Executes nothing and allocates nothing that ``data`` does not already hold.

    Args:
        data: untrusted bytes.
        limits: bounds on what is read.

    Returns:
        The value. Mutable parts are new and shared with nothing.

    Raises:
        CodecError: the bytes are no encoding within the limits.
    """
    if len(data) > limits.size:
        raise CodecError(f"expected at most {limits.size} bytes, found {len(data)}")
    if data[:1] != MAGIC:
        raise CodecError(f"expected an encoding to start with {MAGIC!r}, found {data[:1]!r}")
    reader = _Decoder(data, limits)
    try:
        value = reader.value(0)
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        if isinstance(error, CodecError):
            raise
        raise CodecError(f"malformed value near byte {reader.position}: {error}") from error
    if reader.position != len(data):
        raise CodecError(f"expected the value to end at byte {len(data)}, found {reader.position}")
    return value


class _Decoder:
    """One call of ``decode``."""

    __slots__ = ("data", "items", "limits", "position")

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.position = len(MAGIC)
        self.limits = limits
        self.items = limits.items

    def value(self, depth: int) -> Any:
        self.items -= 1
        if self.items < 0 or depth > self.limits.depth:
            raise CodecError("more items or levels than allowed")
        tag = self.data[self.position]
        self.position += 1
        read = _READERS.get(tag)
        if read is None:
            raise CodecError(f"unknown tag {tag} at byte {self.position - 1}")
        return read(self, depth)

    def count(self) -> int:
        number = shift = 0
        while True:
            byte = self.data[self.position]
            self.position += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise CodecError("a count longer than allowed")

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise CodecError(f"expected {length} bytes at {self.position}, found the end")
        start, self.position = self.position, end
        return self.data[start:end]

    def raw(self) -> bytes:
        return self.take(self.count())

    def sequence(self, depth: int) -> list[Any]:
        length = self.count()
        self.items -= _CONTAINER_COST - 1
        if length > min(self.items, len(self.data) - self.position):
            raise CodecError("more items announced than there can be")
        return [self.value(depth + 1) for _ in range(length)]

    def pairs(self, depth: int) -> list[tuple[Any, Any]]:
        length = self.count()
        self.items -= _CONTAINER_COST - 1
        if 2 * length > min(self.items, len(self.data) - self.position):
            raise CodecError("more items announced than there can be")
        pairs = [(self.value(depth + 1), self.value(depth + 1)) for _ in range(length)]
        _check_keys([key for key, _ in pairs])
        return pairs

    def integer(self, depth: int = 0) -> int:
        tag = self.take(1)
        if tag == b"i":
            return _read_small(self, depth)
        if tag == b"j":
            return _read_int(self, depth)
        raise CodecError(f"expected an integer, found tag {tag!r}")


def _read_small(d: _Decoder, depth: int) -> int:
    number = d.count()
    return ~(number >> 1) if number & 1 else number >> 1


def _read_int(d: _Decoder, depth: int) -> int:
    data = d.raw()
    if len(data) > d.limits.integer:
        raise CodecError("an integer larger than allowed")
    return int.from_bytes(data, "little", signed=True)


def _read_decimal(d: _Decoder, depth: int) -> decimal.Decimal:
    text = d.raw()
    if len(text) > d.limits.number:
        raise CodecError("a decimal longer than allowed")
    return decimal.Decimal(text.decode("ascii"))


def _read_fraction(d: _Decoder, depth: int) -> fractions.Fraction:
    parts = d.integer(), d.integer()
    if any(part.bit_length() > 8 * d.limits.number for part in parts):
        raise CodecError("a fraction longer than allowed")
    return fractions.Fraction(*parts)


def _read_datetime(d: _Decoder, depth: int) -> datetime.datetime:
    *fields, fold = [d.count() for _ in range(8)]
    offset = d.value(depth + 1)
    zone = None if offset is None else datetime.timezone(offset)
    year, month, day, hour, minute, second, microsecond = fields
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _read_packed(d: _Decoder, depth: int) -> Any:
    """Read a list or tuple that came as an array."""
    outer, form, length = d.take(1), d.take(1), d.count()
    d.items -= length // _PACKED_SHARE
    if d.items < 0 or outer not in (b"l", b"t"):
        raise CodecError("more items than allowed, or neither a list nor a tuple")
    items: list[Any]
    if form == b"i":
        items = _numbers(d, "q", length)
    elif form == b"f":
        items = _numbers(d, "d", length)
    elif form == b"T":
        items = [bool(byte) for byte in _mask(d, length)]
    elif form == b"s":
        items = _texts(d, length)
    elif form == b"m":
        mask = _mask(d, length)
        floats = mask.count(1)
        integers, others = iter(_numbers(d, "q", length - floats)), iter(_numbers(d, "d", floats))
        items = [next(others) if byte else next(integers) for byte in mask]
    else:
        raise CodecError(f"unknown form {form!r} of a packed sequence")
    return items if outer == b"l" else tuple(items)


def _numbers(d: _Decoder, code: str, length: int) -> list[Any]:
    numbers, data = array.array(code), d.raw()
    if len(data) != length * numbers.itemsize:
        raise CodecError(f"expected {length} packed numbers, found {len(data)} bytes")
    numbers.frombytes(data)
    return numbers.tolist()


def _mask(d: _Decoder, length: int) -> bytes:
    mask = d.raw()
    if len(mask) != length or mask.strip(b"\0\1"):
        raise CodecError(f"expected {length} packed truth values, found {len(mask)} bytes or others")
    return mask


def _texts(d: _Decoder, length: int) -> list[str]:
    lengths = _numbers(d, "I", length)
    text = d.raw().decode("utf-8", "surrogatepass")
    ends = list(itertools.accumulate(lengths))
    if (ends[-1] if ends else 0) != len(text):
        raise CodecError("packed texts of another length than announced")
    return [text[end - size : end] for size, end in zip(lengths, ends, strict=True)]


def _read_table(d: _Decoder, depth: int) -> list[tuple[str, ...]]:
    rows, width = d.count(), d.count()
    words = d.sequence(depth)
    cells = rows * width
    d.items -= rows
    if not words or not width or cells > d.limits.table or d.items < 0:
        raise CodecError(f"expected a table of at most {d.limits.table} cells, found {cells}")
    if any(type(word) is not str for word in words):
        raise CodecError("expected text in a table")
    packer = zlib.decompressobj()
    try:
        data = packer.decompress(d.raw(), cells + 1)
    except zlib.error as error:
        raise CodecError(f"a table that cannot be unpacked: {error}") from error
    if len(data) != cells or not packer.eof or packer.unused_data:
        raise CodecError(f"expected a table of {cells} cells, found {len(data)} or more")
    return [tuple([words[cell] for cell in data[start : start + width]]) for start in range(0, cells, width)]


def _elements(d: _Decoder, name: bytes, shape: tuple[int, ...]) -> Any:
    """Read the raw elements of a NumPy array of known type and shape, all of them checked."""
    text = name.decode("ascii")
    size = math.prod(shape)
    if not _DTYPE.fullmatch(text) or len(shape) > 32 or max(shape, default=0) > d.limits.array:
        raise CodecError("not the type and shape of a plain array")
    data = d.raw()
    import numpy as np

    dtype = np.dtype(text)
    if size > d.limits.array or len(data) != size * dtype.itemsize:
        raise CodecError(f"expected {size} elements of {text}, found {len(data)} bytes")
    if not data:
        return np.zeros(shape, dtype)
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    if dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise CodecError("a boolean that is neither 0 nor 1")
    if dtype.kind == "U" and np.frombuffer(data, dtype.str[0] + "u4").max() > sys.maxunicode:
        raise CodecError("a character beyond Unicode")
    return array


def _read_array(d: _Decoder, depth: int) -> Any:
    name, dimensions = d.raw(), d.count()
    if dimensions > 32:
        raise CodecError("an array of more than 32 dimensions")
    return _elements(d, name, tuple(d.count() for _ in range(dimensions)))


def _read_opaque(d: _Decoder, depth: int) -> Opaque:
    return Opaque(d.raw()[: 4 * _MAX_NAME].decode("utf-8"))


def _read_iterated(d: _Decoder, depth: int) -> Iterated:
    name = d.raw()[: 4 * _MAX_NAME].decode("utf-8")
    return Iterated(name, tuple(d.sequence(depth)))


def _read_set(d: _Decoder, depth: int) -> set[Any]:
    return bounded_set(d.sequence(depth))


_READERS: dict[int, Callable[[_Decoder, int], Any]] = {
    ord(tag): read
    for tag, read in {
        "N": lambda d, depth: None,
        "T": lambda d, depth: True,
        "F": lambda d, depth: False,
        "i": _read_small,
        "j": _read_int,
        "f": lambda d, depth: _FLOAT.unpack(d.take(8))[0],
        "c": lambda d, depth: complex(*_COMPLEX.unpack(d.take(16))),
        "s": lambda d, depth: d.raw().decode("utf-8", "surrogatepass"),
        "b": lambda d, depth: d.raw(),
        "B": lambda d, depth: bytearray(d.raw()),
        "l": _Decoder.sequence,
        "t": lambda d, depth: tuple(d.sequence(depth)),
        "S": _read_set,
        "Z": lambda d, depth: frozenset(_read_set(d, depth)),
        "q": lambda d, depth: collections.deque(d.sequence(depth)),
        "O": lambda d, depth: collections.OrderedDict(d.pairs(depth)),
        "C": lambda d, depth: collections.Counter(dict(d.pairs(depth))),
        "d": lambda d, depth: dict(d.pairs(depth)),
        "r": lambda d, depth: range(d.integer(), d.integer(), d.integer()),
        "D": _read_decimal,
        "Q": _read_fraction,
        "A": _read_datetime,
        "a": lambda d, depth: datetime.date(d.count(), d.count(), d.count()),
        "e": lambda d, depth: datetime.timedelta(d.integer(), d.integer(), d.integer()),
        "n": lambda d, depth: _elements(d, d.raw(), ())[()],
        "m": _read_array,
        "k": lambda d, depth: dict.fromkeys(_read_unique(d, depth)).keys(),
        "v": lambda d, depth: dict(enumerate(d.sequence(depth))).values(),
        "x": lambda d, depth: dict(_read_unique(d, depth, paired=True)).items(),
        "P": _read_packed,
        "R": _read_table,
        "I": _read_iterated,
        "?": _read_opaque,
    }.items()
}


def _read_unique(d: _Decoder, depth: int, *, paired: bool = False) -> list[Any]:
    """Read the items of a view whose keys (the items, or the first of each pair) a dict will take."""
    items = d.sequence(depth)
    if paired and not all(isinstance(item, tuple) and len(item) == 2 for item in items):
        raise CodecError("expected pairs in a view of items")
    _check_keys([item[0] for item in items] if paired else items)
    return items
