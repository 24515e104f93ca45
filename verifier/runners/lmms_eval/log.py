"""Reading a log of samples as lmms-eval writes it: one JSON object per problem, without the problem.

Source of the format: ``EvaluationTracker.save_results_samples`` and ``_process_document_results`` of
lmms-eval 0.7.3. The problem itself and the name of the filter are dropped, ``doc_hash`` is the digest of
``null`` in every line, and ``resps`` is left out where filtering changed nothing. Where ``<think>`` blocks
are stripped (the command line does so by default), ``resps`` is the text before stripping and after the
filter; else it is the list of answers.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import EvidenceMissingError
from verifier.runners.json_lines import JsonLines
from verifier.verdicts import JSON

MAX_DOC_ID = 10_000_000
MAX_ANSWER = 1 << 20
"""Characters of an answer; edit distances of longer ones would take for ever."""

NO_DOC_HASH = hashlib.sha256(b"null").hexdigest()
"""What the harness logs as ``doc_hash``: its requests never hold their problem."""

LINES = JsonLines(
    remedy="publish the <time>_samples_<task>.jsonl that lmms-eval --log_samples wrote, as it is",
    max_file=8 << 30,
    max_line=64 << 20,
    max_lines=2_000_000,
)
wrong = LINES.wrong
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
    for number, _, data in LINES.rows(path):
        digest.update(data)
        if data.strip():
            yield _line(path, number, LINES.load(path, number, data))


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
