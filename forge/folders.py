"""Folders of a forge in the making: digests of what is in them, and moving files without copying them."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from verifier.errors import UsageError
from verifier.evidence.hashing import Progress, hash_files

WEIGHTS = (".safetensors", ".gguf")


def files_of(folder: Path) -> tuple[str, ...]:
    """Relative POSIX paths of all plain files below ``folder``, sorted; hidden ones and links to folders not.

    Raises:
        UsageError: something in it is neither a file nor a folder (a link that leads nowhere, a device).
    """
    found: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not Path(parent, f).is_symlink())
        for name in names:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if not path.is_file():
                raise UsageError(f"{path}: expected a plain file; found something else")
            found.append(path.relative_to(folder).as_posix())
    return tuple(sorted(found))


def digests_of(folder: Path, paths: Iterable[str], on_progress: Progress | None = None) -> dict[str, str]:
    """sha256 of files of ``folder``, by relative path."""
    named = {path: folder / path for path in paths}
    found = hash_files(named.values(), on_progress=on_progress)
    return {path: found[full] for path, full in named.items()}


def digest_of(value: object) -> str:
    """sha256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def place(source: Path, target: Path, *, link: bool) -> None:
    """Put a file at ``target``, whole or not at all.

    Args:
        source: the file.
        target: where to; replaced if it is there.
        link: share the bytes with ``source`` where the file system can; only for files that nobody writes
            to again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    partial.unlink(missing_ok=True)
    if link and target.is_file() and target.samefile(source):
        return
    if link:
        with contextlib.suppress(OSError):
            os.link(source, partial, follow_symlinks=True)
    if not partial.exists():
        shutil.copyfile(source, partial)
    partial.replace(target)
    partial.unlink(missing_ok=True)  # renaming one link of a file to another of the same file does nothing


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, and wait until the disk has it."""
    partial = path.with_name(f".{path.name}.part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's entries, where the system offers that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove(folder: Path) -> None:
    """Remove a folder and all below it, if it is there."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def total_size(folder: Path, paths: Iterable[str]) -> int:
    """Bytes of the files of ``folder``."""
    return sum((folder / path).stat().st_size for path in paths)


def is_weights(path: str) -> bool:
    """Whether a file of this name counts for ``modelHash``."""
    return path.lower().endswith(WEIGHTS)


def same(folder: Path, recorded: Mapping[str, str]) -> bool:
    """Whether ``folder`` holds exactly the files in ``recorded`` (path -> sha256), with those digests."""
    if not folder.is_dir() or set(files_of(folder)) != set(recorded):
        return False
    return digests_of(folder, recorded) == dict(recorded)
