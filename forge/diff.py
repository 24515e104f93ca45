"""What differs between two folders of weights, or between two files: files, tensors, bytes, statistics.

Everything is read in pieces, so that memory does not grow with the models. Files that are equal byte for
byte are read once; only the tensors of the others are looked at one by one. The comparison needs the
standard library alone; statistics need numpy.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from forge.diff_sides import Side, open_sides
from forge.diff_stats import Statistics, comparable, measure
from forge.stages.base import Progress, silent
from forge.tensors.model import TensorRef
from verifier.errors import DocumentError

PIECE_BYTES = 4 * 1024 * 1024
"""How much of each side is read at once; from 1 MiB on, throughput no longer depends on it."""


class Kind(Enum):
    """In what a file or tensor differs; the first that applies."""

    ONLY_A = "only-a"
    ONLY_B = "only-b"
    SHAPE = "shape"
    DTYPE = "dtype"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """A file that is not the same on both sides.

    Attributes:
        path: relative to both sides.
        kind: :attr:`Kind.ONLY_A`, ``ONLY_B`` or ``BYTES``.
        size_a, size_b: bytes; None where it is missing.
        first_byte: offset of the first differing byte. Where one file is the start of the other, that is
            the shorter one's size.
    """

    path: str
    kind: Kind
    size_a: int | None
    size_b: int | None
    first_byte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDifference:
    """A tensor that is not the same on both sides.

    Attributes:
        name: its name; in a sub-folder, after that folder's path.
        kind: in what it differs.
        a, b: where it lies; None where it is missing.
        first_byte: offset of the first differing byte from the tensor's start, where dtype and shape agree.
        statistics: by how much; None where the values cannot be compared, or were not asked for.
    """

    name: str
    kind: Kind
    a: TensorRef | None
    b: TensorRef | None
    first_byte: int | None = None
    statistics: Statistics | None = None

    @property
    def shown(self) -> TensorRef:
        """The side that has it."""
        ref = self.a or self.b
        assert ref is not None
        return ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that differs.

    Attributes:
        a, b: the two sides.
        files: differing files, by path.
        tensors: differing tensors, by name.
    """

    a: Side
    b: Side
    files: tuple[FileDifference, ...]
    tensors: tuple[TensorDifference, ...]

    @property
    def same(self) -> bool:
        """Every file is on both sides, byte for byte."""
        return not self.files

    @property
    def equal_tensors(self) -> int:
        """Tensors with equal dtype, shape and bytes on both sides."""
        return len(self.a.tensors.keys() & self.b.tensors.keys()) - sum(
            t.a is not None and t.b is not None for t in self.tensors
        )

    @property
    def changed(self) -> tuple[TensorDifference, ...]:
        """Tensors with statistics, the most different first: by relative L2, then by largest difference."""
        measured = [(t, t.statistics) for t in self.tensors if t.statistics is not None]
        ranked = sorted(measured, key=lambda m: (-m[1].rank[0], -m[1].rank[1], m[0].name))
        return tuple(t for t, _ in ranked)


def compare(
    a: str | Path, b: str | Path, *, statistics: bool = True, on_progress: Progress = silent
) -> Difference:
    """What differs between two folders or two files.

    Args:
        a: folder with weights, or a file; differences are relative to it.
        b: the other one.
        statistics: measure by how much tensors differ; needs numpy.
        on_progress: called with what is done, bytes done and bytes in all.

    Raises:
        UsageError: nothing there, or not of one kind; see :func:`forge.diff_sides.open_sides`.
        DocumentError: a malformed safetensors file, or one that shrinks while it is read.
        EvidenceMissingError: ``statistics`` without numpy; says which extra brings it.
    """
    left, right = open_sides(a, b)
    files = tuple(_files(left, right, on_progress))
    equal = left.files.keys() - {f.path for f in files}
    known = {left.files[path] for path in equal}
    tensors = tuple(_tensors(left, right, known, statistics, on_progress))
    return Difference(a=left, b=right, files=files, tensors=tensors)


