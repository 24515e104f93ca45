"""A judge's packages: whether they are installed, and what identifies them, found without importing them."""

import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path

from verifier.verdicts import JSON


def missing(wanted: Mapping[str, str | None], install: str) -> str | None:
    """What this installation lacks, with the command that mends it; None if nothing.

    Args:
        wanted: by distribution: the one version that will do; None for any.
        install: the command.
    """
    for name, pinned in wanted.items():
        try:
            found = version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"needs the package {name}: {install}"
        if pinned not in (None, found):
            return f"needs {name} {pinned}, found {found}: {install}"
    return None


def version(name: str) -> str:
    """The version of an installed distribution."""
    return importlib.metadata.version(name)


def versions(names: Iterable[str]) -> dict[str, JSON]:
    """Versions of installed distributions, by name."""
    return {name: version(name) for name in names}


@functools.cache
def folder(module: str) -> Path:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def sources_digest(files: Iterable[tuple[str, Path]]) -> str:
    """sha256 over source files.

    Args:
        files: each with a name that is the same on every machine, in an order that is.
    """
    digest = hashlib.sha256()
    for name, file in files:
        digest.update(f"{name}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def named(root: Path, files: Iterable[Path]) -> Iterable[tuple[str, Path]]:
    """Files with their names below a folder, as ``sources_digest`` takes them."""
    return ((file.relative_to(root).as_posix(), file) for file in files)
