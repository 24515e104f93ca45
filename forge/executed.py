"""The executed alloy: the recipe's own fields, and beside them what was done and what came out.

Nothing in it depends on paths, and nothing on the time but ``results.completedAt``. In a portable one nothing
depends on the machine either; that is only possible where no machine decides a byte.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from forge import environment
from forge.recipe import Recipe
from forge.source import Base
from forge.stages.base import Determinism
from forge.workdir import Entry
from verifier.alloy.parse import parse, serialise
from verifier.errors import DocumentError, UsageError
from verifier.evidence.hashing import model_hash
from verifier.verdicts import JSON

SCHEMA = "alloy-execution/1"
RUNNER = "alloy forge"
_STALE = ("results", "receipt")
"""What an earlier execution states; it is about other bytes, unless they turn out equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a forge made.

    Attributes:
        files: ``{"filename", "sha256", "size"}`` of every weights file, sorted.
        side_files: (path, sha256) of everything else that the stages wrote or the recipe brought along.
        parameters: number of parameters in the weights; None if that cannot be counted.
        environment: see :func:`forge.environment.describe`.
    """

    files: Sequence[Mapping[str, JSON]]
    side_files: Mapping[str, str]
    parameters: int | None
    environment: Mapping[str, JSON]


def completed_at(stated: str | None) -> str:
    """The time to record: as given, else ``SOURCE_DATE_EPOCH`` (seconds), else now; ISO 8601 in UTC.

    Raises:
        UsageError: neither an ISO 8601 time with an offset nor a number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        if stated is not None:
            moment = datetime.fromisoformat(stated)
            if moment.tzinfo is None:
                raise ValueError("no offset")
            return stated
        moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError) as error:
        name, value = ("completed_at", stated) if stated is not None else ("SOURCE_DATE_EPOCH", epoch)
        raise UsageError(
            f"{name}: expected an ISO 8601 time with an offset, or seconds; found {value!r:.60} ({error})"
        ) from None
    return moment.isoformat(timespec="seconds")


def determinism_of(entries: Sequence[Entry]) -> Determinism:
    """``BYTES`` if every stage that made weights is, under what its record says."""
    made = [e for e in entries if e.model is not None or any(_is_weights(p) for p in e.files)]
    fine = all(e.determinism == Determinism.BYTES.value for e in made)
    return Determinism.BYTES if fine else Determinism.DEVICE


def compose(
    recipe: Recipe,
    base: Base,
    entries: Sequence[Entry],
    outcome: Outcome,
    *,
    seed: int,
    when: str,
    portable: bool,
) -> bytes:
    """The executed alloy's bytes.

    Raises:
        DocumentError: a stage recorded what no alloy can hold (a number that is none, too much of it).
    """
    hashed = model_hash(outcome.files)
    document = {k: v for k, v in recipe.alloy.document.items() if k not in _STALE}
    document["stages"] = [
        _stage(stage, entry, portable=portable)
        for stage, entry in zip(recipe.alloy.document["stages"], entries, strict=True)
    ]
    document["results"] = _results(
        recipe, base, entries, outcome, hashed, seed=seed, when=when, portable=portable
    )
    try:
        data = serialise(_plain(document)).encode()
        parse(data, what="executed alloy")
    except (TypeError, ValueError) as error:
        raise DocumentError(f"executed alloy: expected JSON values in every record; found {error}") from error
    return data


def _stage(stage: Mapping[str, JSON], entry: Entry, *, portable: bool) -> dict[str, JSON]:
    bare = {k: v for k, v in stage.items() if k != "executed"}
    done: dict[str, JSON] = {"method": entry.method, "determinism": entry.determinism}
    if entry.model is not None and not portable:
        done["loadCheck"] = entry.load_check
    if entry.guard:
        done["guard"] = entry.guard
    if entry.files:
        done["files"] = [{"path": path, "sha256": digest} for path, digest in sorted(entry.files.items())]
    done["record"] = dict(entry.record)
    return {**bare, **entry.fields, "executed": done}


def _results(
    recipe: Recipe,
    base: Base,
    entries: Sequence[Entry],
    outcome: Outcome,
    hashed: str,
    *,
    seed: int,
    when: str,
    portable: bool,
) -> dict[str, JSON]:
    kind = determinism_of(entries)
    results: dict[str, JSON] = _still_true(recipe, hashed)
    results["completedAt"] = when
    if outcome.parameters is not None:
        results["forgedParamsB"] = outcome.parameters / 1e9
    for entry in entries:
        results = _merge(results, entry.measured)
    link = recipe.alloy.document.get("derivedFrom")
    parent = link.get("alloyHash") if isinstance(link, Mapping) else None
    results["integrity"] = {
        "trustLevel": "self-attested",
        "fileHashes": [dict(f) for f in outcome.files],
        "modelHash": hashed,
        "code": {"runner": RUNNER, "version": environment.version()},
        **({"parentAlloyHash": parent} if isinstance(parent, str) else {}),
    }
    results["execution"] = {
        "schema": SCHEMA,
        "determinism": kind.value,
        "base": {
            **({"repo": base.repo, "revision": base.revision} if base.repo else {}),
            "modelHash": base.model_hash,
            "fileHashes": base.weights,
        },
        "seed": seed,
        "files": [{"path": p, "sha256": d} for p, d in sorted(outcome.side_files.items())],
        "environment": _environment(outcome, kind, portable=portable),
    }
    return results


def _environment(outcome: Outcome, kind: Determinism, *, portable: bool) -> Mapping[str, JSON]:
    if portable and kind is Determinism.BYTES:
        return {
            "forge": environment.version(),
            "note": "no library and no device decides a byte of the result",
        }
    return outcome.environment


def _still_true(recipe: Recipe, hashed: str) -> dict[str, JSON]:
    """Results that the recipe states of the very same bytes; of other bytes nothing is known."""
    results = recipe.alloy.document.get("results")
    if not isinstance(results, Mapping):
        return {}
    integrity = results.get("integrity")
    stated = integrity.get("modelHash") if isinstance(integrity, Mapping) else None
    if stated != hashed:
        return {}
    return {k: v for k, v in results.items() if k not in ("integrity", "execution", "completedAt")}


def _merge(results: dict[str, JSON], measured: Mapping[str, JSON]) -> dict[str, JSON]:
    """Later measurements replace earlier ones of the same name; benchmarks add up by name."""
    merged = {**results, **measured}
    lists = (results.get("benchmarks"), measured.get("benchmarks"))
    if all(isinstance(x, list) for x in lists):
        by_name = {item["name"]: item for entries in lists for item in entries or ()}
        merged["benchmarks"] = list(by_name.values())
    return merged


def _is_weights(path: str) -> bool:
    from forge.folders import is_weights

    return is_weights(path)


def _plain(value: JSON) -> JSON:
    """The same value with plain dicts and lists, refusing what JSON does not have."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        json.dumps(value, allow_nan=False)
    return value
