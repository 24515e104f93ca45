"""Reading a stranger's JSON lines: bounded, one at a time, with one error that names the line."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from verifier.errors import DocumentError, UsageError


class Row(NamedTuple):
    """One line.

    Attributes:
        number: its number in the file, from 1.
        start: byte of the file at which it begins.
        data: its bytes.
    """

    number: int
    start: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """A kind of file: what it is called, and how much of it is read.

    Attributes:
        what: what it holds, for the error of an unreadable one.
        remedy: what to do about a bad line.
        max_file, max_line: most bytes of the file and of a line.
        max_lines: most lines, empty ones included.
        texts: whether every text has to be valid; False where the harness may have written halves of
            surrogate pairs into fields that do not matter.
    """

    what: str = "samples"
    remedy: str
    max_file: int
    max_line: int
    max_lines: int
    texts: bool = True

    def wrong(self, path: Path, number: int, expected: str, found: str) -> DocumentError:
        """Make the one error that a bad line gives: file, line, expected and found."""
        return DocumentError(
            f"{path.name} line {number}: expected {expected}, found {found}",
            pointer=f"/{number - 1}",
            remedy=self.remedy,
        )

    def rows(self, path: Path) -> Iterator[Row]:
        """Lines of a file, empty ones included; only one is held.

        Raises:
            UsageError: it cannot be read.
            DocumentError: it is too large, or has a line too long or too many.
        """
        try:
            with path.open("rb") as stream:
                if (size := path.stat().st_size) > self.max_file:
                    raise DocumentError(f"{path.name}: expected at most {self.max_file} bytes, found {size}")
                number = start = 0
                while data := stream.readline(self.max_line + 1):
                    number += 1
                    if len(data) > self.max_line:
                        raise self.wrong(path, number, f"at most {self.max_line} bytes", "more")
                    if number > self.max_lines:
                        raise self.wrong(path, number, f"at most {self.max_lines} lines", "more")
                    yield Row(number, start, data)
                    start += len(data)
        except OSError as error:
            raise self._unreadable(path, error) from error

    def again(self, path: Path, places: Iterable[tuple[int, int]]) -> Iterator[Row]:
        """Read some lines once more.

        Args:
            path: the file.
            places: number and start of each line, in the order in which they are wanted.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with path.open("rb") as stream:
                for number, start in places:
                    stream.seek(start)
                    yield Row(number, start, stream.readline(self.max_line + 1))
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: OSError) -> UsageError:
        return UsageError(f"{self.what} {path}: expected a readable file, found: {error.strerror}")

    def load(self, path: Path, number: int, data: bytes) -> dict[str, Any]:
        """One line as a JSON object.

        Args:
            path: the file, for the error.
            number: the line's number, for the error.
            data: its bytes.

        Raises:
            DocumentError: it is none, or holds what no harness could have written.
        """
        try:
            record = json.loads(data.decode("utf-8"))
            if self.texts and (b"\\ud" in data or b"\\uD" in data):
                json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise self.wrong(path, number, "valid text", "half of a surrogate pair") from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise self.wrong(path, number, "a JSON object in UTF-8", str(error)[:200]) from error
        except (RecursionError, ValueError) as error:
            expected = "a JSON object of moderate depth and numbers"
            raise self.wrong(path, number, expected, type(error).__name__) from error
        if not isinstance(record, dict):
            raise self.wrong(path, number, "a JSON object", type(record).__name__)
        return record
