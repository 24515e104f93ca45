"""Reading byte ranges of many files: few descriptors, no copies, sources that change are noticed."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from forge.tensors.plan import Copy, KeepColumns, Piece, ZeroColumns
from verifier.errors import UsageError

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


class Sources:
    """Open source files. A context manager; used by one thread."""

    def __init__(self) -> None:
        self._files: dict[Path, FileIO] = {}

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

    def _open(self, path: Path) -> FileIO:
        file = self._files.pop(path, None)
        if file is None:
            while len(self._files) >= MAX_OPEN:
                # The one used longest ago stands first.
                self._files.pop(next(iter(self._files))).close()
            file = FileIO(path, "rb")
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        self._files[path] = file
        return file


def _unreadable(path: Path, found: str) -> UsageError:
    return UsageError(
        f"source {path}: expected a readable weight file; found: {found}",
        remedy="restore the source model, then run again",
    )
