"""Problems to compare a log's problems with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError
from verifier.runners.lm_eval import log

_LINES = replace(log.LINES, what="dataset")


def digest(docs: Mapping[str, str]) -> str:
    """sha256 over problems.

    Args:
        docs: ``log.doc_digest`` by id.
    """
    rows = "".join(f"{key} {docs[key]}\n" for key in sorted(docs))
    return hashlib.sha256(rows.encode()).hexdigest()


def load(path: Path, tasks: Sequence[str]) -> dict[str, dict[int, str]]:
    """Read problems, prepared as the harness prepares them (a log of the same task is such a file).

    Args:
        path: JSON lines with ``doc_id`` and ``doc``, and ``task`` if there is more than one.
        tasks: names of the benchmark's tasks.

    Returns:
        By task: digest by index.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is malformed, or says two things about one problem.
    """
    found: dict[str, dict[int, str]] = {task: {} for task in tasks}
    for number, _, data in _LINES.rows(path):
        if data.strip():
            _add(found, path, number, _LINES.load(path, number, data))
    if empty := [task for task, docs in found.items() if not docs]:
        raise DocumentError(f"{path.name}: expected problems of {', '.join(empty[:5])}, found none")
    return found


def _add(found: dict[str, dict[int, str]], path: Path, number: int, record: dict[str, Any]) -> None:
    task = record.get("task", next(iter(found)) if len(found) == 1 else None)
    doc_id, doc = record.get("doc_id"), record.get("doc")
    if not isinstance(task, str):
        raise log.wrong(path, number, "a string under 'task'", type(task).__name__)
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not isinstance(doc, dict):
        raise log.wrong(path, number, "a whole number 'doc_id' and an object 'doc'", "something else")
    sha = log.doc_digest(doc)
    if task in found and found[task].setdefault(doc_id, sha) != sha:
        raise log.wrong(path, number, f"one problem {task}/{doc_id}", "another one under the same index")
