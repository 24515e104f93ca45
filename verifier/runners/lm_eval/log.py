"""Reading a log of samples as lm-evaluation-harness writes it: one JSON object per (problem, filter).

Source of the format: ``EvaluationTracker.save_results_samples`` of lm-eval 0.4.13.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.runners.json_lines import JsonLines
from verifier.verdicts import JSON

MAX_DOC_ID = 10_000_000
MAX_HASH = 64
_STARTS = re.compile(rb'\{"doc_id": (\d{1,8}), "')
"""How the harness begins a line, so that its index is known without reading the rest."""

LINES = JsonLines(
    remedy="publish the samples_*.jsonl that lm_eval --log_samples wrote, as it is",
    max_file=8 << 30,  # few-shot prompts are logged once per answer choice, so that honest logs are large
    max_line=64 << 20,
    max_lines=2_000_000,
)
wrong = LINES.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One problem's answers through one filter.

    Attributes:
        number: line of the file, from 1.
        start: byte of the file at which it begins.
        doc_id: the problem's index in its task.
        doc: the problem, as the task's own preparation left it.
        doc_sha256: digest of ``doc``'s canonical form.
        filter: name of the filter.
        resps: one entry per request: the answers to it.
        filtered: what the filter made of them, as logged.
        target: the reference answer, as logged.
        metrics: values of this problem, as logged.
        broken: names of the hashes that the line states and that its own content does not have.
        hashes: the three hashes as logged, one after the other.
    """

    number: int
    start: int
    doc_id: int
    doc: dict[str, Any]
    doc_sha256: str
    filter: str
    resps: list[Any]
    filtered: list[Any]
    target: str
    metrics: Mapping[str, JSON]
    broken: tuple[str, ...]
    hashes: str


def read(path: Path, digest: "hashlib._Hash") -> Iterator[Line]:
    """Read a log, line by line.

    Args:
        path: the file.
        digest: updated with every byte of it.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or a line is not such an object; the pointer is the line's index.
    """
    for number, start, data in LINES.rows(path):
        digest.update(data)
        if data.strip():
            yield _line(path, number, start, data)


def first(path: Path) -> Line | None:
    """The line of the lowest index; of several the one that comes first. None of an empty log.

    Raises:
        UsageError, DocumentError: see ``read``.
    """
    best: tuple[int, int, int, bytes] | None = None
    for number, start, data in LINES.rows(path):
        if not data.strip():
            continue
        starts = _STARTS.match(data)
        doc_id = int(starts[1]) if starts else _line(path, number, start, data).doc_id
        if best is None or doc_id < best[0]:
            best = (doc_id, number, start, data)
    return None if best is None else _line(path, *best[1:])


def again(path: Path, places: Iterable[tuple[int, int]]) -> Iterator[Line]:
    """Read some lines once more.

    Args:
        path: the file.
        places: number and start of each line, in the order in which they are wanted.

    Raises:
        UsageError, DocumentError: see ``read``.
    """
    for number, start, data in LINES.again(path, places):
        yield _line(path, number, start, data)


_FIELDS: tuple[tuple[str, type, str], ...] = (
    ("doc_id", int, "a whole number"),
    ("doc", dict, "an object"),
    ("target", str, "a string"),
    ("resps", list, "a list"),
    ("filtered_resps", list, "a list"),
    ("filter", str, "a string"),
    ("metrics", list, "a list"),
    ("doc_hash", str, "a string"),
    ("prompt_hash", str, "a string"),
    ("target_hash", str, "a string"),
)


def _line(path: Path, number: int, start: int, data: bytes) -> Line:
    record = LINES.load(path, number, data)
    if "task_id" in record and "doc_id" not in record:
        raise wrong(path, number, "a line of an lm-eval log (doc_id, doc, resps, …)", "one of another format")
    for name, kind, word in _FIELDS:
        value = record.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            found = type(value).__name__ if name in record else "none"
            raise wrong(path, number, f"{word} under {name!r}", found)
    if not 0 <= record["doc_id"] <= MAX_DOC_ID:
        raise wrong(path, number, f"a doc_id from 0 to {MAX_DOC_ID}", str(record["doc_id"])[:24])
    if not record["resps"]:
        raise wrong(path, number, "answers under 'resps'", "an empty list")
    names = record["metrics"]
    if not all(isinstance(name, str) and name in record for name in names):
        raise wrong(path, number, "a value for each name under 'metrics'", "none for one of them")
    for name in ("doc_hash", "prompt_hash", "target_hash"):
        if len(record[name]) > MAX_HASH:
            raise wrong(path, number, f"at most {MAX_HASH} characters under {name!r}", "more")
    if set(names) & {field for field, _, _ in _FIELDS}:
        raise wrong(path, number, "names of metrics under 'metrics'", "the name of another field")
    return Line(
        number=number,
        start=start,
        doc_id=record["doc_id"],
        doc=record["doc"],
        doc_sha256=doc_digest(record["doc"]),
        filter=record["filter"],
        resps=record["resps"],
        filtered=record["filtered_resps"],
        target=record["target"],
        metrics={name: record[name] for name in names},
        broken=tuple(_broken(record)),
        hashes=record["doc_hash"] + record["prompt_hash"] + record["target_hash"],
    )


def doc_digest(doc: Mapping[str, JSON]) -> str:
    """sha256 of a problem, whatever the order of its keys."""
    return _sha256(json.dumps(doc, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def _broken(record: Mapping[str, Any]) -> Iterator[str]:
    """The harness hashes problem, first prompt and reference answer of each line."""
    if record["doc_hash"] != _sha256(json.dumps(record["doc"], indent=2, ensure_ascii=False)):
        yield "doc_hash"
    if record["target_hash"] != _sha256(record["target"]):
        yield "target_hash"
    prompt = record.get("arguments")
    for key in ("gen_args_0", "arg_0"):
        prompt = prompt.get(key) if isinstance(prompt, dict) else None
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]  # how a prompt that is a list of chat messages is logged
    if not isinstance(prompt, str) or record["prompt_hash"] != _sha256(prompt):
        yield "prompt_hash"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
