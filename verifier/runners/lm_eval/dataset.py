"""Problems to compare a log's problems with."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from verifier.errors import DocumentError, UsageError
from verifier.runners.lm_eval import log


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
    try:
        with path.open("rb") as stream:
            number = 0
            while data := stream.readline(log.MAX_LINE + 1):
                number += 1
                if len(data) > log.MAX_LINE or number > log.MAX_LINES:
                    raise log.wrong(
                        path, number, f"at most {log.MAX_LINES} lines of {log.MAX_LINE} bytes", "more"
                    )
                if data.strip():
                    _add(found, path, number, data)
    except OSError as error:
        raise UsageError(f"dataset {path}: expected a readable file, found: {error.strerror}") from error
    if empty := [task for task, docs in found.items() if not docs]:
        raise DocumentError(f"{path.name}: expected problems of {', '.join(empty[:5])}, found none")
    return found


def _add(found: dict[str, dict[int, str]], path: Path, number: int, data: bytes) -> None:
    record = log.load_object(path, number, data)
    task = record.get("task", next(iter(found)) if len(found) == 1 else None)
    doc_id, doc = record.get("doc_id"), record.get("doc")
    if not isinstance(task, str):
        raise log.wrong(path, number, "a string under 'task'", type(task).__name__)
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not isinstance(doc, dict):
        raise log.wrong(path, number, "a whole number 'doc_id' and an object 'doc'", "something else")
    sha = log.doc_digest(doc)
    if task in found and found[task].setdefault(doc_id, sha) != sha:
        raise log.wrong(path, number, f"one problem {task}/{doc_id}", "another one under the same index")
