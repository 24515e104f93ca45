"""Hashing of files: many at once, in constant memory, with progress.

``hashlib`` releases the interpreter lock while it digests a large buffer, so threads are enough to use
every core. Each thread reads into one buffer of its own; nothing is mapped or held.
"""

import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.evidence.paths import is_digest

BUFFER_BYTES = 2 * 1024 * 1024
"""Size of one thread's read buffer; from 1 MiB on, throughput no longer depends on it."""

WEIGHT_SUFFIXES = (".safetensors", ".gguf")
"""What counts as a weights file, as in the ``fileHashes`` of every published alloy."""

Progress = Callable[[str, int, int], None]
"""Called with what is worked on, bytes done and bytes in all (over all files)."""


def sha256_file(path: str | Path) -> str:
    """The sha256 of a file as 64 hex digits, read in bounded pieces.

    Raises:
        OSError: the file cannot be read.
    """
    return _digest(Path(path), lambda count: None)


def _digest(path: Path, advance: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    buffer = bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(view[:count])
            advance(count)
    return digest.hexdigest()


class _Meter:
    """Adds up the progress of several threads; the callback is never entered by two at once."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._lock = threading.Lock()
        self._on_progress = on_progress

    def advance(self, what: str, count: int) -> None:
        if self._on_progress is None:
            return
        with self._lock:
            self._done += count
            self._on_progress(what, self._done, self._total)


def hash_files(
    paths: Iterable[str | Path], *, jobs: int | None = None, on_progress: Progress | None = None
) -> dict[Path, str]:
    """The sha256 of many files, ``jobs`` at a time, the largest first.

    Args:
        paths: the files; a repeated one is read once.
        jobs: threads, by default one per core. Memory is ``jobs`` times :data:`BUFFER_BYTES`.
        on_progress: called after every buffer, from one thread at a time.

    Returns:
        64 hex digits by path, in the order of ``paths``.

    Raises:
        UsageError: ``jobs`` is below 1.
        OSError: a file cannot be read.
    """
    unique = list(dict.fromkeys(Path(p) for p in paths))
    jobs = (os.cpu_count() or 1) if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"jobs: expected at least 1, found {jobs}", remedy="leave -j out or give 1 or more")
    sizes = {path: path.stat().st_size for path in unique}
    meter = _Meter(sum(sizes.values()), on_progress)
    # Largest first: the last thread to finish then has the least left to do alone.
    largest_first = sorted(unique, key=lambda path: -sizes[path])

    def one(path: Path) -> str:
        return _digest(path, lambda count: meter.advance(path.name, count))

    with ThreadPoolExecutor(max_workers=min(jobs, max(len(unique), 1))) as pool:
        found = dict(zip(largest_first, pool.map(one, largest_first), strict=True))
    return {path: found[path] for path in unique}


def model_hash(file_hashes: Iterable[Mapping[str, Any]]) -> str:
    """The ``modelHash`` of a set of weight files.

    ``"sha256:"`` and the sha256 of the compact JSON list of ``{"filename", "sha256"}``, sorted by filename;
    the formula that every published alloy with a ``modelHash`` follows.

    Args:
        file_hashes: records with at least ``filename`` and ``sha256``; other members are left out.

    Raises:
        DocumentError: a record lacks a filename or a sha256, or a filename occurs twice.

    >>> model_hash([])
    'sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945'
    """
    pairs: dict[str, str] = {}
    for index, record in enumerate(file_hashes):
        name = record.get("filename") if isinstance(record, Mapping) else None
        digest = record.get("sha256") if isinstance(record, Mapping) else None
        if not isinstance(name, str) or not isinstance(digest, str) or not is_digest(digest):
            raise DocumentError(
                f"file hash {index}: expected filename and 64 hex digits as sha256, found {name!r:.100}, "
                f"{digest!r:.100}",
                pointer=f"/{index}",
            )
        if name in pairs:
            raise DocumentError(f"file hash {index}: {name!r:.100} occurs twice", pointer=f"/{index}")
        pairs[name] = digest
    listed = [{"filename": name, "sha256": pairs[name]} for name in sorted(pairs)]
    text = json.dumps(listed, separators=(",", ":"), sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def hash_folder(
    folder: str | Path, *, jobs: int | None = None, on_progress: Progress | None = None
) -> dict[str, Any]:
    """``fileHashes`` and ``modelHash`` of a folder of weights, in the form of an alloy's integrity block.

    Counted are files ending in :data:`WEIGHT_SUFFIXES` at any depth; hidden folders are left out.

    Returns:
        ``{"fileHashes": [{"filename", "sha256", "size"}], "modelHash"}``, filenames relative and sorted,
        sizes in bytes.

    Raises:
        UsageError: no such folder, no weights in it, a symbolic link that leads out of it or to a folder,
            or something under a weights name that is no plain file.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(
            f"{folder}: expected a folder of weights, found none", remedy="give an existing folder"
        )
    files = weight_files(root)
    if not files:
        wanted = " or ".join(f"*{suffix}" for suffix in WEIGHT_SUFFIXES)
        raise UsageError(
            f"{folder}: expected {wanted}, found none", remedy="give the folder with the weights"
        )
    digests = hash_files(files, jobs=jobs, on_progress=on_progress)
    records = [
        {"filename": path.relative_to(root).as_posix(), "sha256": digests[path], "size": path.stat().st_size}
        for path in files
    ]
    records.sort(key=lambda record: str(record["filename"]))
    return {"fileHashes": records, "modelHash": model_hash(records)}


def weight_files(root: Path) -> Sequence[Path]:
    """The weights files under ``root``; see :func:`hash_folder` for what is refused."""
    base = root.resolve()
    found = []
    for path in _walk(root):
        if not path.name.lower().endswith(WEIGHT_SUFFIXES):
            continue
        target = path.resolve()
        if not target.is_relative_to(base):
            raise UsageError(
                f"{path}: expected a file inside {root}, found a symbolic link to {target}",
                remedy="copy the file into the folder; a link that leads out of it is not followed",
            )
        if not target.exists() or not stat.S_ISREG(target.stat().st_mode):
            raise UsageError(f"{path}: expected a plain file, found something else", remedy="remove it")
        found.append(path)
    return found


def _walk(root: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            # os.walk would pass such a folder over in silence, and with it any weights inside.
            if (link := Path(parent, name)).is_symlink():
                raise UsageError(
                    f"{link}: expected a plain folder, found a symbolic link",
                    remedy="replace the link by the folder itself",
                )
        yield from (Path(parent, name) for name in sorted(names))
