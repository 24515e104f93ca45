"""Reading samples as evalplus writes and reads them: one JSON object a line, or a folder of programs."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, UsageError
from verifier.runners import sample_folder
from verifier.runners.child.process import ask
from verifier.runners.inspect_logs import archive, identity

MAX_FILE = 256 << 20
MAX_LINE = 8 << 20
MAX_LINES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of a samples file.

    Attributes:
        task_id: the problem that it answers.
        code: the complete program.
    """

    task_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A samples file, matched against a benchmark.

    Attributes:
        answers: samples of the benchmark's problems, in the file's order.
        missing, extra, duplicate: task ids that the file lacks, has beyond the benchmark, or repeats.
        sha256: digest of the file; of a folder over the names and contents of its programs.
    """

    answers: tuple[Sample, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    duplicate: tuple[str, ...]
    sha256: str


def load(path: Path, prompts: Mapping[str, str]) -> Samples:
    """Read a samples file, or a folder of programs.

    Args:
        path: JSONL with ``task_id`` and ``solution``, or ``completion`` (then the prompt goes before it); or
            a folder as ``sample_folder`` reads it; or a log of inspect's humaneval or mbpp.
        prompts: prompt by task id of the whole benchmark.

    Raises:
        UsageError: the file cannot be read.
        DocumentError: it is too large, or a line is not such an object; the pointer is the line's index.
        EvidenceMissingError: it is a log of inspect, and of another task, or inspect is not installed.
    """
    if path.is_dir():
        return _of_folder(path, prompts)
    if archive.is_log(path):
        return _of_inspect(path, prompts)
    data = _bytes(path)
    answers: list[Sample] = []
    counts: Counter[str] = Counter()
    for number, line in _lines(data):
        record = _record(number, line)
        task_id = record["task_id"]
        counts[task_id] += 1
        if task_id in prompts:
            code = record["solution"] if "solution" in record else prompts[task_id] + record["completion"]
            answers.append(Sample(task_id=task_id, code=code))
    return _matched(answers, counts, prompts, hashlib.sha256(data).hexdigest())


def _of_folder(path: Path, prompts: Mapping[str, str]) -> Samples:
    programs, digest = sample_folder.read(path)
    counts = Counter(program.task_id for program in programs)
    answers = [Sample(task_id=p.task_id, code=p.code) for p in programs if p.task_id in prompts]
    return _matched(answers, counts, prompts, digest)


def _of_inspect(path: Path, prompts: Mapping[str, str]) -> Samples:
    """Programs in a log of inspect, taken out in a process of its own."""
    if reason := identity.missing():
        raise EvidenceMissingError(f"samples: {reason}")
    found = ask("verifier.runners.inspect_logs.programs:run", {"log": str(path.absolute())})
    counts = Counter(task_id for task_id, _ in found["programs"])
    answers = [Sample(task_id=task, code=code) for task, code in found["programs"] if task in prompts]
    if counts and not answers:
        raise EvidenceMissingError(
            f"samples: expected answers to {next(iter(prompts))} and the like, found a log of inspect with"
            f" answers to {next(iter(counts))} and the like"
        )
    return _matched(answers, counts, prompts, found["sha256"])


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise DocumentError(
                f"samples file: expected at most {MAX_FILE} bytes, found {path.stat().st_size}"
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"samples file {path}: expected a readable file, found: {error.strerror}") from error


def _matched(answers: list[Sample], counts: Counter[str], prompts: Mapping[str, str], sha256: str) -> Samples:
    return Samples(
        answers=tuple(answers),
        missing=tuple(task for task in prompts if not counts[task]),
        extra=tuple(sorted(task for task in counts if task not in prompts)),
        duplicate=tuple(sorted(task for task, count in counts.items() if count > 1)),
        sha256=sha256,
    )


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    number = 0
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        line = data[start:end].strip()
        start = end + 1
        number += 1
        if number > MAX_LINES:
            raise DocumentError(f"samples file: expected at most {MAX_LINES} lines, found more")
        if line:
            yield number, line


def _record(number: int, line: bytes) -> dict[str, Any]:
    def wrong(expected: str, found: str) -> DocumentError:
        return DocumentError(
            f"samples line {number}: expected {expected}, found {found}",
            pointer=f"/{number - 1}",
            remedy='each line is {"task_id": …, "solution": …} or {"task_id": …, "completion": …}',
        )

    if len(line) > MAX_LINE:
        raise wrong(f"at most {MAX_LINE} bytes", str(len(line)))
    try:
        record = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise wrong("a JSON object in UTF-8", str(error)) from error
    except (RecursionError, ValueError) as error:
        raise wrong("a JSON object of moderate depth and numbers", type(error).__name__) from error
    if not isinstance(record, dict):
        raise wrong("a JSON object", type(record).__name__)
    wanted = "solution" if "solution" in record else "completion"
    for name in ("task_id", wanted):
        if not isinstance(record.get(name), str):
            raise wrong(f"a string {name!r}", type(record.get(name)).__name__ if name in record else "none")
        if any("\ud800" <= character <= "\udfff" for character in record[name]):
            raise wrong(f"valid text in {name!r}", "half of a surrogate pair")
    return record
