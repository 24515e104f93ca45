"""Instances of SWE-bench as the dataset states them: JSON lines, or one JSON list."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.runners.agents.files import Reader, UnreadableError
from verifier.runners.agents.swe_layout import ID

MAX_FILE = 512 << 20
F2P, P2P = "FAIL_TO_PASS", "PASS_TO_PASS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What grading needs of one instance.

    Attributes:
        repo: ``owner/name``.
        fail_to_pass: tests that the patch has to mend.
        pass_to_pass: tests that it must not break.
        log_parser: the harness's name for the parser; empty in datasets before swebench 5.
        eval_type: ``pass_and_fail`` or ``fail_only``.
        patch: the true solution.
    """

    repo: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    log_parser: str = ""
    eval_type: str = "pass_and_fail"
    patch: str = ""


def load(path: Path) -> dict[str, Instance]:
    """Read a dataset.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is malformed, or says two things about one instance.
    """
    try:
        text = Reader(path.parent).text(path, MAX_FILE)
    except UnreadableError as error:
        raise UsageError(f"dataset {path}: {error}") from error
    if text is None:
        raise UsageError(f"dataset: expected a file, found nothing readable at {path}")
    found: dict[str, Instance] = {}
    for number, row in _rows(path, text):
        name = row.get("instance_id")
        if not isinstance(name, str) or not ID.fullmatch(name):
            raise _wrong(path, number, "an instance's id under 'instance_id'", str(name)[:80])
        instance = _instance(path, number, row)
        if found.setdefault(name, instance) != instance:
            raise _wrong(path, number, f"one instance {name}", "another one under the same id")
    if not found:
        raise DocumentError(f"{path.name}: expected instances, found none")
    return found


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    whole = text.lstrip().startswith("[")
    for number, line in enumerate([text] if whole else text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _wrong(path, number, "JSON", str(error)) from error
        for row in found if whole else [found]:
            if not isinstance(row, dict):
                raise _wrong(path, number, "an object for each instance", type(row).__name__)
            yield number, row


def _instance(path: Path, number: int, row: Mapping[str, Any]) -> Instance:
    words = {name: row.get(name) or "" for name in ("repo", "log_parser", "eval_type", "patch")}
    for name, value in words.items():
        if not isinstance(value, str):
            raise _wrong(path, number, f"a string under {name!r}", type(value).__name__)
    return Instance(
        repo=words["repo"],
        fail_to_pass=_tests(path, number, row, F2P),
        pass_to_pass=_tests(path, number, row, P2P),
        log_parser=words["log_parser"],
        eval_type=words["eval_type"] or "pass_and_fail",
        patch=words["patch"],
    )


def _tests(path: Path, number: int, row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of tests; the published dataset holds it as JSON in a string."""
    found = row.get(name)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise _wrong(path, number, f"a list under {name!r}", str(error)) from error
    if not isinstance(found, list) or not all(isinstance(test, str) for test in found):
        raise _wrong(path, number, f"a list of tests under {name!r}", type(found).__name__)
    return tuple(found)


def _wrong(path: Path, number: int, expected: str, found: str) -> DocumentError:
    return DocumentError(
        f"{path.name} line {number}: expected {expected}, found {found}", pointer=f"/{number - 1}"
    )
