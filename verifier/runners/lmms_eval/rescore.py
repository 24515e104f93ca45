"""Scoring a log with the harness; what the worker does."""

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import AlloyError, DocumentError
from verifier.runners.lmms_eval import dataset, harness, log
from verifier.runners.lmms_eval.harness import Task
from verifier.runners.lmms_eval.kinds import KINDS, Judged, Kind
from verifier.runners.lmms_eval.log import Line
from verifier.verdicts import JSON

DEFAULT_TAGS = (("<think>", "</think>"), ("<analysis>", "</analysis>"))
"""What the harness's command line cuts from answers unless told otherwise (``--reasoning_tags``)."""
_EVERY = 0.1
"""Seconds between two messages of progress."""
_LONG = 200
"""Characters of a logged value that a finding repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """A line, judged, with the answer that was judged."""

    line: Line
    answer: str
    judged: Judged


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    Args:
        request: ``yaml`` (the task's definition), ``log``, ``size`` (problems of the benchmark), ``kind``
            (how its samples are judged), ``metric`` that decides a problem, ``dataset`` (a file or None),
            ``bootstrap`` (iterations for standard errors), ``tags`` (pairs that were cut; None if not
            stated).
        on_progress: told how many lines are done, now and then.

    Returns:
        What was found: see ``runner.py``.

    Raises:
        DocumentError, UsageError: the log or the dataset is malformed or cannot be read.
        EvidenceMissingError: the log holds several answers to each problem.
    """
    path = Path(request["log"])
    digest = hashlib.sha256()
    lines = list(log.read(path, digest))
    if not lines:
        raise DocumentError(f"{path.name}: expected samples, found none")
    known = dataset.load(Path(request["dataset"])) if request["dataset"] else None
    judge = _Judge(request, path, known, lines)
    foreign = {line.number for line in lines if judge.is_foreign(line)}
    own = [line for line in lines if line.doc_id < request["size"] and line.number not in foreign]
    scored = judge.score(own, on_progress)
    chosen = _worst(scored, request["metric"])
    return {
        "sha256": digest.hexdigest(),
        "lines": len(lines),
        "problems": _problems_digest(own),
        "extra": sorted({line.doc_id for line in lines if line.doc_id >= request["size"]}),
        "foreign": sorted({line.doc_id for line in lines if line.number in foreign}),
        "duplicate": sorted(doc for doc, n in Counter(line.doc_id for line in lines).items() if n > 1),
        "status": {str(one.line.doc_id): _status(one, request["metric"]) for one in chosen},
        "answers": {str(one.line.doc_id): _answer(one.answer) for one in chosen},
        "differing": [list(row) for row in judge.differing(scored)],
        "otherPrompts": [one.line.doc_id for one in chosen if not judge.knows_prompt(one.line)],
        "otherFormat": sum(not line.counted for line in lines),
        "datasetSize": None if known is None else len(known),
        "metrics": list(judge.numbers(chosen, request["bootstrap"])),
        "version": harness.version(judge.task),
        "defined": dict(judge.task.defined),
        "hash": harness.samples_hash(len(lines)),
    }


def _status(one: _Scored, metric: str) -> list[JSON]:
    """Whether the harness passes it, whether it is solved, and why that is open."""
    judged = one.judged
    record = judged.metrics[metric]
    passes = judged.solved
    if passes is None:
        # As logged: a guess that happens to be right.
        passes = bool(record["parsed_pred"] == [record["answer"]])
    return [passes, judged.solved, judged.note]


def _answer(text: str) -> list[JSON]:
    stripped = text.strip()
    return [hashlib.sha256(stripped.encode()).hexdigest(), len(stripped)]


def _problems_digest(lines: Sequence[Line]) -> str:
    """sha256 over what a log tells of its problems: index, question and reference answer."""
    rows = sorted((line.doc_id, line.prompt, line.target) for line in lines)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _worst(scored: Sequence[_Scored], metric: str) -> list[_Scored]:
    """One line per problem, in the log's order; of a repeated one the worst."""
    best: dict[int, _Scored] = {}
    for one in scored:
        other = best.get(one.line.doc_id)
        if other is None or _rank(one, metric) < _rank(other, metric):
            best[one.line.doc_id] = one
    return list(best.values())


def _rank(one: _Scored, metric: str) -> float:
    if one.judged.solved is None:
        return 0.5
    value = one.judged.metrics[metric]
    return float(one.judged.solved) if isinstance(value, dict) else float(value)


