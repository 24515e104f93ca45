"""Reading a stranger's folder: no symbolic links, nothing but plain files, and no more than fits."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_ENTRIES = 500_000
"""Directory entries looked at in one folder; an honest run has some tens of thousands."""


class UnreadableError(Exception):
    """A file that is not read, and why; callers turn it into a reason or an error of their own."""


@dataclass(slots=True)
class Reader:
    """Reads files below a folder and remembers their digests.

    Attributes:
        root: the folder.
        digests: sha256 by path relative to it, of every file read in full.
    """

    root: Path
    digests: dict[str, str] = field(default_factory=dict)

    def text(self, path: Path, limit: int) -> str | None:
        """A file's text; None if there is no such file.

        Args:
            path: a file below the root.
            limit: the most bytes that are read.

        Raises:
            UnreadableError: it is a link, no plain file, too large, or no UTF-8.
        """
        data = self._bytes(path, limit)
        if data is None:
            return None
        self.digests[path.relative_to(self.root).as_posix()] = hashlib.sha256(data).hexdigest()
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableError(f"{path.name} is no UTF-8: {error.reason} at byte {error.start}") from error

    def _bytes(self, path: Path, limit: int) -> bytes | None:
        try:
            # Without O_NONBLOCK a named pipe would wait for a writer.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableError(f"{path.name} is not read: {_why(path, error)}") from error
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableError(f"{path.name} is no plain file")
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise UnreadableError(f"{path.name} is larger than {limit} bytes")
        return data

    def digest(self) -> str:
        """sha256 over names and digests of all files read; of a single one its own."""
        if len(self.digests) == 1:
            return next(iter(self.digests.values()))
        rows = "".join(f"{self.digests[name]} {name}\n" for name in sorted(self.digests))
        return hashlib.sha256(rows.encode("utf-8", "surrogateescape")).hexdigest()


def _why(path: Path, error: OSError) -> str:
    return "a symbolic link" if path.is_symlink() else str(error.strerror)


def folders(root: Path, depth: int) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Real folders below a root, itself first, in order of their names.

    Args:
        root: where to start; links below it are not followed.
        depth: how many levels below the root are entered.

    Yields:
        A folder, the names of its plain files, and the names of its symbolic links.

    Raises:
        UnreadableError: a folder cannot be listed, or there are too many entries.
    """
    seen = 0
    waiting = [(root, 0)]
    while waiting:
        folder, level = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise UnreadableError(f"{folder.name} cannot be listed: {error.strerror}") from error
        seen += len(entries)
        if seen > MAX_ENTRIES:
            raise UnreadableError(f"more than {MAX_ENTRIES} files and folders")
        files = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        yield folder, files, [entry.name for entry in entries if entry.is_symlink()]
        if level < depth:
            inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
            waiting += [(path, level + 1) for path in reversed(inner)]
