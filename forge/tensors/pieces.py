"""How each kind of piece becomes bytes in a sink, straight from the source into the sink's buffer."""

import math
from itertools import pairwise

from forge.tensors.plan import Copy, KeepColumns, Literal, Piece, ZeroColumns, Zeros
from forge.tensors.sources import Sources
from forge.tensors.writer import Sink
from verifier.errors import UsageError

_ZEROS = bytes(1024 * 1024)


def piece_bytes(piece: Piece) -> int:
    """How many bytes a piece adds to the result."""
    match piece:
        case Copy(size=size) | Zeros(size=size):
            return size
        case Literal(data=data):
            return len(data)
        case KeepColumns(rows=rows, ranges=ranges):
            return rows * sum(stop - start for start, stop in ranges)
        case ZeroColumns(rows=rows, row_bytes=row_bytes):
            return rows * row_bytes


def check_piece(name: str, piece: Piece) -> None:
    """Refuse negative sizes and ranges that leave their row or overlap.

    Raises:
        UsageError: so it is; ``name`` is the tensor.
    """
    match piece:
        case Copy(offset=offset, size=size):
            sound = offset >= 0 and size >= 0
        case Zeros(size=size):
            sound = size >= 0
        case Literal():
            sound = True
        case KeepColumns() | ZeroColumns():
            ordered = sorted(piece.ranges)
            sound = (
                min(piece.offset, piece.rows, piece.row_bytes) >= 0
                and all(0 <= start < stop <= piece.row_bytes for start, stop in ordered)
                and all(one[1] <= other[0] for one, other in pairwise(ordered))
            )
    if not sound:
        raise UsageError(f"{name}: piece: expected ranges inside of their source; found {piece!r:.200}")


def emit(piece: Piece, sources: Sources, sink: Sink) -> None:
    """Send the bytes of a piece to a sink.

    Raises:
        UsageError: a source cannot be read or is too short.
        OSError: the sink cannot be written.
    """
    match piece:
        case Copy():
            _copy(piece, sources, sink)
        case Zeros(size=size):
            _zeros(size, sink)
        case Literal(data=data):
            _literal(data, sink)
        case KeepColumns():
            _keep_columns(piece, sources, sink)
        case ZeroColumns():
            _zero_columns(piece, sources, sink)


def _copy(piece: Copy, sources: Sources, sink: Sink) -> None:
    done = 0
    while done < piece.size:
        view = sink.room()[: piece.size - done]
        sources.read_into(piece.path, piece.offset + done, view)
        sink.advance(len(view))
        done += len(view)


def _zeros(size: int, sink: Sink) -> None:
    while size:
        view = sink.room()[: min(size, len(_ZEROS))]
        view[:] = _ZEROS[: len(view)]
        sink.advance(len(view))
        size -= len(view)


def _literal(data: bytes, sink: Sink) -> None:
    done = 0
    while done < len(data):
        view = sink.room()[: len(data) - done]
        view[:] = data[done : done + len(view)]
        sink.advance(len(view))
        done += len(view)


def _keep_columns(piece: KeepColumns, sources: Sources, sink: Sink) -> None:
    """Rows up to a buffer's size are read whole and cut in memory; longer ones are read range by range."""
    kept = sum(stop - start for start, stop in piece.ranges)
    if not kept:
        return
    if piece.row_bytes > sink.buffer_bytes:
        for row in range(piece.rows):
            base = piece.offset + row * piece.row_bytes
            for start, stop in piece.ranges:
                _copy(Copy(piece.path, base + start, stop - start), sources, sink)
        return
    scratch = memoryview(sink.scratch(sink.buffer_bytes))
    row = 0
    while row < piece.rows:
        view = sink.room(kept)
        count = min(piece.rows - row, len(scratch) // piece.row_bytes, len(view) // kept)
        block = scratch[: count * piece.row_bytes]
        sources.read_into(piece.path, piece.offset + row * piece.row_bytes, block)
        _gather(block, view[: count * kept], count, piece.row_bytes, piece.ranges)
        sink.advance(count * kept)
        row += count


def _zero_columns(piece: ZeroColumns, sources: Sources, sink: Sink) -> None:
    if piece.row_bytes > sink.buffer_bytes:
        _zero_columns_of_long_rows(piece, sources, sink)
        return
    row = 0
    while row < piece.rows and piece.row_bytes:
        view = sink.room(piece.row_bytes)
        count = min(piece.rows - row, len(view) // piece.row_bytes)
        block = view[: count * piece.row_bytes]
        sources.read_into(piece.path, piece.offset + row * piece.row_bytes, block)
        _blank(block, count, piece.row_bytes, piece.ranges)
        sink.advance(len(block))
        row += count


def _zero_columns_of_long_rows(piece: ZeroColumns, sources: Sources, sink: Sink) -> None:
    for row in range(piece.rows):
        base, place = piece.offset + row * piece.row_bytes, 0
        for start, stop in sorted(piece.ranges):
            _copy(Copy(piece.path, base + place, start - place), sources, sink)
            _zeros(stop - start, sink)
            place = stop
        _copy(Copy(piece.path, base + place, piece.row_bytes - place), sources, sink)


def _gather(
    source: memoryview, target: memoryview, rows: int, row_bytes: int, ranges: tuple[tuple[int, int], ...]
) -> None:
    """Copy ``ranges`` of every row of ``source`` to ``target``, row by row or column by column.

    Few long ranges are fastest row by row (one slice each); many short ones column by column, where one
    strided copy moves an element of all rows.
    """
    kept = sum(stop - start for start, stop in ranges)
    unit = _unit(row_bytes, kept, ranges)
    if rows * len(ranges) <= kept // unit:
        place = 0
        for base in range(0, rows * row_bytes, row_bytes):
            for start, stop in ranges:
                end = place + stop - start
                target[place:end] = source[base + start : base + stop]
                place = end
        return
    wide, narrow = _words(source, unit), _words(target, unit)
    columns = (c for start, stop in ranges for c in range(start // unit, stop // unit))
    for place, column in enumerate(columns):
        narrow[place :: kept // unit] = wide[column :: row_bytes // unit]


def _blank(block: memoryview, rows: int, row_bytes: int, ranges: tuple[tuple[int, int], ...]) -> None:
    """Set ``ranges`` of every row to zero; the way is chosen as in :func:`_gather`."""
    gone = sum(stop - start for start, stop in ranges)
    unit = _unit(row_bytes, gone, ranges)
    zeros = bytes(max([stop - start for start, stop in ranges] + [rows * unit]))
    if rows * len(ranges) <= gone // unit:
        for base in range(0, rows * row_bytes, row_bytes):
            for start, stop in ranges:
                block[base + start : base + stop] = zeros[: stop - start]
        return
    wide, blank = _words(block, unit), _words(memoryview(zeros)[: rows * unit], unit)
    for start, stop in ranges:
        for column in range(start // unit, stop // unit):
            wide[column :: row_bytes // unit] = blank


def _unit(row_bytes: int, kept: int, ranges: tuple[tuple[int, int], ...]) -> int:
    """The widest machine word that divides everything."""
    return math.gcd(8, row_bytes, kept, *(edge for span in ranges for edge in span))


def _words(view: memoryview, unit: int) -> memoryview:
    """The same memory as machine words of ``unit`` bytes."""
    match unit:
        case 1:
            return view
        case 2:
            return view.cast("H")
        case 4:
            return view.cast("I")
        case _:
            return view.cast("Q")
