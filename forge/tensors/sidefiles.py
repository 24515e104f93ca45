"""Everything of a model folder that is not weights: copied, or written anew."""

import json
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forge.tensors.documents import CONFIG_FILE
from forge.tensors.durable import write_atomically
from verifier.errors import DocumentError, UsageError

WEIGHT_SUFFIXES = (
    ".safetensors",
    ".safetensors.index.json",
    ".bin",
    ".bin.index.json",
    ".pt",
    ".pth",
    ".ckpt",
    ".gguf",
    ".ggml",
    ".h5",
    ".msgpack",
    ".onnx",
    ".onnx_data",
    ".npz",
)
"""What is not a side file: weights of any format. Beside changed weights a copy of old ones misleads."""

MAX_SIDE_FILES = 10_000


def copy_side_files(source: Path, out: Path) -> tuple[str, ...]:
    """Copy configuration, tokenizer, chat templates and the like; sub-folders too.

    Weights of any format, hidden files and hidden folders stay behind. The copies are regular files. A link
    is followed if it stays inside of the folder, or leads to the ``blobs`` of the Hub cache that the folder
    belongs to; any other is refused, since a stranger's folder could thereby carry off files of this machine.

    Args:
        source: a model folder.
        out: made if need be; files of the same name are replaced.

    Returns:
        Relative paths of the copies, sorted.

    Raises:
        DocumentError: the folder cannot be read, or a link leaves it.
        UsageError: a file cannot be written.
    """
    allowed = _allowed(source)
    names = tuple(sorted(_names(source, "", allowed)))
    try:
        for name in names:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source / name, target)
    except OSError as error:
        raise UsageError(
            f"{out}: expected to copy the side files of {source}; found: {error.strerror or error}",
            remedy="make room, or choose another folder",
        ) from None
    return names


def write_config(out: Path, config: Mapping[str, Any]) -> None:
    """Write ``config.json`` as transformers does: indented by two, a newline at the end; keys as given.

    Args:
        out: the model folder; made if need be.
        config: what goes into it.

    Raises:
        UsageError: a value is no JSON, or the file cannot be written.
    """
    try:
        text = json.dumps(dict(config), indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise UsageError(f"{CONFIG_FILE}: expected JSON values; found: {error}") from None
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / CONFIG_FILE, text.encode())
    except OSError as error:
        raise UsageError(
            f"{out / CONFIG_FILE}: expected to write it; found: {error.strerror or error}"
        ) from None


def is_weights(name: str) -> bool:
    """Whether a file of this name holds weights or says where they are."""
    return name.lower().endswith(WEIGHT_SUFFIXES)


def _allowed(source: Path) -> tuple[Path, ...]:
    root = source.resolve()
    # <cache>/models--owner--name/snapshots/<revision>/file -> ../../blobs/<digest>
    return (root, root.parent.parent / "blobs") if root.parent.name == "snapshots" else (root,)


def _names(folder: Path, prefix: str, allowed: tuple[Path, ...]) -> Iterator[str]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DocumentError(f"{folder}: expected a model folder; found: {error.strerror or error}") from None
    if len(entries) > MAX_SIDE_FILES:
        raise DocumentError(f"{folder}: expected at most {MAX_SIDE_FILES} files; found {len(entries)}")
    for entry in entries:
        name = prefix + entry.name
        if entry.name.startswith(".") or is_weights(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _names(entry, f"{name}/", allowed)
        elif _is_side_file(entry, name, allowed):
            yield name


def _is_side_file(entry: Path, name: str, allowed: tuple[Path, ...]) -> bool:
    try:
        if entry.is_symlink() and not any(entry.resolve().is_relative_to(place) for place in allowed):
            raise DocumentError(
                f"{name!r:.200}: expected a file of the model folder; found a link that leads out of it",
                remedy="replace the link by a copy of the file, if it belongs to the model",
            )
        return stat.S_ISREG(entry.stat().st_mode)
    except (OSError, RuntimeError) as error:
        raise DocumentError(f"{name!r:.200}: expected a readable file; found: {error}") from None