class _Judge:
    """One task, and everything that its lines are compared with."""

    def __init__(
        self,
        request: Mapping[str, Any],
        path: Path,
        known: Sequence[dict[str, Any]] | None,
        lines: Sequence[Line],
    ) -> None:
        self._path, self._known, self._metric = path, known, request["metric"]
        self._kind: Kind = KINDS[request["kind"]]
        self._tags = request["tags"]
        # As the harness orders them: the first problem decides what a task takes a problem to be.
        first = min(lines, key=lambda line: line.doc_id)
        doc = known[0] if known is not None else self._kind.rebuild(path, first)
        where = (path, first.number) if known is None else (Path(request["dataset"]), 1)
        self.task: Task = harness.load_task(Path(request["yaml"]), doc, whole=known is not None, where=where)

    def _doc(self, line: Line) -> dict[str, Any] | None:
        if self._known is None:
            return self._kind.rebuild(self._path, line)
        return self._known[line.doc_id] if line.doc_id < len(self._known) else None

    def is_foreign(self, line: Line) -> bool:
        """Whether a dataset is known and has another problem under the line's index."""
        if self._known is None:
            return False
        doc = self._doc(line)
        if doc is None:
            return True
        try:
            return line.target not in self.task.target(doc) or not self._asks(line, doc)
        except Exception as error:  # whatever a problem of the dataset makes the harness raise
            raise harness.unreadable(self._path, line.number, error) from error

    def _asks(self, line: Line, doc: dict[str, Any]) -> bool:
        return line.prompt in self.task.prompts(doc) or str(doc.get("question")) in line.prompt

    def knows_prompt(self, line: Line) -> bool:
        """Whether the dataset is known and the prompt is one that the task makes of the problem."""
        doc = self._doc(line) if self._known is not None else None
        return doc is not None and line.prompt in self.task.prompts(doc)

    def score(self, lines: Sequence[Line], on_progress: Callable[[int], None]) -> list[_Scored]:
        """Filter and judge each line by itself."""
        told, scored = 0.0, []
        for line in lines:
            scored.append(self._score(line))
            if time.monotonic() - told >= _EVERY:
                told = time.monotonic()
                on_progress(len(scored))
        return scored

    def _score(self, line: Line) -> _Scored:
        doc = self._doc(line)
        assert doc is not None
        try:
            answer = self._filtered(line, doc)
            judged = self._kind.judge(self.task, doc, line, answer, self._metric, self._known is not None)
        except AlloyError:
            raise
        except Exception as error:  # whatever a stranger's problem makes the harness raise
            raise harness.unreadable(self._path, line.number, error) from error
        return _Scored(line=line, answer=answer, judged=judged)

    def _filtered(self, line: Line, doc: dict[str, Any]) -> str:
        if isinstance(line.raw, list):
            return self.task.filtered(line.raw[0], doc)
        text = line.answer if line.raw is None else line.raw
        # What was filtered once stays as it is; stripping comes after the filter.
        text = self.task.filtered(text, doc)
        tags = self._tags if self._tags is not None or line.raw is None else DEFAULT_TAGS
        return text if tags is None else harness.stripped(text, tags)

    def differing(self, scored: Sequence[_Scored]) -> Iterator[tuple[int, str, JSON, JSON]]:
        """Where lines contradict themselves or each other: problem, field, logged, found."""
        first: dict[int, Line] = {}
        for one in scored:
            line, found = one.line, one.judged.logged
            for name in sorted({*line.metrics, *found}):
                if json.dumps(line.metrics.get(name)) != json.dumps(found.get(name)):
                    yield line.doc_id, name, _short(line.metrics.get(name)), _short(found.get(name))
            for name, logged, odd in one.judged.differing:
                yield line.doc_id, name, logged, odd
            if line.answer != one.answer:
                yield line.doc_id, "filtered_resps", _short(line.answer), _short(one.answer)
            if line.doc_hash != log.NO_DOC_HASH:
                yield line.doc_id, "doc_hash", _short(line.doc_hash), log.NO_DOC_HASH
            other = first.setdefault(line.doc_id, line)
            if (other.answer, other.target, other.prompt) != (line.answer, line.target, line.prompt):
                where = f"lines {other.number} and {line.number}"
                yield line.doc_id, "answer", where, "one problem with different content"

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


def _error(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and not math.isnan(value) else None


def _short(value: JSON) -> JSON:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else text[:_LONG] + "…"
