"""What a rewritten model consists of: for each tensor the bytes it is made of, in order. Data, no work."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Copy:
    """A range of bytes of a file, as it is."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Zeros:
    """So many zero bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that are computed, not copied; small."""

    data: bytes


@dataclass(frozen=True, slots=True)
class KeepColumns:
    """A matrix stored row by row: of every row only some byte ranges.

    Attributes:
        path, offset: where the matrix starts.
        rows: how many rows it has.
        row_bytes: bytes of one row.
        ranges: (start, stop) byte ranges within a row, in the order in which they are kept.
    """

    path: Path
    offset: int
    rows: int
    row_bytes: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ZeroColumns:
    """A matrix stored row by row, with some byte ranges of every row set to zero; fields as above."""

    path: Path
    offset: int
    rows: int
    row_bytes: int
    ranges: tuple[tuple[int, int], ...]


Piece = Copy | Zeros | Literal | KeepColumns | ZeroColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPlan:
    """One tensor of the result.

    Attributes:
        name: its key.
        dtype: safetensors dtype, such as ``BF16``.
        shape: its dimensions.
        pieces: what its bytes are, row-major, one after another.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A file that a rewrite made.

    Attributes:
        filename: its name inside of the folder.
        sha256: 64 hex digits, computed while writing.
        size: bytes.
    """

    filename: str
    sha256: str
    size: int
