"""The JSON files of a model folder, read with limits: configuration and shard index."""

import json
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError

CONFIG_FILE = "config.json"
SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Longest accepted JSON file; an index has about 100 bytes a tensor."""


class _TwiceError(ValueError):
    """A key that occurs twice in one object."""


def read_document(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a stranger.

    ``NaN`` and ``Infinity`` pass, though they are no JSON: configurations that transformers wrote have them.

    Raises:
        DocumentError: unreadable, too large, not UTF-8, no JSON object, nested too deep, or a key twice.
    """
    try:
        if not path.is_file():
            raise DocumentError(f"{path.name}: expected a file in {path.parent}; found none")
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path.name}: expected a readable file; found: {error}") from None
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"{path.name}: expected at most {MAX_DOCUMENT_BYTES} bytes; found more")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        # ValueError: of the decoder, of json, or an integer with more digits than Python converts.
        found = str(error)[:200] or type(error).__name__
        raise DocumentError(f"{path.name}: expected a JSON object in UTF-8; found: {found}") from None
    if not isinstance(document, dict):
        raise DocumentError(f"{path.name}: expected a JSON object; found {type(document).__name__}")
    return document


def read_weight_map(path: Path) -> dict[str, str]:
    """The ``weight_map`` of a shard index: tensor name to file name.

    Raises:
        DocumentError: as :func:`read_document`, or a file name that is no plain name of a safetensors file.
    """
    weight_map = read_document(path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise DocumentError(
            f"{path.name}: expected an object with tensor names; found {type(weight_map).__name__}",
            pointer="/weight_map",
        )
    for name, filename in weight_map.items():
        if not isinstance(filename, str) or not _is_plain(filename):
            pointer = "/weight_map/" + name.replace("~", "~0").replace("/", "~1")[:200]
            raise DocumentError(
                f"{path.name}: expected safetensors files in the same folder; found {filename!r:.200}",
                pointer=pointer.encode(errors="replace").decode(),
                remedy="an index that names files elsewhere is not followed",
            )
    return weight_map


def _is_plain(filename: str) -> bool:
    return (
        filename.endswith(".safetensors")
        and len(filename.encode(errors="replace")) <= 255
        and not any(c in "/\\" or not c.isprintable() for c in filename)
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _TwiceError(f"the key {name!r:.100} twice")
            seen.add(name)
    return found
