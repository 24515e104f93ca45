"""The recipe, executed again, gives the same bytes (tier 2)."""

import re

from verifier.alloy.parse import walk
from verifier.claims.slate import Slate
from verifier.verdicts import Tier

_BASE = "/results/integrity"
_DATA = ("calibrationCorpus", "calibrationDataset", "corpus", "dataset", "trainingDataset")
_FILE = re.compile(r"[\w@+-][\w./@+-]*\.[A-Za-z0-9]{1,8}")
"""A data set's name that may be a file's: publishers also write prose there, or the name of a repository."""


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
    """(pointer, path) of every file beside the alloy that a stage names, data sets named by file included."""
    return [
        (pointer, value)
        for pointer, value in walk(slate.value("/stages"), "/stages")
        if isinstance(value, str) and "/executed/" not in pointer and _is_file(pointer, value)
    ]


def _is_file(pointer: str, value: str) -> bool:
    key = pointer.rpartition("/")[2]
    return key.endswith(("File", "Path")) or (key in _DATA and _FILE.fullmatch(value) is not None)
