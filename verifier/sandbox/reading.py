"""Reading half of the codec: runs where the bytes come from a stranger."""

import array
import collections
import datetime
import decimal
import fractions
import itertools
import math
import sys
import zlib
from collections.abc import Callable
from typing import Any

from verifier.sandbox.plain import (
    COMPLEX,
    CONTAINER_COST,
    DTYPE,
    FLOAT,
    LIMITS,
    MAGIC,
    MAX_NAME,
    MAX_SAME_HASH,
    PACKED_SHARE,
    CodecError,
    Iterated,
    Limits,
    Opaque,
    bounded_set,
)


def _check_keys(keys: list[Any]) -> None:
    if len(keys) > MAX_SAME_HASH:
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
        self.items -= CONTAINER_COST - 1
        if length > min(self.items, len(self.data) - self.position):
            raise CodecError("more items announced than there can be")
        return [self.value(depth + 1) for _ in range(length)]

    def pairs(self, depth: int) -> list[tuple[Any, Any]]:
        length = self.count()
        self.items -= CONTAINER_COST - 1
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
    d.items -= length // PACKED_SHARE
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
    if not DTYPE.fullmatch(text) or len(shape) > 32 or max(shape, default=0) > d.limits.array:
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
    return Opaque(d.raw()[: 4 * MAX_NAME].decode("utf-8"))


def _read_iterated(d: _Decoder, depth: int) -> Iterated:
    name = d.raw()[: 4 * MAX_NAME].decode("utf-8")
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
        "f": lambda d, depth: FLOAT.unpack(d.take(8))[0],
        "c": lambda d, depth: complex(*COMPLEX.unpack(d.take(16))),
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
