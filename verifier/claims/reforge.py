"""The recipe, executed again, gives the same bytes (tier 2)."""

from verifier.alloy.parse import walk
from verifier.claims.slate import Slate
from verifier.verdicts import Tier

_BASE = "/results/integrity"


def add(slate: Slate) -> None:
    """One claim an artifact: redoing the recipe gives the weights that modelHash attests."""
    files = tuple(pointer for pointer, _ in _named_files(slate))
    slate.add(
        "reforge",
        Tier.REFORGE,
        "reforge",
        f"{_BASE}/modelHash",
        "Redoing the recipe gives the same bytes.",
        inputs=(
            "/name",
            "/source",
            "/stages",
            "/cycles",
            f"{_BASE}/fileHashes",
            f"{_BASE}/code",
            f"{_BASE}/datasets",
            "/results/execution",
            *files,
        ),
        params={"files": [path for _, path in _named_files(slate)]},
    )


def _named_files(slate: Slate) -> list[tuple[str, str]]:
    """(pointer, path) of every file beside the alloy that a stage names."""
    return [
        (pointer, value)
        for pointer, value in walk(slate.value("/stages"), "/stages")
        if pointer.endswith(("File", "Path")) and isinstance(value, str) and "/executed/" not in pointer
    ]
