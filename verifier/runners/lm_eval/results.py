"""Reading ``results_*.json``, the harness's own account of a run, as far as a log is compared with it."""

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
    """What a run says about itself.

    Attributes:
        harness: lm-eval's version; None if it is not stated.
        versions: version by task.
        fewshot: number of examples in the prompt, by task.
        values: by task or group: number by ``metric,filter``; None stands for "N/A".
        hashes: by task: digest over the hashes of its samples.
        bootstrap: whether standard errors were asked for.
    """

    harness: str | None
    versions: Mapping[str, str]
    fewshot: Mapping[str, int]
    values: Mapping[str, Mapping[str, float | None]]
    hashes: Mapping[str, str]
    bootstrap: bool


def load(path: Path) -> Results:
    """Read a results file.

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
    version = document.get("lm_eval_version")
    config = _part(path, document, "config")
    results = _part(path, document, "results")
    return Results(
        harness=version if isinstance(version, str) else None,
        versions={
            str(task): str(found)
            for task, found in _part(path, document, "versions").items()
            if isinstance(found, str | int | float)
        },
        fewshot={
            task: found for task, found in _part(path, document, "n-shot").items() if isinstance(found, int)
        },
        values={task: _values(path, task, found) for task, found in results.items()},
        hashes={
            task: found
            for task, found in _part(path, document, "task_hashes").items()
            if isinstance(found, str)
        },
        bootstrap=config.get("bootstrap_iters", 1) not in (0, None),
    )


def _part(path: Path, document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name, {})
    if not isinstance(part, dict):
        raise DocumentError(
            f"{path.name}: expected an object under {name!r}, found {type(part).__name__}",
            pointer=f"/{name}",
        )
    return part


def _values(path: Path, task: str, found: JSON) -> dict[str, float | None]:
    if not isinstance(found, dict):
        raise DocumentError(
            f"{path.name}: expected an object for {task!r}, found {type(found).__name__}",
            pointer="/results",
        )
    return {key: _number(value) for key, value in found.items() if "," in key}


def _number(value: JSON) -> float | None:
    """The number; None for "N/A"; not-a-number, which equals nothing, for anything else."""
    if value == "N/A":
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else math.nan
