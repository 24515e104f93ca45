"""Reading a run's results file, as far as lm-eval's and lmms-eval's, which came from it, are alike."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

MAX_FILE = 256 << 20


def load(path: Path) -> dict[str, Any]:
    """Read the document.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or no JSON object.
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
    return document


def within(path: Path, outer: Mapping[str, JSON], name: str, *, pointer: str = "") -> dict[str, Any]:
    """The object under a name; an empty one if there is none.

    Args:
        path: the file, for the error.
        outer: the document, or an object of it.
        name: the key.
        pointer: where ``outer`` lies in the document.

    Raises:
        DocumentError: something else lies there.
    """
    found = outer.get(name, {})
    if not isinstance(found, dict):
        raise DocumentError(
            f"{path.name}: expected an object under {name!r}, found {type(found).__name__}",
            pointer=f"{pointer}/{name}",
        )
    return found


def numbers(found: Mapping[str, JSON]) -> dict[str, float | None]:
    """A task's numbers by ``metric,filter``.

    None stands for "N/A"; not-a-number, which equals nothing, for anything else that is no number.
    """
    return {key: _number(value) for key, value in found.items() if "," in key}


def _number(value: JSON) -> float | None:
    if value == "N/A":
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else math.nan
