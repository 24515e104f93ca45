"""A model folder as byte ranges: which tensor lies where, found from headers alone. Nothing is loaded.

Everything here is written for folders of strangers. Headers go through the bounded parser of
:mod:`verifier.evidence.safetensors_header`; whatever contradicts itself is one :class:`DocumentError`.
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge.tensors.documents import CONFIG_FILE, INDEX_FILE, SINGLE_FILE, read_document, read_weight_map
from forge.tensors.sidefiles import copy_side_files, write_config
from verifier.errors import DocumentError
from verifier.evidence.safetensors_header import SafetensorsHeader, read_header

__all__ = [
    "ModelFolder",
    "TensorRef",
    "copy_side_files",
    "open_model",
    "open_weights",
    "read",
    "write_config",
]


@dataclass(frozen=True, slots=True)
class TensorRef:
    """Where a tensor lies.

    Attributes:
        name: its key.
        dtype: safetensors dtype, such as ``BF16``.
        shape: its dimensions; empty for a scalar.
        path: the file.
        offset: its first byte, counted from the start of the file.
        size: how many bytes it has.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk.

    Attributes:
        root: its folder.
        tensors: by name; files in order of their names, within a file in order of their bytes.
        files: names of the safetensors files that hold them, in order.
        config: ``config.json``.
        metadata: the ``__metadata__`` entries on which all files agree.
    """

    root: Path
    tensors: Mapping[str, TensorRef]
    files: tuple[str, ...]
    config: dict[str, Any]
    metadata: Mapping[str, str]


def open_model(root: Path) -> ModelFolder:
    """Read a model folder's headers, index and configuration.

    As in transformers, ``model.safetensors`` counts if it is there, ``model.safetensors.index.json`` if not.
    Weight files may be links (in a Hub cache they are); only their names must stay inside of the folder.

    Args:
        root: folder with ``config.json`` and the weights.

    Raises:
        DocumentError: something is missing, truncated, unreadable or contradicts itself.
    """
    root = Path(root)
    files, tensors, metadata = open_weights(root)
    config = read_document(root / CONFIG_FILE)
    return ModelFolder(root=root, tensors=tensors, files=files, config=config, metadata=metadata)


def open_weights(root: Path) -> tuple[tuple[str, ...], dict[str, TensorRef], dict[str, str]]:
    """Files, tensors and common metadata of a folder that need not have a configuration.

    Raises:
        DocumentError: see :func:`open_model`.
    """
    if is_regular(root / SINGLE_FILE):
        header = _header(root / SINGLE_FILE)
        return (SINGLE_FILE,), _refs(root / SINGLE_FILE, header), dict(header.metadata)
    if not is_regular(root / INDEX_FILE):
        raise DocumentError(
            f"model folder {root}: expected {SINGLE_FILE} or {INDEX_FILE}; found neither",
            remedy="name a folder with safetensors weights; other formats must be converted first",
        )
    weight_map = read_weight_map(root / INDEX_FILE)
    files = tuple(sorted(set(weight_map.values())))
    missing = [name for name in files if not is_regular(root / name)]
    if missing:
        raise DocumentError(
            f"{INDEX_FILE}: expected all {len(files)} files that it names; missing: {_some(missing)}",
            pointer="/weight_map",
            remedy="fetch the missing files",
        )
    headers = {name: _header(root / name) for name in files}
    return files, _join(root, headers, weight_map), _common([h.metadata for h in headers.values()])


def read(ref: TensorRef) -> bytes:
    """The bytes of one tensor, row-major and little-endian.

    Raises:
        DocumentError: the file cannot be read or has become shorter.
    """
    try:
        with ref.path.open("rb", buffering=0) as file:
            file.seek(ref.offset)
            data = bytearray(ref.size)
            view, done = memoryview(data), 0
            while done < ref.size and (count := file.readinto(view[done:])):
                done += count
    except OSError as error:
        raise DocumentError(
            f"{ref.path.name}: expected a readable file; found: {error.strerror or error}"
        ) from None
    if done != ref.size:
        raise DocumentError(f"{ref.path.name}: {ref.name}: expected {ref.size} bytes; found {done}")
    return bytes(data)


def is_regular(path: Path) -> bool:
    """Whether there is a regular file, perhaps behind a link; a pipe would make a reader wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _header(path: Path) -> SafetensorsHeader:
    try:
        return read_header(path)
    except OSError as error:
        raise DocumentError(
            f"{path.name}: expected a readable file; found: {error.strerror or error}"
        ) from None
    except DocumentError as error:
        # Among many shards the culprit must be named.
        problem = str(error).removesuffix(f" (at {error.pointer or 'the document root'})")
        raise DocumentError(f"{path.name}: {problem}", pointer=error.pointer, remedy=error.remedy) from None


def _refs(path: Path, header: SafetensorsHeader) -> dict[str, TensorRef]:
    return {
        entry.name: TensorRef(
            name=entry.name,
            dtype=entry.dtype,
            shape=entry.shape,
            path=path,
            offset=header.data_start + entry.begin,
            size=entry.end - entry.begin,
        )
        for entry in header.tensors
    }


def _join(
    root: Path, headers: Mapping[str, SafetensorsHeader], weight_map: Mapping[str, str]
) -> dict[str, TensorRef]:
    """All tensors of all files, each exactly where the index says."""
    tensors: dict[str, TensorRef] = {}
    for filename, header in headers.items():
        for name, ref in _refs(root / filename, header).items():
            if name in tensors:
                first = tensors[name].path.name
                raise DocumentError(f"tensor {name!r:.200}: expected once; found in {first} and {filename}")
            if weight_map.get(name) != filename:
                said = weight_map.get(name, "no file")
                raise DocumentError(
                    f"{INDEX_FILE}: tensor {name!r:.200}: expected in {filename}, where it is; found {said}",
                    pointer="/weight_map",
                )
            tensors[name] = ref
    absent = [name for name in weight_map if name not in tensors]
    if absent:
        raise DocumentError(
            f"{INDEX_FILE}: expected every tensor in its file; missing: {_some(absent)}",
            pointer="/weight_map",
            remedy="the index belongs to other files, or a file is damaged: fetch them again",
        )
    return tensors


def _common(all_metadata: list[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = all_metadata
    return {key: text for key, text in first.items() if all(other.get(key) == text for other in rest)}


def _some(names: list[str]) -> str:
    shown = ", ".join(f"{name:.200}" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
