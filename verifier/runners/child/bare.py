"""Importing one module of a large package without what the package's ``__init__`` reaches for."""

import importlib.util
import sys
import types
from collections.abc import Iterable
from pathlib import Path

from verifier.errors import EvidenceMissingError


def prepare(*packages: str) -> None:
    """Let packages be found whose own ``__init__`` is not run.

    A harness's scoring functions need little; its packages import models, Docker clients and data loaders as
    soon as any module of theirs is asked for. Only for the judges' own process: it changes ``sys.modules``.

    Args:
        packages: dotted names, each after its parent.

    Raises:
        EvidenceMissingError: the distribution is not installed.
    """
    for name in packages:
        if name in sys.modules:
            continue
        parent, _, last = name.rpartition(".")
        module = types.ModuleType(name)
        module.__path__ = _places(last, sys.modules[parent].__path__ if parent else None)
        if not module.__path__:
            raise EvidenceMissingError(f"the judge needs the package {name}, found none installed")
        sys.modules[name] = module


def _places(name: str, under: Iterable[str] | None) -> list[str]:
    if under is None:
        spec = importlib.util.find_spec(name)
        return list(spec.submodule_search_locations or ()) if spec else []
    return [str(place) for parent in under if (place := Path(parent) / name).is_dir()]
