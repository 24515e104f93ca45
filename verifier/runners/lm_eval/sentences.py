"""What splitting sentences and telling languages needs: NLTK's data without a download, a fixed seed."""

import importlib.metadata
from pathlib import Path

from verifier.errors import EvidenceMissingError

CARRIER = "llama-index-core"
"""A package on PyPI that carries NLTK's punkt_tab; only its files are used, none of its code."""
_DATA = "llama_index/core/_static/nltk_cache"
SEED = 0


def prepare() -> None:
    """Make NLTK find its data, and seed the detector of languages, before the harness is imported.

    langdetect draws random numbers: without a seed, the same text can be told to be of two languages. The
    harness does not seed it, so that a log of a borderline text may differ from this score.

    Raises:
        EvidenceMissingError: punkt_tab is nowhere; the harness would try to download it.
    """
    # Versions before NLTK 3.9.1 load data that can run code; the harness refuses them as well.
    import langdetect
    import nltk

    langdetect.DetectorFactory.seed = SEED
    if (folder := carried()) is not None and str(folder) not in nltk.data.path:
        nltk.data.path.insert(0, str(folder))
    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError as error:
        raise EvidenceMissingError(
            "ifeval: needs NLTK's punkt_tab, found it nowhere",
            remedy=f"pip install {CARRIER}, or python -m nltk.downloader punkt_tab",
        ) from error


def carried() -> Path | None:
    """The folder with NLTK's data in the installed carrier; None without one."""
    try:
        folder = Path(str(importlib.metadata.distribution(CARRIER).locate_file(_DATA)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return folder if (folder / "tokenizers" / "punkt_tab" / "english").is_dir() else None
