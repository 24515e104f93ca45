"""What is kept of a log while its lines go by: a few bytes per problem and filter, never a line.

All tallies are told only of problems whose index is below the benchmark's size.
"""

import base64
import hashlib
import json
import struct
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from verifier.runners.lm_eval import log
from verifier.runners.lm_eval.log import Line

CANONICAL = 40
"""Characters from which an answer that equals the reference is noteworthy: any right "7" is alike."""
_SEEN = struct.Struct("<I32s32s")
_ANSWER = struct.Struct("<32sI?")
_PACKED = struct.Struct("<I32s32sI????")
_KINDS = 256
_ID_BITS, _PLACE_BITS = log.MAX_DOC_ID.bit_length(), log.LINES.max_lines.bit_length()


class Problem(NamedTuple):
    """One problem of a log.

    Attributes:
        doc_id: its index.
        doc: sha256 of it.
        answer: sha256 of the answer's text without surrounding space.
        length: of that text, in characters.
        answered: whether the answers are one text; else ``answer`` and ``length`` say nothing.
        canonical: the text is the reference answer, and long enough for that to be no accident.
        complete: the log has a line of it for each filter.
        solved: it is, by the metric and filter that decide.
    """

    doc_id: int
    doc: bytes
    answer: bytes
    length: int
    answered: bool
    canonical: bool
    complete: bool
    solved: bool


def pack(problems: Iterable[Problem]) -> str:
    """Problems as text, about a hundred characters each, for the way to another process."""
    return base64.b64encode(b"".join(_PACKED.pack(*one) for one in problems)).decode()


def unpack(text: str) -> Iterator[Problem]:
    """What ``pack`` was given."""
    return map(Problem._make, _PACKED.iter_unpack(base64.b64decode(text)))


class Seen:
    """The problems of a log and their answers."""

    def __init__(self, size: int) -> None:
        """Args: number of the benchmark's problems."""
        self._seen: list[bytes | None] = [None] * size
        self._answers: list[bytes | None] = [None] * size

    def add(self, line: Line) -> int | None:
        """Note a line's problem and answers.

        Returns:
            Number of the line that was first of this problem, if it had another content; else None.
        """
        resps = hashlib.sha256(json.dumps(line.resps).encode()).digest()
        now = _SEEN.pack(line.number, bytes.fromhex(line.doc_sha256), resps)
        before = self._seen[line.doc_id]
        if before is None:
            self._seen[line.doc_id] = now
            self._answers[line.doc_id] = _answer(line)
        elif before[4:] != now[4:]:
            return int(_SEEN.unpack(before)[0])
        return None

    def problems(self, status: Mapping[int, bool]) -> Iterator[Problem]:
        """Everything that is known of the problems, in order.

        Args:
            status: whether each complete problem is solved.
        """
        for doc_id, seen in enumerate(self._seen):
            if seen is not None:
                packed = self._answers[doc_id]
                answer, length, canonical = _ANSWER.unpack(packed) if packed else (bytes(32), 0, False)
                yield Problem(
                    doc_id=doc_id,
                    doc=_SEEN.unpack(seen)[1],
                    answer=answer,
                    length=length,
                    answered=packed is not None,
                    canonical=canonical,
                    complete=doc_id in status,
                    solved=status.get(doc_id, False),
                )


def _answer(line: Line) -> bytes | None:
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
    return _ANSWER.pack(hashlib.sha256(text.encode()).digest(), len(text), same)


_Entry = tuple[tuple[str, ...], tuple[Any, ...]]
"""Names of metrics, and a problem's values of them."""


class Values:
    """The harness's values per problem and filter; of a repeated problem the worst line's."""

    def __init__(self, filters: Sequence[str], metric: str, size: int) -> None:
        """Args: the task's filters in its order; the metric that compares lines; number of problems."""
        self._filters = filters
        self._metric = metric
        self._best: dict[str, list[_Entry | None]] = {name: [None] * size for name in filters}
        self._kinds: dict[Any, _Entry] = {}
        self.repeated: set[int] = set()

    def add(self, line: Line, metrics: Mapping[str, Any]) -> None:
        """Note a judged line; its metrics hold the one that lines are compared by."""
        best, entry = self._best[line.filter], self._kept(metrics)
        before = best[line.doc_id]
        if before is not None:
            self.repeated.add(line.doc_id)
        if before is None or self._value(entry) < self._value(before):
            best[line.doc_id] = entry

    def _kept(self, metrics: Mapping[str, Any]) -> _Entry:
        """One entry for all problems with the same values: there are few kinds of right and wrong."""
        entry = (tuple(metrics), tuple(metrics.values()))
        if len(self._kinds) >= _KINDS:
            return entry
        try:
            return self._kinds.setdefault((*entry, *map(type, entry[1])), entry)
        except TypeError:  # a list of values
            return entry

    def _value(self, entry: _Entry) -> float:
        return float(entry[1][entry[0].index(self._metric)])

    def _complete(self) -> list[int]:
        rows = enumerate(zip(*self._best.values(), strict=True))
        return [doc_id for doc_id, entries in rows if None not in entries]

    def status(self, filter_: str) -> dict[int, bool]:
        """Whether each problem with a line for each filter is solved, by index."""
        best = self._best[filter_]
        return {doc: (one := best[doc]) is not None and self._value(one) == 1.0 for doc in self._complete()}

    def raw(self) -> dict[tuple[str, str], list[Any]]:
        """Values of the complete problems by metric and filter, in the harness's order."""
        raw: dict[tuple[str, str], list[Any]] = defaultdict(list)
        docs = self._complete()
        for filter_, best in self._best.items():
            for doc in docs:
                names, values = best[doc] or ((), ())
                for name, value in zip(names, values, strict=True):
                    raw[name, filter_].append(value)
        return raw


class Order:
    """The harness's digest over a task's samples, in the order in which it writes them: filter, problem."""

    def __init__(self, filters: Sequence[str]) -> None:
        """Args: the task's filters in its order."""
        self._rank = {name: i for i, name in enumerate(filters)}
        self._digest = hashlib.sha256()
        self._keys, self._starts = array("Q"), array("Q")
        self._sorted = True

    def add(self, line: Line) -> None:
        """Note a line: where it belongs, and where it is."""
        key = (self._rank[line.filter] << _ID_BITS | line.doc_id) << _PLACE_BITS | len(self._keys)
        self._sorted = self._sorted and (not self._keys or key > self._keys[-1])
        self._keys.append(key)
        self._starts.append(line.start)
        if self._sorted:
            self._digest.update(line.hashes.encode())

    def digest(self, path: Path) -> str:
        """The digest. Lines that come in another order than the harness's are read once more, in that."""
        if self._sorted:
            return self._digest.hexdigest()
        places = (key & (1 << _PLACE_BITS) - 1 for key in sorted(self._keys))
        digest = hashlib.sha256()
        for line in log.again(path, ((place + 1, self._starts[place]) for place in places)):
            digest.update(line.hashes.encode())
        return digest.hexdigest()
