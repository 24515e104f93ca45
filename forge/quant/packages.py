"""Which optional packages are here, at which version."""

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from verifier.errors import EvidenceMissingError


def version(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def need(what: str, extra: str, packages: Iterable[str]) -> dict[str, str]:
    """The versions of ``packages``, all of which ``what`` cannot do without.

    Raises:
        EvidenceMissingError: at least one is not installed; the remedy names the extra.
    """
    wanted = tuple(packages)
    found = {name: version(name) for name in wanted}
    missing = [name for name, installed in found.items() if installed is None]
    if missing:
        raise EvidenceMissingError(
            f"{what}: expected {', '.join(wanted)}; found no {', '.join(missing)}",
            remedy=f"pip install 'alloy-verifier[{extra}]'",
        )
    return {name: installed for name, installed in found.items() if installed is not None}


def folder(package: str, name: str) -> Path | None:
    """The folder ``name`` that an installed distribution brought along, without importing it; or None."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    where = Path(str(distribution.locate_file(name)))
    return where if where.is_dir() else None
