"""What is kept of a log while its lines go by: one small record per problem and filter, never a line."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.runners.lm_eval import log
from verifier.runners.lm_eval.log import Line
from verifier.verdicts import JSON

CANONICAL = 40
"""Characters from which an answer that equals the reference is noteworthy: any right "7" is alike."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """What all lines of a problem share: where it was first seen, digests of it and of its answers."""

    line: int
    doc: bytes
    resps: bytes


class Problems:
    """The problems of a log, their answers, and lines that contradict each other about them."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._seen: dict[int, _Problem] = {}
        self.answers: dict[int, tuple[str, int, bool]] = {}
        self.differing: list[tuple[int, str, JSON, JSON]] = []

    def add(self, line: Line) -> None:
        """Note a line's problem and answers."""
        doc = bytes.fromhex(line.doc_sha256)
        resps = hashlib.sha256(json.dumps(line.resps).encode()).digest()
        known = self._seen.get(line.doc_id)
        if known is None:
            self._seen[line.doc_id] = _Problem(line.number, doc, resps)
            if (answer := _answer(line)) is not None:
                self.answers[line.doc_id] = answer
        elif (known.doc, known.resps) != (doc, resps):
            where = f"lines {known.line} and {line.number}"
            self.differing.append((line.doc_id, "doc and resps", where, "one problem with different content"))

    def docs(self) -> dict[str, str]:
        """Digest of each problem, by index."""
        return {str(doc_id): one.doc.hex() for doc_id, one in self._seen.items()}


def _answer(line: Line) -> tuple[str, int, bool] | None:
    """Digest, length, and whether it is the reference; None of answers that are not one text."""
    resps = line.resps[0]
    if (
        len(line.resps) != 1
        or not isinstance(resps, list)
        or len(resps) != 1
        or not isinstance(resps[0], str)
    ):
        return None
    text = resps[0].strip()
    same = len(text) >= CANONICAL and text == line.target.strip()
    return hashlib.sha256(text.encode()).hexdigest(), len(text), same


class Values:
    """The harness's values per problem and filter; of a repeated problem the worst line's."""

    def __init__(self, filters: Sequence[str], metric: str) -> None:
        """Args: the task's filters in its order; the metric by which lines of one problem are compared."""
        self._filters = filters
        self._metric = metric
        self._best: dict[str, dict[int, tuple[tuple[str, ...], tuple[Any, ...]]]] = {f: {} for f in filters}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, line: Line, metrics: Mapping[str, Any]) -> None:
        """Note a judged line; its metrics hold the one that lines are compared by."""
        names = tuple(metrics)
        names = self._names.setdefault(names, names)  # one tuple for all lines
        best = self._best[line.filter]
        before = best.get(line.doc_id)
        if before is None or float(metrics[self._metric]) < float(self._of(before, self._metric)):
            best[line.doc_id] = (names, tuple(metrics.values()))

    @staticmethod
    def _of(entry: tuple[tuple[str, ...], tuple[Any, ...]], name: str) -> Any:
        return entry[1][entry[0].index(name)]

    def complete(self) -> list[int]:
        """Problems with a line for each filter, in order."""
        return sorted(set.intersection(*(set(best) for best in self._best.values())))

    def status(self, filter_: str) -> dict[str, bool]:
        """Whether each complete problem is solved, by index."""
        best = self._best[filter_]
        return {str(doc): float(self._of(best[doc], self._metric)) == 1.0 for doc in self.complete()}

    def raw(self) -> dict[tuple[str, str], list[Any]]:
        """Values of the complete problems by metric and filter, in the harness's order."""
        raw: dict[tuple[str, str], list[Any]] = defaultdict(list)
        docs = self.complete()
        for filter_ in self._filters:
            for doc in docs:
                names, values = self._best[filter_][doc]
                for name, value in zip(names, values, strict=True):
                    raw[name, filter_].append(value)
        return raw


class Order:
    """The harness's digest over a task's samples, in the order in which it writes them: filter, problem."""

    def __init__(self, filters: Sequence[str]) -> None:
        """Args: the task's filters in its order."""
        self._rank = {name: i for i, name in enumerate(filters)}
        self._digest = hashlib.sha256()
        self._last = (0, -1)
        self._sorted = True

    def add(self, line: Line) -> None:
        """Note a line. As long as lines come as the harness writes them, nothing of them is kept."""
        at = (self._rank[line.filter], line.doc_id)
        self._sorted = self._sorted and at >= self._last
        self._last = at
        if self._sorted:
            self._digest.update(line.hashes.encode())

    def digest(self, path: Path) -> str:
        """The digest. A log in another order is read once more, and its hashes are sorted."""
        if self._sorted:
            return self._digest.hexdigest()
        rows = sorted(self._rows(log.read(path, hashlib.sha256())))
        return hashlib.sha256("".join(hashes for *_, hashes in rows).encode()).hexdigest()

    def _rows(self, lines: Iterable[Line]) -> Iterator[tuple[int, int, int, str]]:
        for line in lines:
            yield self._rank.get(line.filter, len(self._rank)), line.doc_id, line.number, line.hashes
