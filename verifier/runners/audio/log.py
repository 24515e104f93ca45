"""Reading utterances with reference and prediction: a log of lmms-eval, or plain JSON lines.

Accepted fields, recognised by the first line and then wanted on every one:

* lmms-eval (``<time>_samples_<task>.jsonl``, as ``EvaluationTracker.save_results_samples`` of 0.7.3 writes):
  ``doc_id``, ``target``, ``filtered_resps``, and ``wer`` or ``bleu`` with ``gt`` and ``pred``;
* plain: ``id``, ``reference``, and ``prediction`` or ``hypothesis``; also ``part`` (which split or language
  pair) and ``harness`` (``name==version`` of what scored them), if it is to be on record.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.runners.json_lines import JsonLines

MAX_TEXT = 8192
"""Characters of a transcript. The normalisers' patterns need time in the square of it."""
MAX_SQUARES = 8_000_000_000
"""Sum of the squares of all texts' lengths. Honest corpora have some hundred millions."""
MAX_ID = 200
MAX_DOC_ID = 10_000_000
HARNESS, PLAIN = "lmms-eval", "plain"
_METRICS = ("wer", "bleu")
LINES = JsonLines(
    remedy="publish lmms-eval's <time>_samples_<task>.jsonl, or lines with id, reference and prediction",
    max_file=1 << 30,
    max_line=1 << 20,
    max_lines=200_000,
)
wrong = LINES.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One line.

    Attributes:
        number: line of the file, from 1.
        id: the utterance's name; its index in the task where the harness logged it.
        reference, prediction: transcript, translation or label.
        form: ``HARNESS`` or ``PLAIN``.
        part: which split or language pair the line says it is of; empty if it does not say.
        harness: what the line says it was scored with; empty if it does not say.
        logged: reference and prediction as the harness logged them a second time, beside its metric.
    """

    number: int
    id: str
    reference: str
    prediction: str
    form: str
    part: str = ""
    harness: str = ""
    logged: tuple[str, str] | None = None


def read(path: Path, digest: "hashlib._Hash", *, predicted: bool = True) -> Iterator[Utterance]:
    """Read a file, line by line.

    Args:
        path: the file.
        digest: updated with every byte of it.
        predicted: whether lines need a prediction; a dataset's have none.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or a line is not such an object; the pointer is the line's index.
    """
    form = ""
    for number, _, data in LINES.rows(path):
        digest.update(data)
        if not data.strip():
            continue
        found = _utterance(path, number, LINES.load(path, number, data), predicted)
        form = form or found.form
        if found.form != form:
            raise wrong(path, number, f"one format ({form}) in all lines", f"a line in {found.form}")
        yield found


def _utterance(path: Path, number: int, record: dict[str, Any], predicted: bool) -> Utterance:
    if "doc_id" in record and "target" in record:
        return _of_harness(path, number, record)
    if "id" in record and "reference" in record:
        return _plain(path, number, record, predicted)
    fields = ", ".join(sorted(map(str, record)))[:120]
    raise wrong(
        path,
        number,
        "a line of an lmms-eval log (doc_id, target, filtered_resps), or id, reference and prediction",
        f"the fields {fields or '(none)'}",
    )


def _of_harness(path: Path, number: int, record: dict[str, Any]) -> Utterance:
    doc_id = record["doc_id"]
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not 0 <= doc_id <= MAX_DOC_ID:
        raise wrong(path, number, f"a whole number up to {MAX_DOC_ID} under 'doc_id'", str(doc_id)[:24])
    answer = record.get("filtered_resps")
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return Utterance(
        number=number,
        id=str(doc_id),
        reference=_text(path, number, "target", record["target"]),
        prediction=_text(path, number, "filtered_resps", answer),
        form=HARNESS,
        logged=_logged(path, number, record),
    )


def _logged(path: Path, number: int, record: dict[str, Any]) -> tuple[str, str]:
    name = next((name for name in _METRICS if name in record), "wer")
    pair = record.get(name)
    if not isinstance(pair, dict):
        raise wrong(path, number, "an object under 'wer' or 'bleu'", type(pair).__name__)
    return _text(path, number, f"{name}.gt", pair.get("gt")), _text(
        path, number, f"{name}.pred", pair.get("pred")
    )


def _plain(path: Path, number: int, record: dict[str, Any], predicted: bool) -> Utterance:
    name = record["id"]
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name <= MAX_DOC_ID:
        name = str(name)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID or not name.isprintable():
        raise wrong(path, number, f"printable text of up to {MAX_ID} characters under 'id'", str(name)[:24])
    fields = [field for field in ("prediction", "hypothesis") if field in record]
    if predicted and len(fields) != 1:
        found = " and ".join(fields) or "neither"
        raise wrong(path, number, "either 'prediction' or 'hypothesis'", found)
    said = {field: record.get(field, "") for field in ("part", "harness")}
    for field, value in said.items():
        if not isinstance(value, str) or len(value) > MAX_ID:
            raise wrong(path, number, f"a short string under {field!r}", type(value).__name__)
    return Utterance(
        number=number,
        id=name,
        reference=_text(path, number, "reference", record["reference"]),
        prediction=_text(path, number, fields[0], record[fields[0]]) if predicted else "",
        form=PLAIN,
        **said,
    )


def _text(path: Path, number: int, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(path, number, f"a string under {name!r}", type(value).__name__)
    if len(value) > MAX_TEXT:
        raise wrong(path, number, f"at most {MAX_TEXT} characters under {name!r}", str(len(value)))
    return value
