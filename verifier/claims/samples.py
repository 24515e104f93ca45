"""Where a card says what the samples of a score are: one file, or all files of one run.

``samplesPath`` is a path, or a list of paths where a run leaves a file for each part of the benchmark.
``resultHash`` (``samplesHash`` of a prior baseline) is then a list of digests in the same order, or one
digest over them (:func:`joined`). ``resultsPath`` and ``resultsHash`` beside it name the harness's own
account of the run, where it left one.
"""

import hashlib
from collections.abc import Sequence

from verifier.verdicts import JSON

ACCOUNTS = {
    "samplesPath": ("resultsPath", "resultsHash"),
    "baseSamplesPath": ("baseResultsPath", "baseResultsHash"),
}
"""Field with samples -> fields with the path and digest of the account of the same run."""


def account(samples: str) -> tuple[str, str]:
    """Pointers of the path and digest of the run's account, from the pointer of its samples."""
    where, _, key = samples.rpartition("/")
    path, digest = ACCOUNTS[key]
    return f"{where}/{path}", f"{where}/{digest}"


def paths(value: JSON) -> tuple[str, ...]:
    """The files that a card names as samples; none if it names none."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(path, str) for path in value):
        return tuple(value)
    return ()


def label(value: JSON) -> str:
    """Samples in one line, as scores are listed by."""
    return ", ".join(paths(value))


def joined(digests: Sequence[str]) -> str:
    """The digest of several files: sha256 over their sha256 (64 hex digits each), one a line, in order.

    Of a single file its own.
    """
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
