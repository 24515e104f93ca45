"""Reading a log of samples as lmms-eval writes it: one JSON object per problem, without the problem.

Source of the format: ``EvaluationTracker.save_results_samples`` and ``_process_document_results`` of
lmms-eval 0.7.3. The problem itself and the name of the filter are dropped, ``doc_hash`` is the digest of
``null`` in every line, and ``resps`` is left out where filtering changed nothing. Where ``<think>`` blocks
are stripped (the command line does so by default), ``resps`` is the text before stripping and after the
filter; else it is the list of answers.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, UsageError
from verifier.verdicts import JSON

MAX_FILE = 8 << 30
MAX_LINE = 64 << 20
MAX_LINES = 2_000_000
MAX_DOC_ID = 10_000_000
MAX_ANSWER = 1 << 20
"""Characters of an answer; edit distances of longer ones would take for ever."""

NO_DOC_HASH = hashlib.sha256(b"null").hexdigest()
"""What the harness logs as ``doc_hash``: its requests never hold their problem."""

_REMEDY = "publish the <time>_samples_<task>.jsonl that lmms-eval --log_samples wrote, as it is"
_FIELDS = ("doc_id", "target", "resps", "filtered_resps", "token_counts", "doc_hash", "input", "input_media")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One problem's answer.

    Attributes:
        number: line of the file, from 1.
        doc_id: the problem's index in its split.
        target: the reference answer, as text.
        answer: the filtered answer, as logged; what the metrics are of.
        raw: the answers before filtering (a list), or before stripping (a string); None where they are the
            same.
        prompt: the text of the question as the model got it.
        metrics: every other field: values of this problem, as logged.
        doc_hash: as logged.
        counted: whether tokens are counted, as this release always notes.
    """

    number: int
    doc_id: int
    target: str
    answer: str
    raw: list[str] | str | None
    prompt: str
    metrics: Mapping[str, JSON]
    doc_hash: str
    counted: bool


def wrong(path: Path, number: int, expected: str, found: str) -> DocumentError:
    """Make the one error that a bad line gives: file, line, expected and found."""
    return DocumentError(
        f"{path.name} line {number}: expected {expected}, found {found}",
        pointer=f"/{number - 1}",
        remedy=_REMEDY,
    )


def read(path: Path, digest: "hashlib._Hash") -> Iterator[Line]:
    """Read a log, line by line.

    Args:
        path: the file.
        digest: updated with every byte of it.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or a line is not such an object; the pointer is the line's index.
        EvidenceMissingError: it holds several answers to each problem.
    """
    for number, data in raw_lines(path):
        digest.update(data)
        if data.strip():
            yield _line(path, number, load_object(path, number, data))


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file of bounded size.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large.
    """
    try:
        with path.open("rb") as stream:
            if (size := path.stat().st_size) > MAX_FILE:
                raise DocumentError(f"{path.name}: expected at most {MAX_FILE} bytes, found {size}")
            number = 0
            while data := stream.readline(MAX_LINE + 1):
                number += 1
                if len(data) > MAX_LINE or number > MAX_LINES:
                    raise wrong(path, number, f"at most {MAX_LINES} lines of {MAX_LINE} bytes", "more")
                yield number, data
    except OSError as error:
        raise UsageError(f"samples {path}: expected a readable file, found: {error.strerror}") from error


def load_object(path: Path, number: int, data: bytes) -> dict[str, Any]:
    """One line as a JSON object.

    Raises:
        DocumentError: it is none, or holds what no harness could have written.
    """
    try:
        record = json.loads(data.decode("utf-8"))
        if b"\\ud" in data or b"\\uD" in data:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise wrong(path, number, "valid text", "half of a surrogate pair") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise wrong(path, number, "a JSON object in UTF-8", str(error)[:200]) from error
    except (RecursionError, ValueError) as error:
        raise wrong(
            path, number, "a JSON object of moderate depth and numbers", type(error).__name__
        ) from error
    if not isinstance(record, dict):
        raise wrong(path, number, "a JSON object", type(record).__name__)
    return record


def _line(path: Path, number: int, record: dict[str, Any]) -> Line:
    if "filtered_resps" not in record or "input" not in record:
        raise wrong(
            path,
            number,
            "a line of an lmms-eval log (doc_id, target, filtered_resps, input)",
            f"the fields {', '.join(sorted(record))[:200] or '(none)'}",
        )
    doc_id = record.get("doc_id")
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not 0 <= doc_id <= MAX_DOC_ID:
        raise wrong(path, number, f"a doc_id from 0 to {MAX_DOC_ID}", str(doc_id)[:24])
    if isinstance(record["filtered_resps"], list):
        raise EvidenceMissingError(
            f"{path.name} line {number}: expected one answer as text under 'filtered_resps', found a list:"
            " a log of repeated questions, or of another release, has another score"
        )
    return Line(
        number=number,
        doc_id=doc_id,
        target=_text(path, number, record, "target"),
        answer=_text(path, number, record, "filtered_resps"),
        raw=_raw(path, number, record.get("resps")),
        prompt=_text(path, number, record, "input"),
        metrics={name: value for name, value in record.items() if name not in _FIELDS},
        doc_hash=_text(path, number, record, "doc_hash"),
        counted="token_counts" in record,
    )


def _text(path: Path, number: int, record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        found = type(value).__name__ if name in record else "none"
        raise wrong(path, number, f"a string under {name!r}", found)
    if len(value) > MAX_ANSWER:
        raise wrong(path, number, f"at most {MAX_ANSWER} characters under {name!r}", str(len(value)))
    return value


def _raw(path: Path, number: int, value: JSON) -> list[str] | str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return [value[0]]
    raise wrong(path, number, "one answer under 'resps'", type(value).__name__)
