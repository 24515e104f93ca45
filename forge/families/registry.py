"""Which adapter serves which architecture: an explicit table, exact names, no second owner of a name.

Adding a family is a new file in this folder plus one line in :data:`TABLE`; see ``docs/extending.md``.
"""

import difflib
import importlib
from collections.abc import Mapping

from forge.families.adapter import FamilyAdapter
from verifier.errors import RegistryError

TABLE: Mapping[str, str] = {
    "deepseek_v2": "forge.families.deepseek_v2:ADAPTER",
    "deepseek_v3": "forge.families.deepseek_v3:ADAPTER",
    "glm4_moe": "forge.families.glm4_moe:ADAPTER",
    "gpt_oss": "forge.families.gpt_oss:ADAPTER",
    "granitemoe": "forge.families.granitemoe:ADAPTER",
    "llama": "forge.families.llama:ADAPTER",
    "mistral": "forge.families.mistral:ADAPTER",
    "mixtral": "forge.families.mixtral:ADAPTER",
    "olmoe": "forge.families.olmoe:ADAPTER",
    "phimoe": "forge.families.phimoe:ADAPTER",
    "qwen2": "forge.families.qwen2:ADAPTER",
    "qwen2_5_omni": "forge.families.qwen2_5_omni:ADAPTER",
    "qwen2_5_vl": "forge.families.qwen2_5_vl:ADAPTER",
    "qwen3": "forge.families.qwen3:ADAPTER",
    "qwen3_5": "forge.families.qwen3_5:ADAPTER",
    "qwen3_5_moe": "forge.families.qwen3_5_moe:ADAPTER",
    "qwen3_moe": "forge.families.qwen3_moe:ADAPTER",
    "qwen3_vl": "forge.families.qwen3_vl:ADAPTER",
    "qwen3_vl_moe": "forge.families.qwen3_vl_moe:ADAPTER",
}
"""Architecture -> ``module:attribute``, imported only when the family is asked for."""

HOW_TO_ADD = "add forge/families/<architecture>.py and one line to TABLE in forge/families/registry.py"


class FamilyRegistry:
    """A table of family adapters.

    Args:
        table: architecture -> ``module:attribute`` of families that are imported on first use.
    """

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        """Start from ``table``; nothing is imported yet."""
        self._lazy: dict[str, str] = dict(table or {})
        self._loaded: dict[str, FamilyAdapter] = {}

    def names(self) -> tuple[str, ...]:
        """Every registered architecture, sorted."""
        return tuple(sorted({*self._lazy, *self._loaded}))

    def register(self, adapter: FamilyAdapter) -> FamilyAdapter:
        """Add a family.

        Raises:
            RegistryError: the name is taken; the table stays as it was.
        """
        if adapter.architecture in self._lazy or adapter.architecture in self._loaded:
            owner = self._lazy.get(adapter.architecture, "an adapter registered earlier")
            raise RegistryError(
                f"architecture {adapter.architecture!r}: expected a free name; found it taken by {owner}",
                remedy="published adapters are frozen: register new behaviour under a new method name",
            )
        self._loaded[adapter.architecture] = adapter
        return adapter

    def get(self, architecture: str) -> FamilyAdapter:
        """The adapter of exactly ``architecture``.

        Raises:
            RegistryError: unknown architecture, or a table line that does not lead to its adapter.
        """
        if architecture in self._loaded:
            return self._loaded[architecture]
        target = self._lazy.get(architecture)
        if target is None:
            raise RegistryError(self._unknown(architecture), remedy=HOW_TO_ADD)
        self._loaded[architecture] = _load(architecture, target)
        return self._loaded[architecture]

    def _unknown(self, architecture: str) -> str:
        close = difflib.get_close_matches(architecture, self.names(), n=3)
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        return f"architecture: expected one of {', '.join(self.names())}; found {architecture!r}{hint}"


def _load(architecture: str, target: str) -> FamilyAdapter:
    module, _, attribute = target.partition(":")
    try:
        adapter = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RegistryError(f"{architecture}: expected an adapter at {target}; found {error}") from error
    if not isinstance(adapter, FamilyAdapter) or adapter.architecture != architecture:
        raise RegistryError(f"{target}: expected the adapter of {architecture!r}; found {adapter!r}")
    return adapter


_FAMILIES = FamilyRegistry(TABLE)


def names() -> tuple[str, ...]:
    """Every registered architecture, sorted."""
    return _FAMILIES.names()


def get(architecture: str) -> FamilyAdapter:
    """The adapter of exactly ``architecture``.

    Raises:
        RegistryError: unknown; the message lists all registered names and close ones.
    """
    return _FAMILIES.get(architecture)


def register(adapter: FamilyAdapter) -> FamilyAdapter:
    """Add a family for the lifetime of this process.

    Raises:
        RegistryError: the name is taken; the table stays as it was.
    """
    return _FAMILIES.register(adapter)
