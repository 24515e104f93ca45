"""Reading samples as evalplus writes and reads them: one JSON object a line, or a folder of programs."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import EvidenceMissingError
from verifier.runners import sample_folder
from verifier.runners.child.process import ask
from verifier.runners.inspect_logs import archive, identity
from verifier.runners.json_lines import JsonLines

_LINES = JsonLines(
    remedy='each line is {"task_id": …, "solution": …} or {"task_id": …, "completion": …}',
    max_file=256 << 20,
    max_line=8 << 20,
    max_lines=200_000,
    texts=False,
)


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
    answers: list[Sample] = []
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    for number, _, data in _LINES.rows(path):
        digest.update(data)
        if not data.strip():
            continue
        record = _record(path, number, data)
        task_id = record["task_id"]
        counts[task_id] += 1
        if task_id in prompts:
            code = record["solution"] if "solution" in record else prompts[task_id] + record["completion"]
            answers.append(Sample(task_id=task_id, code=code))
    return _matched(answers, counts, prompts, digest.hexdigest())


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


def _matched(answers: list[Sample], counts: Counter[str], prompts: Mapping[str, str], sha256: str) -> Samples:
    return Samples(
        answers=tuple(answers),
        missing=tuple(task for task in prompts if not counts[task]),
        extra=tuple(sorted(task for task in counts if task not in prompts)),
        duplicate=tuple(sorted(task for task, count in counts.items() if count > 1)),
        sha256=sha256,
    )


def _record(path: Path, number: int, data: bytes) -> dict[str, Any]:
    record = _LINES.load(path, number, data)
    wanted = "solution" if "solution" in record else "completion"
    for name in ("task_id", wanted):
        if not isinstance(record.get(name), str):
            found = type(record[name]).__name__ if name in record else "none"
            raise _LINES.wrong(path, number, f"a string {name!r}", found)
        if any("\ud800" <= character <= "\udfff" for character in record[name]):
            raise _LINES.wrong(path, number, f"valid text in {name!r}", "half of a surrogate pair")
    return record
