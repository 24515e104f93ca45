"""Scoring a log with the harness; what the worker does."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from verifier.errors import AlloyError, DocumentError, UsageError
from verifier.runners.lmms_eval import dataset, harness, log
from verifier.runners.lmms_eval.harness import Task
from verifier.runners.lmms_eval.kinds import KINDS, Judged, Kind
from verifier.runners.lmms_eval.log import Line
from verifier.runners.model import remembered
from verifier.verdicts import JSON

DEFAULT_TAGS = (("<think>", "</think>"), ("<analysis>", "</analysis>"))
"""What the harness's command line cuts from answers unless told otherwise (``--reasoning_tags``)."""
_LONG = 200
"""Characters of a logged value that a finding repeats."""


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    The log is read twice, and of its lines only outcomes are kept.

    Args:
        request: ``yaml`` (the task's definition), ``log``, ``size`` (problems of the benchmark), ``kind``
            (how its samples are judged), ``metric`` that decides a problem, ``dataset`` (a file or None),
            ``bootstrap`` (iterations for standard errors), ``tags`` (pairs that were cut; None if not
            stated).
        on_progress: told how many lines are done.

    Returns:
        What was found: see ``runner.py``.

    Raises:
        DocumentError, UsageError: the log or the dataset is malformed or cannot be read.
        EvidenceMissingError: the log holds several answers to each problem.
    """
    path, size = Path(request["log"]), request["size"]
    seen = _look(path)
    known = dataset.load(Path(request["dataset"])) if request["dataset"] else None
    judge = _Judge(request, path, known, seen.first)
    found = judge.score(size, on_progress)
    if found.sha256 != seen.sha256:
        raise UsageError(f"samples {path}: expected a file that stays as it is, found it changed")
    chosen = list(found.best.values())
    return {
        "sha256": seen.sha256,
        "lines": sum(seen.docs.values()),
        "problems": hashlib.sha256("".join(sorted(found.problems)).encode()).hexdigest(),
        "extra": sorted(doc for doc in seen.docs if doc >= size),
        "foreign": sorted(found.foreign),
        "duplicate": sorted(doc for doc, n in seen.docs.items() if n > 1),
        "status": {str(one.doc_id): _status(one.judged, request["metric"]) for one in chosen},
        "answers": {str(one.doc_id): list(one.answer) for one in chosen},
        "differing": [list(row) for row in found.differing],
        "otherPrompts": [one.doc_id for one in chosen if not one.known_prompt],
        "otherFormat": seen.other_format,
        "datasetSize": None if known is None else len(known),
        "metrics": list(judge.numbers(chosen, request["bootstrap"])),
        "version": harness.version(judge.task),
        "defined": dict(judge.task.defined),
        "hash": harness.samples_hash(sum(seen.docs.values())),
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the first reading of a log tells: its problems, and the line of the first of them."""

    docs: Mapping[int, int]
    first: Line
    sha256: str
    other_format: int


def _look(path: Path) -> _Seen:
    digest, docs, odd = hashlib.sha256(), Counter[int](), 0
    first: Line | None = None
    for line in log.read(path, digest):
        docs[line.doc_id] += 1
        odd += not line.counted
        if first is None or line.doc_id < first.doc_id:
            first = line
    if first is None:
        raise DocumentError(f"{path.name}: expected samples, found none")
    return _Seen(docs, first, digest.hexdigest(), odd)


@dataclass(frozen=True, slots=True)
class _Scored:
    """What is kept of a judged line; ``answer`` is digest and length of what was judged."""

    doc_id: int
    judged: Judged
    answer: tuple[str, int]
    known_prompt: bool


@dataclass(slots=True)
class _Found:
    """What the second reading tells; ``best`` has one line per problem in the log's order, the worst."""

    sha256: str = ""
    best: dict[int, _Scored] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    differing: list[tuple[int, str, JSON, JSON]] = field(default_factory=list)


def _status(judged: Judged, metric: str) -> list[JSON]:
    """Whether the harness passes it, whether it is solved, and why that is open."""
    record = judged.metrics[metric]
    passes = judged.solved
    if passes is None:
        # As logged: a guess that happens to be right.
        passes = bool(record["parsed_pred"] == [record["answer"]])
    return [passes, judged.solved, judged.note]


def _rank(judged: Judged, metric: str) -> float:
    if judged.solved is None:
        return 0.5
    value = judged.metrics[metric]
    return float(judged.solved) if isinstance(value, dict) else float(value)


class _Judge:
    """One task, and everything that its lines are compared with."""

    def __init__(
        self, request: Mapping[str, Any], path: Path, known: Sequence[dict[str, Any]] | None, first: Line
    ) -> None:
        self._path, self._known, self._metric = path, known, request["metric"]
        self._kind: Kind = KINDS[request["kind"]]
        self._tags = request["tags"]
        # As the harness orders them: the first problem decides what a task takes a problem to be.
        doc = known[0] if known is not None else self._kind.rebuild(path, first)
        where = (path, first.number) if known is None else (Path(request["dataset"]), 1)
        self.task: Task = harness.load_task(Path(request["yaml"]), doc, whole=known is not None, where=where)

    def score(self, size: int, on_progress: Callable[[int], None]) -> _Found:
        """Filter and judge each line of the benchmark's problems by itself."""
        found, digest = _Found(), hashlib.sha256()
        first: dict[int, tuple[int, bytes]] = {}
        for line in log.read(self._path, digest):
            doc = self._doc(line)
            if doc is None or not self._is_of(line, doc):
                found.foreign.add(line.doc_id)
            elif line.doc_id < size:
                self._add(found, line, doc, first)
            on_progress(line.number)
        found.sha256 = digest.hexdigest()
        return found

    def _add(
        self, found: _Found, line: Line, doc: dict[str, Any], first: dict[int, tuple[int, bytes]]
    ) -> None:
        judged, answer = self._judge(line, doc)
        found.differing += self._differing(line, judged, answer)
        text = hashlib.sha256(json.dumps([line.answer, line.target, line.prompt]).encode()).digest()
        number, before = first.setdefault(line.doc_id, (line.number, text))
        if text != before:
            where = f"lines {number} and {line.number}"
            found.differing.append((line.doc_id, "answer", where, "one problem with different content"))
        found.problems.append(json.dumps([line.doc_id, hashlib.sha256(_asked(line)).hexdigest()]))
        other = found.best.get(line.doc_id)
        if other is None or _rank(judged, self._metric) < _rank(other.judged, self._metric):
            known = self._known is not None and line.prompt in self.task.prompts(doc)
            kept = replace(judged, logged={})  # compared by now
            found.best[line.doc_id] = _Scored(line.doc_id, kept, remembered(answer), known)

    def _doc(self, line: Line) -> dict[str, Any] | None:
        """The line's problem; None if the dataset has none of this index."""
        if self._known is None:
            return self._kind.rebuild(self._path, line)
        return self._known[line.doc_id] if line.doc_id < len(self._known) else None

    def _is_of(self, line: Line, doc: dict[str, Any]) -> bool:
        """Whether a line is of a problem, as far as the dataset is known."""
        if self._known is None:
            return True
        try:
            if line.target not in self.task.target(doc):
                return False
            return line.prompt in self.task.prompts(doc) or str(doc.get("question")) in line.prompt
        except Exception as error:  # whatever a problem of the dataset makes the harness raise
            raise harness.unreadable(self._path, line.number, error) from error

    def _judge(self, line: Line, doc: dict[str, Any]) -> tuple[Judged, str]:
        try:
            answer = self._filtered(line, doc)
            whole = self._known is not None
            return self._kind.judge(self.task, doc, line, answer, self._metric, whole), answer
        except AlloyError:
            raise
        except Exception as error:  # whatever a stranger's problem makes the harness raise
            raise harness.unreadable(self._path, line.number, error) from error

    def _filtered(self, line: Line, doc: dict[str, Any]) -> str:
        if isinstance(line.raw, list):
            return self.task.filtered(line.raw[0], doc)
        # What was filtered once stays as it is; stripping comes after the filter.
        text = self.task.filtered(line.answer if line.raw is None else line.raw, doc)
        tags = self._tags if self._tags is not None or line.raw is None else DEFAULT_TAGS
        return text if tags is None else harness.stripped(text, tags)

    def _differing(self, line: Line, judged: Judged, answer: str) -> Iterator[tuple[int, str, JSON, JSON]]:
        """Where a line contradicts itself: problem, field, logged, found."""
        found = judged.logged
        for name in sorted({*line.metrics, *found}):
            if json.dumps(line.metrics.get(name)) != json.dumps(found.get(name)):
                yield line.doc_id, name, _short(line.metrics.get(name)), _short(found.get(name))
        for name, logged, odd in judged.differing:
            yield line.doc_id, name, logged, odd
        if line.answer != answer:
            yield line.doc_id, "filtered_resps", _short(line.answer), _short(answer)
        if line.doc_hash != log.NO_DOC_HASH:
            yield line.doc_id, "doc_hash", _short(line.doc_hash), log.NO_DOC_HASH

    def numbers(self, chosen: Sequence[_Scored], bootstrap: int) -> Iterator[list[JSON]]:
        """Name, value, standard errors (two), number of problems, part; the whole has no part."""
        values: dict[str, list[Any]] = {}
        for one in chosen:
            for name, value in one.judged.metrics.items():
                values.setdefault(name, []).append(value)
        known = self.task.task.aggregation()
        values = {name: items for name, items in values.items() if name in known}
        if not values:
            return
        found = harness.aggregate(self.task, values, bootstrap)
        through = self.task.filter
        for name, items in values.items():
            errors = [_error(found.get(f"{name}_{kind},{through}")) for kind in ("stderr", "stderr_clt")]
            yield [name, through, float(found[f"{name},{through}"]), *errors, len(items), ""]
        for part, value, count in self._kind.parts(self.task, values[self._metric]):
            yield [self._metric, through, value, None, None, count, part]


def _asked(line: Line) -> bytes:
    """What a log tells of a problem: question and reference answer."""
    return json.dumps([line.prompt, line.target]).encode()


def _error(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and not math.isnan(value) else None


def _short(value: JSON) -> JSON:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else text[:_LONG] + "…"
