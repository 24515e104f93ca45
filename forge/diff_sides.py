"""The two sides of a comparison: which files and tensors a folder or a single file has."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from forge.tensors.model import TensorRef, is_regular
from verifier.errors import DocumentError, UsageError
from verifier.evidence.safetensors_header import read_header


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What lies on one side.

    Attributes:
        root: the folder or file as the user named it.
        is_folder: whether it is a folder.
        files: relative POSIX path -> local file; hidden folders are left out.
        tensors: name -> tensor of a safetensors file. A name in a sub-folder starts with that folder's path.
    """

    root: Path
    is_folder: bool
    files: Mapping[str, Path]
    tensors: Mapping[str, TensorRef]


def open_sides(a: str | Path, b: str | Path) -> tuple[Side, Side]:
    """Both sides: two folders, or two files (``*.gguf`` as plain bytes, all others as safetensors).

    Two single files count as one and the same file of two versions, whatever they are called.

    Raises:
        UsageError: nothing there, a file beside a folder, or a link that leads out of its folder.
        DocumentError: a safetensors file is malformed, or one folder has a tensor twice.
    """
    paths = Path(a), Path(b)
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: expected a folder or a file of weights, found none")
    folders = [path.is_dir() for path in paths]
    if all(folders):
        return _folder(paths[0]), _folder(paths[1])
    if any(folders):
        raise UsageError(
            f"{paths[0]}, {paths[1]}: expected two folders or two files, found one of each",
            remedy="name the file inside of the folder, too",
        )
    for path in paths:
        if not is_regular(path):
            raise UsageError(f"{path}: expected a plain file, found something else")
    name = paths[0].name
    return _side(paths[0], {name: paths[0]}, False), _side(paths[1], {name: paths[1]}, False)


def _folder(root: Path) -> Side:
    return _side(root, dict(sorted(_files(root))), True)


def _side(root: Path, files: Mapping[str, Path], is_folder: bool) -> Side:
    tensors: dict[str, TensorRef] = {}
    for name, path in files.items():
        if name.endswith(".safetensors") or (not is_folder and path.suffix != ".gguf"):
            for tensor in _tensors(name, path):
                if tensor.name in tensors:
                    raise DocumentError(
                        f"{root}: expected each tensor once, found {tensor.name!r:.200} in"
                        f" {tensors[tensor.name].path.name} and in {path.name}",
                        remedy="compare the files one by one",
                    )
                tensors[tensor.name] = tensor
    return Side(root=root, is_folder=is_folder, files=files, tensors=tensors)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [Path(parent, name) for name in folders if Path(parent, name).is_symlink()]
        if links:
            raise UsageError(f"{links[0]}: expected a plain folder, found a symbolic link")
        for name in names:
            path = Path(parent, name)
            yield path.relative_to(root).as_posix(), _checked(path, root)


def _checked(path: Path, root: Path) -> Path:
    """The file, if it is a plain one inside of the folder or behind one of a Hub cache's links."""
    target, base = path.resolve(), root.resolve()
    blobs = base.parent.parent / "blobs" if base.parent.name == "snapshots" else None
    if not target.is_relative_to(base) and not (blobs and target.is_relative_to(blobs)):
        raise UsageError(f"{path}: expected a file inside {root}, found a symbolic link to {target}")
    if not target.exists() or not stat.S_ISREG(target.stat().st_mode):
        raise UsageError(f"{path}: expected a plain file, found something else", remedy="remove it")
    return target


def _tensors(name: str, path: Path) -> Iterator[TensorRef]:
    folder = f"{name.rpartition('/')[0]}/" if "/" in name else ""
    try:
        header = read_header(path)
    except DocumentError as error:
        said = str(error).removesuffix(f" (at {error.pointer or 'the document root'})")
        raise DocumentError(f"{name}: {said}", pointer=error.pointer, remedy=error.remedy) from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror})") from None
    for entry in header.tensors:
        yield TensorRef(
            name=folder + entry.name,
            dtype=entry.dtype,
            shape=entry.shape,
            path=path,
            offset=header.data_start + entry.begin,
            size=entry.end - entry.begin,
        )
