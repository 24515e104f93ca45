"""Which experts stay: from importances by a stated rule, or from a recorded selection. Both as JSON files.

Importance: ``{"schema": "alloy-importance/1", "metric": …, "layers": {"0": [one number per expert]}}``.
Selection: ``{"schema": "alloy-selection/1", "layers": {"0": [kept expert ids, ascending]}}``; the reference
artifacts call the layers ``kept`` and say ``"unit": "expert"``, which is read too.
"""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from verifier.alloy.parse import parse_json
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

SELECTION_SCHEMA = "alloy-selection/1"
IMPORTANCE_SCHEMA = "alloy-importance/1"
MAX_BYTES = 64 << 20

Kept = Mapping[int, Sequence[int]]
"""Layer -> experts that stay, ascending; they are renumbered in this order."""
Scores = Mapping[int, Sequence[int | float | Decimal]]
"""Layer -> importance of each of its experts; the most important stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What a profile found.

    Attributes:
        metric: name of the metric.
        layers: see :data:`Scores`.
    """

    metric: str
    layers: Scores


def most_important(scores: Scores, keep: Mapping[int, int], *, groups: int = 1) -> dict[int, list[int]]:
    """The experts that stay: per layer those with the highest scores; of equal ones the lower id stays.

    Args:
        scores: importances.
        keep: layer -> how many stay.
        groups: equal groups into which the router divides the experts (expert ``e`` of ``n`` is in group
            ``e * groups // n``); each keeps its own best, equally many, so that groups stay equal.

    Raises:
        UsageError: a layer has no scores, too few experts, or counts that the groups do not divide.
    """
    chosen = {}
    for layer, wanted in keep.items():
        values = scores.get(layer)
        if values is None or not 0 < wanted <= len(values):
            raise UsageError(
                f"layer {layer}: expected importances of at least {wanted} experts;"
                f" found {'none' if values is None else len(values)}"
            )
        if len(values) % groups or wanted % groups:
            raise UsageError(
                f"layer {layer}: expected counts that {groups} groups divide; found {wanted} of {len(values)}"
            )
        size = len(values) // groups
        kept: list[int] = []
        for start in range(0, len(values), size):
            ranked = sorted(range(start, start + size), key=lambda e: (-values[e], e))
            kept += sorted(ranked[: wanted // groups])
        chosen[layer] = kept
    return chosen


def by_lot(counts: Mapping[int, int], seed: int) -> dict[int, list[int]]:
    """Scores that look at nothing: the first 8 bytes of a sha256 over seed, layer and expert.

    The same on every machine, unlike a random generator of a library.
    """
    return {layer: [_lot(seed, layer, expert) for expert in range(n)] for layer, n in counts.items()}


def _lot(seed: int, layer: int, expert: int) -> int:
    digest = hashlib.sha256(f"alloy-expert-lot/1\x00{seed}\x00{layer}\x00{expert}".encode()).digest()
    return int(struct.unpack("<Q", digest[:8])[0])


def selection_bytes(kept: Kept) -> bytes:
    """The selection file: one line per layer, layers in ascending order."""
    return _lines({"schema": SELECTION_SCHEMA, "unit": "expert"}, kept)


def importance_bytes(metric: str, scores: Scores, **more: JSON) -> bytes:
    """The importance file: one line per layer, layers in ascending order.

    Args:
        metric: name of the metric.
        scores: importances.
        more: further fields, such as the digest of the corpus.
    """
    return _lines({"schema": IMPORTANCE_SCHEMA, "metric": metric, **more}, scores)


def read_selection(path: Path) -> dict[int, list[int]]:
    """Layer -> experts that stay, from a selection file.

    Raises:
        DocumentError: the file is none, or its lists are not of distinct ascending ids.
    """
    document = _read(path, SELECTION_SCHEMA)
    if document.get("unit", "expert") != "expert":
        raise DocumentError(
            f"{path.name}: unit: expected a selection of experts; found {document['unit']!r:.60}",
            pointer="/unit",
        )
    key = "layers" if "layers" in document else "kept"
    layers = _layers(document, key, path)
    for layer, ids in layers.items():
        whole = all(isinstance(e, int) and not isinstance(e, bool) and e >= 0 for e in ids)
        if not whole or list(ids) != sorted(set(ids)) or not ids:
            raise DocumentError(
                f"{path.name}: layer {layer}: expected distinct expert ids in ascending order;"
                f" found {json.dumps(ids, default=str)[:80]}",
                pointer=f"/{key}/{layer}",
            )
    return layers


def read_importance(path: Path) -> Importance:
    """What a profile found, from its file.

    Raises:
        DocumentError: the file is none, or an importance is no finite number.
    """
    document = _read(path, IMPORTANCE_SCHEMA)
    metric = document.get("metric")
    if not isinstance(metric, str) or not metric:
        raise DocumentError(
            f"{path.name}: metric: expected the metric's name; found {metric!r:.60}", pointer="/metric"
        )
    layers = _layers(document, "layers", path)
    for layer, values in layers.items():
        for expert, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                raise DocumentError(
                    f"{path.name}: layer {layer}, expert {expert}: expected a number; found {value!r:.60}",
                    pointer=f"/layers/{layer}/{expert}",
                )
    return Importance(metric=metric, layers=layers)


def is_importance(path: Path) -> bool:
    """The file says of itself that it holds importances.

    Raises:
        DocumentError: it is no JSON document.
    """
    document = parse_json(_bytes(path), what=path.name, max_bytes=MAX_BYTES)
    return isinstance(document, dict) and document.get("schema") == IMPORTANCE_SCHEMA


def _lines(head: Mapping[str, JSON], layers: Mapping[int, Sequence[Any]]) -> bytes:
    fields = [f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}," for key, value in head.items()]
    rows = [f'  "{layer}": {json.dumps([*layers[layer]])}' for layer in sorted(layers)]
    return "\n".join(["{", *fields, ' "layers": {', ",\n".join(rows), " }", "}", ""]).encode()


def _read(path: Path, schema: str) -> dict[str, Any]:
    document = parse_json(_bytes(path), what=path.name, max_bytes=MAX_BYTES)
    if not isinstance(document, dict) or document.get("schema") != schema:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise DocumentError(f"{path.name}: expected the schema {schema}; found {found!r:.60}")
    return document


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(
            f"{path.name}: expected a readable file; found {error.strerror or error}"
        ) from None


def _layers(document: Mapping[str, Any], key: str, path: Path) -> dict[int, Any]:
    layers = document.get(key)
    if not isinstance(layers, dict) or not layers:
        raise DocumentError(
            f"{path.name}: {key}: expected an object with one list per layer; found {layers!r:.60}",
            pointer=f"/{key}",
        )
    found = {}
    for name, values in layers.items():
        if not (name.isascii() and name.isdigit() and len(name) <= 6 and str(int(name)) == name):
            raise DocumentError(f"{path.name}: expected layer numbers; found {name!r:.60}", pointer=f"/{key}")
        if not isinstance(values, list) or not values:
            raise DocumentError(
                f"{path.name}: layer {name}: expected a list; found {values!r:.60}", pointer=f"/{key}/{name}"
            )
        found[int(name)] = values
    return dict(sorted(found.items()))
