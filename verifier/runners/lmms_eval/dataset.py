"""Reading the problems of a benchmark, as the dataset's publisher has them, without their pictures."""

import gzip
import zlib
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.runners.lmms_eval import log

MAX_UNPACKED = 1 << 30


def load(path: Path) -> list[dict[str, Any]]:
    """Read problems.

    Args:
        path: JSON lines, in the order of the split, packed by gzip or not; or such lines with ``doc_id`` and
            ``doc``.

    Returns:
        Problems by index.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is malformed, too large, or its indices are not those of a split.
    """
    found: dict[int, dict[str, Any]] = {}
    for number, data in _lines(path):
        record = log.LINES.load(path, number, data)
        doc_id, doc = record.get("doc_id"), record.get("doc")
        wrapped = isinstance(doc, dict)
        key = doc_id if wrapped and isinstance(doc_id, int) else len(found)
        if key in found:
            raise log.wrong(path, number, f"one problem {key}", "a second one")
        found[key] = doc if wrapped else record  # type: ignore[assignment]
    if not found or sorted(found) != list(range(len(found))):
        raise DocumentError(f"{path.name}: expected problems 0, 1, 2 and so on, found {len(found)} others")
    return [found[key] for key in range(len(found))]


def _lines(path: Path) -> list[tuple[int, bytes]]:
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as source:
            data = source.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"dataset {path}: expected a readable file, found: {error}") from error
    if len(data) > MAX_UNPACKED:
        raise DocumentError(f"{path.name}: expected at most {MAX_UNPACKED} bytes of problems, found more")
    return [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