def first_difference(a: tuple[Path, int, int], b: tuple[Path, int, int]) -> int | None:
    """Where two byte ranges (file, offset, size) first differ, from their start; None if they are equal."""
    size = min(a[2], b[2])
    with ExitStack() as stack:
        left, right = (stack.enter_context(x[0].open("rb", buffering=0)) for x in (a, b))
        for done in range(0, size, PIECE_BYTES):
            count = min(PIECE_BYTES, size - done)
            x, y = _piece(left, a[1] + done, count), _piece(right, b[1] + done, count)
            if x != y:
                return done + _first(x, y)
    return None if a[2] == b[2] else size


def _piece(file: BinaryIO, offset: int, count: int) -> bytes:
    data = os.pread(file.fileno(), count, offset)
    while len(data) < count:
        more = os.pread(file.fileno(), count - len(data), offset + len(data))
        if not more:
            raise DocumentError(
                f"{file.name}: expected {count} bytes at {offset}, found {len(data)}: it has shrunk",
                remedy="compare again when nothing writes to it",
            )
        data += more
    return data


def _first(x: bytes, y: bytes) -> int:
    """Index of the first differing byte of two pieces that differ: halving, since slices compare fast."""
    low, high = 0, len(x)
    while high - low > 1:
        middle = (low + high) // 2
        if x[low:middle] == y[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _files(a: Side, b: Side, on_progress: Progress) -> Iterator[FileDifference]:
    sizes_a, sizes_b = ({k: v.stat().st_size for k, v in side.files.items()} for side in (a, b))
    both = sizes_a.keys() & sizes_b.keys()
    done, total = 0, sum(min(sizes_a[k], sizes_b[k]) for k in both)
    for path in sorted(sizes_a.keys() | sizes_b.keys()):
        size_a, size_b = sizes_a.get(path), sizes_b.get(path)
        if size_a is None or size_b is None:
            kind = Kind.ONLY_A if size_b is None else Kind.ONLY_B
            yield FileDifference(path=path, kind=kind, size_a=size_a, size_b=size_b)
            continue
        first = first_difference((a.files[path], 0, size_a), (b.files[path], 0, size_b))
        done += min(size_a, size_b)
        on_progress("comparing files", done, total)
        if first is not None:
            yield FileDifference(path=path, kind=Kind.BYTES, size_a=size_a, size_b=size_b, first_byte=first)


def _tensors(
    a: Side, b: Side, equal: set[Path], statistics: bool, on_progress: Progress
) -> Iterator[TensorDifference]:
    """Differing tensors; those of files that are known to be equal are not read again."""
    names = sorted(a.tensors.keys() | b.tensors.keys())
    open_names = [n for n in names if n not in a.tensors or a.tensors[n].path not in equal]
    total = sum(a.tensors[n].size for n in open_names if n in a.tensors)
    done = 0
    for name in open_names:
        found = _tensor(name, a.tensors.get(name), b.tensors.get(name), statistics)
        done += a.tensors[name].size if name in a.tensors else 0
        on_progress("comparing tensors", done, total)
        if found is not None:
            yield found


def _tensor(name: str, a: TensorRef | None, b: TensorRef | None, statistics: bool) -> TensorDifference | None:
    if a is None or b is None:
        return TensorDifference(name=name, kind=Kind.ONLY_A if b is None else Kind.ONLY_B, a=a, b=b)
    if a.shape != b.shape:
        return TensorDifference(name=name, kind=Kind.SHAPE, a=a, b=b)
    kind, first = Kind.DTYPE, None
    if a.dtype == b.dtype:
        kind = Kind.BYTES
        first = first_difference((a.path, a.offset, a.size), (b.path, b.offset, b.size))
        if first is None:
            return None
    measured = measure(a, b) if statistics and comparable(a.dtype, b.dtype) else None
    return TensorDifference(name=name, kind=kind, a=a, b=b, first_byte=first, statistics=measured)
