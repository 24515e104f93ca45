"""Long sequences of simple values as few byte strings: what makes writing large results cheap."""

import array
import itertools
import zlib
from typing import Any

_CHUNK = 1_000_000
_WORDS = 256
_FLIP = bytes([1, 0, *range(2, 256)])


def arrays(kinds: set[type], items: list[Any]) -> tuple[bytes, ...] | None:
    """Pack a sequence of one simple type, or of integers and floats.

    Byte order is the machine's: both ends are on one machine.

    Args:
        kinds: the items' types.
        items: the sequence.

    Returns:
        The form's tag and one to three byte strings; None if the items are not that simple.
    """
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


def table(rows: list[tuple[Any, ...]], limit: int) -> tuple[int, list[str], bytes] | None:
    """Pack tuples of one length whose cells are few different texts.

    Args:
        rows: the tuples; at least one.
        limit: cells at most.

    Returns:
        Width of a row, the sorted texts, and one compressed byte for each cell; None if the rows are not
        that simple.
    """
    widths = set(map(len, rows))
    width = widths.pop()
    if widths or not width or len(rows) * width > limit or type(rows[0][0]) is not str:
        return None
    if set(map(type, itertools.chain.from_iterable(rows))) != {str}:
        return None
    words = sorted(set(itertools.chain.from_iterable(rows)))
    if len(words) > _WORDS:
        return None
    index = {word: number for number, word in enumerate(words)}
    packer = zlib.compressobj(1)
    step = max(1, _CHUNK // width)
    data = bytearray()
    for start in range(0, len(rows), step):
        cells = itertools.chain.from_iterable(rows[start : start + step])
        data += packer.compress(bytes(map(index.__getitem__, cells)))
    return width, words, bytes(data + packer.flush())
