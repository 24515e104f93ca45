"""What the codec's two halves share: its limits, its errors and the values that stand for no plain value."""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

MAGIC = b"\xa1"
MAX_NAME = 100
MAX_SAME_HASH = 64
# A container takes as much memory as several plain values, and a packed number less than one.
CONTAINER_COST = 4
PACKED_SHARE = 4
FLOAT = struct.Struct("<d")
COMPLEX = struct.Struct("<dd")
# Booleans, integers, floats, complex numbers, text and byte strings; never objects or records.
DTYPE = re.compile(r"[<>|=][biufcUS][0-9]{1,7}", re.ASCII)


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
    table: int = 200_000_000


# For what a process of limited memory writes, and for reading trusted ground truth: one problem of MBPP+
# (Mbpp/255) has a right result of 128 million cells, 1 GiB in memory.
WIDE = Limits()
# For what comes from a candidate.
LIMITS = WIDE._replace(table=4_000_000)


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
            if len(same) >= MAX_SAME_HASH:
                raise CodecError(f"more than {MAX_SAME_HASH} different values have one hash")
            same.append(item)
    return {item for same in by_hash.values() for item in same}
