"""Reading samples as evalplus keeps them in a folder: ``HumanEval_0/0.py``, one folder per problem.

Source of the format: ``codegen`` (which writes it) and ``load_solutions`` (which reads it) of evalplus 0.3.1.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import DocumentError, UsageError

MAX_FILES = 200_000
MAX_FILE = 8 << 20
MAX_ALL = 256 << 20
"""Files, bytes of one of them, bytes of all of them."""

_REMEDY = "name the folder that holds one folder per problem: HumanEval_0/0.py, Mbpp_2/0.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One file of such a folder.

    Attributes:
        task_id: the problem, as evalplus takes it from the folder's name.
        code: the complete program.
    """

    task_id: str
    code: str


def read(folder: Path) -> tuple[list[Program], str]:
    """Read every program, in the order of folders and files by name.

    As evalplus does: each folder is a problem, ``_`` in its name stands for ``/``, each ``*.py`` in it is a
    complete program, and anything else is passed over. Links are refused: what they lead to is not published.

    Args:
        folder: of one run.

    Returns:
        The programs; sha256 over their names and contents.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it holds no program, a link, too much, or what is no text; the pointer is the file.
    """
    programs: list[Program] = []
    digest, size = hashlib.sha256(), 0
    try:
        for name in _files(folder):
            if len(programs) == MAX_FILES:
                raise DocumentError(f"samples folder: expected at most {MAX_FILES} programs, found more")
            data = _content(folder, name)
            size += len(data)
            if size > MAX_ALL:
                raise DocumentError(f"samples folder: expected at most {MAX_ALL} bytes, found more")
            digest.update(f"{hashlib.sha256(data).hexdigest()} {name}\n".encode())
            programs.append(Program(task_id=name.split("/")[0].replace("_", "/"), code=_text(name, data)))
    except OSError as error:
        raise UsageError(
            f"samples folder {folder}: expected readable files, found: {error.strerror}"
        ) from error
    if not programs:
        raise DocumentError("samples folder: expected programs, found none", remedy=_REMEDY)
    return programs, digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    """Names of the programs, ``HumanEval_0/0.py``."""
    for problem in _entries(folder, ""):
        if not problem.is_dir(follow_symlinks=False):
            if problem.is_symlink() and problem.is_dir():
                raise _link(problem.name)
            continue
        for file in _entries(Path(problem.path), problem.name):
            name = f"{problem.name}/{file.name}"
            if not file.name.endswith(".py"):
                continue
            if file.is_symlink():
                raise _link(name)
            if file.is_file(follow_symlinks=False):
                yield name


def _entries(folder: Path, within: str) -> list["os.DirEntry[str]"]:
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if len(found) == MAX_FILES:
                raise DocumentError(f"samples folder: expected at most {MAX_FILES} files, found more")
            try:
                entry.name.encode()
            except UnicodeEncodeError:
                raise DocumentError(
                    f"samples folder: expected names in UTF-8, found {entry.name!r}", pointer=f"/{within}"
                ) from None
            found.append(entry)
    return sorted(found, key=lambda entry: entry.name)


def _content(folder: Path, name: str) -> bytes:
    # Neither a link nor a pipe that took the file's place since it was listed can be opened.
    try:
        handle = os.open(
            folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(name) from None
        raise
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DocumentError(f"samples {name}: expected a file, found something else", pointer=f"/{name}")
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise DocumentError(
            f"samples {name}: expected at most {MAX_FILE} bytes, found more", pointer=f"/{name}"
        )
    return data


def _text(name: str, data: bytes) -> str:
    """The program, with lines ended as Python's text files end them, which is how evalplus reads it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"samples {name}: expected UTF-8, found {error}", pointer=f"/{name}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _link(name: str) -> DocumentError:
    return DocumentError(
        f"samples {name}: expected a file or folder, found a symbolic link",
        pointer=f"/{name}",
        remedy="publish the files themselves (cp -rL)",
    )
