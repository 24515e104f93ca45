"""Reading byte ranges of many files: few descriptors, no copies, sources that change are noticed."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from forge.tensors.plan import Copy, KeepColumns, Piece, ZeroColumns
from verifier.errors import UsageError

AHEAD_BYTES = 64 * 1024 * 1024
"""How far the system is told what will be read, so that the disk reads while the processor digests."""

_HINT_BYTES = 1024 * 1024  # Linux reads no more than about this for one hint

MAX_OPEN = 32
"""Most source files open at once; a task's pieces are sorted by target, so sources may alternate."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a file from its changed self without reading it. The times are nanoseconds."""

    path: str
    inode: int
    size: int
    modified: int
    changed: int


def identify(path: Path) -> Identity:
    """Identity of a source as it is now.

    Raises:
        UsageError: it is no readable regular file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "no regular file")
    return Identity(str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def paths_of(pieces: Iterable[Piece]) -> tuple[Path, ...]:
    """The files that pieces are read from, each once, sorted."""
    return tuple(
        sorted({piece.path for piece in pieces if isinstance(piece, Copy | KeepColumns | ZeroColumns)})
    )


def ranges_of(pieces: Iterable[Piece]) -> Iterator[tuple[Path, int, int]]:
    """Path, offset and size of what pieces will read, in order."""
    for piece in pieces:
        match piece:
            case Copy(path=path, offset=offset, size=size):
                yield path, offset, size
            case KeepColumns() | ZeroColumns():
                yield piece.path, piece.offset, piece.rows * piece.row_bytes


class Sources:
    """Open source files. A context manager; used by one thread.

    Args:
        expected: what will be read, in order; a hint, which changes nothing but the speed.
    """

    def __init__(self, expected: Iterable[tuple[Path, int, int]] = ()) -> None:
        self._files: dict[Path, FileIO] = {}
        self._hints = _hints(expected if hasattr(os, "posix_fadvise") else ())
        self._credit = AHEAD_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def read_into(self, path: Path, offset: int, view: memoryview) -> None:
        """Fill ``view`` from the file, starting at ``offset``.

        Raises:
            UsageError: the file cannot be read or ends before.
        """
        try:
            self._hint(len(view))
            file = self._open(path)
            file.seek(offset)
            done = 0
            while done < len(view):
                count = file.readinto(view[done:])
                if not count:
                    raise _unreadable(path, f"the end of the file at byte {offset + done}")
                done += count
        except OSError as error:
            raise _unreadable(path, error.strerror or str(error)) from None

    def _hint(self, used: int) -> None:
        """Announce as many bytes as are used, and at the start :data:`AHEAD_BYTES` more."""
        self._credit += used
        while self._credit > 0 and (hint := next(self._hints, None)):
            path, offset, size = hint
            os.posix_fadvise(self._open(path).fileno(), offset, size, os.POSIX_FADV_WILLNEED)
            self._credit -= size

    def _open(self, path: Path) -> FileIO:
        file = self._files.pop(path, None)
        if file is None:
            while len(self._files) >= MAX_OPEN:
                # The one used longest ago stands first.
                self._files.pop(next(iter(self._files))).close()
            file = FileIO(path, "rb")
        self._files[path] = file
        return file


def _hints(ranges: Iterable[tuple[Path, int, int]]) -> Iterator[tuple[Path, int, int]]:
    for path, offset, size in ranges:
        for start in range(0, size, _HINT_BYTES):
            yield path, offset + start, min(_HINT_BYTES, size - start)


def _unreadable(path: Path, found: str) -> UsageError:
    return UsageError(
        f"source {path}: expected a readable weight file; found: {found}",
        remedy="restore the source model, then run again",
    )
