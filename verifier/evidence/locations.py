"""Where evidence lies on this machine, as the environment says: cache, seeds, mirror."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from verifier.errors import UsageError
from verifier.evidence.cache import Cache

_PACKAGE = Path(__file__).resolve().parents[1]


def _checkouts(environ: Mapping[str, str], start: Path | None) -> Iterator[Path]:
    """Folders that are a checkout (have ``catalog/`` and ``pyproject.toml``), the nearest first."""
    starts = []
    if environ.get("ALLOY_CATALOG"):
        starts.append(Path(environ["ALLOY_CATALOG"]).resolve().parent)
    here = (start or Path.cwd()).resolve()
    starts += [here, *here.parents, _PACKAGE.parent]
    for folder in dict.fromkeys(starts):
        if (folder / "catalog").is_dir() and (folder / "pyproject.toml").is_file():
            yield folder


def default_cache_dir(environ: Mapping[str, str] | None = None, *, start: Path | None = None) -> Path:
    """The cache's folder: ``ALLOY_CACHE``, else ``_cache`` of the checkout, else the user's cache folder.

    Args:
        environ: the environment, by default this process's.
        start: where to look for a checkout from, by default the current folder.
    """
    environ = os.environ if environ is None else environ
    if environ.get("ALLOY_CACHE"):
        return Path(environ["ALLOY_CACHE"]).expanduser()
    for checkout in _checkouts(environ, start):
        return checkout / "_cache"
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "alloy"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "alloy"
    return Path.home() / ".cache" / "alloy"


def seed_caches(environ: Mapping[str, str] | None = None, *, start: Path | None = None) -> tuple[Cache, ...]:
    """Read-only caches that came with the project: ``_cache/reference`` of a checkout, or installed data."""
    environ = os.environ if environ is None else environ
    roots = [checkout / "_cache" / "reference" for checkout in _checkouts(environ, start)]
    roots.append(_PACKAGE / "_data" / "cache" / "reference")
    return tuple(Cache(root, read_only=True) for root in roots if (root / "sha256").is_dir())


def mirror_dir(environ: Mapping[str, str] | None = None) -> Path | None:
    """The mirror named by ``ALLOY_MIRROR``, or None if it is not set.

    Raises:
        UsageError: it is set and names no folder.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("ALLOY_MIRROR")
    if not named:
        return None
    mirror = Path(named).expanduser()
    if not mirror.is_dir():
        raise UsageError(
            f"ALLOY_MIRROR: expected a folder, found {named!r:.200}",
            remedy="point it to a folder with hub/<owner>/<repo>/<path> and datasets/<file>, or unset it",
        )
    return mirror
