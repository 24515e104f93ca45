"""Where a checkpoint's ``config.json`` keeps the language model's part, decided by what is in the file."""

from collections.abc import Mapping
from typing import Any

from forge.families.adapter import FamilyAdapter
from verifier.errors import DocumentError

MARK = "num_hidden_layers"
"""The key that tells a language model's configuration from an object that only holds it."""


def places(adapter: FamilyAdapter, config: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """The declared places at which ``config`` describes the language model, the family's usual one first.

    Releases of transformers between 4.52 and 5 wrote some keys twice: nested, and at the root.

    Raises:
        DocumentError: at none of the declared places.
    """
    declared = (adapter.text_config, *adapter.text_config_others)
    found = tuple(p for p in declared if isinstance(at(config, p), Mapping) and MARK in at(config, p))
    if not found:
        shown = " or ".join("/" + "/".join(p) for p in declared)
        raise DocumentError(
            f"config.json: {adapter.architecture}: expected {MARK} at {shown}; found none",
            remedy="check that source.architecture is the architecture of these weights",
        )
    return found


def language_config(adapter: FamilyAdapter, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The language model's part of ``config``.

    Raises:
        DocumentError: it is at none of the places that the family declares.
    """
    part = at(config, places(adapter, config)[0])
    assert isinstance(part, Mapping)
    return part


def at(config: Any, path: tuple[str, ...]) -> Any:
    """The value below ``config`` that the keys of ``path`` lead to; None if there is no such value."""
    for key in path:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def replaced(config: Mapping[str, Any], path: tuple[str, ...], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``config`` in which the object at ``path`` has ``changes``; the order of keys stays."""
    if not path:
        return {**config, **changes}
    return {**config, path[0]: replaced(config[path[0]], path[1:], changes)}
