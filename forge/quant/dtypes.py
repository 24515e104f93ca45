"""Which number format a model's weights are in, from the headers alone."""

import json
from pathlib import Path

from verifier.errors import DocumentError, UsageError

MAX_HEADER = 100_000_000
"""Bytes of a header; the safetensors library's own limit."""

_KNOWN = {"F32": "F32", "F16": "F16", "BF16": "BF16"}


def widest(model: Path) -> str:
    """``BF16`` or ``F16`` if every floating tensor of the folder is in that type, else ``F32``.

    Raises:
        UsageError: there are no safetensors in the folder.
        DocumentError: a header cannot be read.
    """
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise UsageError(f"{model}: expected safetensors; found none", remedy="give a complete model folder")
    found = {dtype for path in files for dtype in _dtypes(path)} & {*_KNOWN, "F64"}
    return found.pop() if found in ({"BF16"}, {"F16"}) else "F32"


def _dtypes(path: Path) -> set[str]:
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if not 0 < size <= min(MAX_HEADER, path.stat().st_size):
            raise DocumentError(f"{path.name}: header: expected at most {MAX_HEADER} bytes; found {size}")
        try:
            header = json.loads(stream.read(size))
        except (ValueError, RecursionError) as error:
            raise DocumentError(f"{path.name}: header: expected JSON; found {error}") from error
    entries = [v for k, v in header.items() if k != "__metadata__"] if isinstance(header, dict) else []
    return {str(entry.get("dtype")) for entry in entries if isinstance(entry, dict)}
