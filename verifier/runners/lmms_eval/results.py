"""Reading ``<time>_results.json``, lmms-eval's own account of a run, as far as a log is compared with it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

MAX_FILE = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run says about one of its tasks.

    Attributes:
        build: what stands under ``lmms_eval_version``: branch and commit of the folder in which the run was
            started, and no release.
        version: the task's version; None if it is not stated.
        config: the task's definition as it was run; None if it is not stated.
        values: number by ``metric,filter``; None stands for "N/A".
        original: how many problems the run's dataset had; None if it is not stated.
        hash: digest that depends on the number of samples.
        bootstrap: iterations for standard errors; 0 for none.
        tags: pairs of tags whose content was cut from answers; None if none was.
    """

    build: str
    version: str | None
    config: Mapping[str, JSON] | None
    values: Mapping[str, float | None]
    original: int | None
    hash: str | None
    bootstrap: int
    tags: tuple[tuple[str, str], ...] | None


def load(path: Path, task: str) -> Results:
    """Read a results file.

    Args:
        path: the file.
        task: name of the task.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or no such document.
    """
    try:
        if (size := path.stat().st_size) > MAX_FILE:
            raise DocumentError(f"{path.name}: expected at most {MAX_FILE} bytes, found {size}")
        document = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise UsageError(f"results {path}: expected a readable file, found: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path.name}: expected a JSON object in UTF-8, found {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{path.name}: expected a JSON object, found {type(document).__name__}")
    part = _Parts(path, document)
    version, hash_ = part("versions").get(task), part("task_hashes").get(task)
    configs, results, sizes = part("configs"), part("results"), part("n-samples")
    original = _object(path, "n-samples", sizes.get(task, {})).get("original")
    config = part("config")
    bootstrap = config.get("bootstrap_iters", 100_000)
    return Results(
        build=str(document.get("lmms_eval_version", "(not stated)"))[:80],
        version=str(version) if isinstance(version, str | int | float) else None,
        config=_object(path, "configs", configs[task]) if task in configs else None,
        values=_values(_object(path, "results", results.get(task, {}))),
        original=original if isinstance(original, int) else None,
        hash=hash_ if isinstance(hash_, str) else None,
        bootstrap=min(bootstrap, 100_000) if isinstance(bootstrap, int) and bootstrap > 0 else 0,
        tags=_tags(path, _object(path, "config", config.get("resolved_cli_args") or {})),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    path: Path
    document: dict[str, Any]

    def __call__(self, name: str) -> dict[str, Any]:
        return _object(self.path, name, self.document.get(name, {}))


def _object(path: Path, name: str, value: JSON) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError(
            f"{path.name}: expected an object under {name!r}, found {type(value).__name__}",
            pointer=f"/{name}",
        )
    return value


def _tags(path: Path, args: Mapping[str, JSON]) -> tuple[tuple[str, str], ...] | None:
    said = args.get("reasoning_tags")
    if said in (None, "none", False):
        return None
    try:
        pairs = json.loads(said) if isinstance(said, str) else said
        return tuple((_tag(start), _tag(end)) for start, end in pairs)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(
            f'{path.name}: expected pairs of tags such as [["<think>", "</think>"]], found {str(said)[:60]}',
            pointer="/config/resolved_cli_args/reasoning_tags",
        ) from error


def _tag(value: JSON) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _values(found: Mapping[str, JSON]) -> dict[str, float | None]:
    return {key: _number(value) for key, value in found.items() if "," in key}


def _number(value: JSON) -> float | None:
    """The number; None for "N/A"; not-a-number, which equals nothing, for anything else."""
    if value == "N/A":
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else math.nan
