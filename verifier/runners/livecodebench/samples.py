"""Programs to judge: what LiveCodeBench's runner and its custom evaluator write and read.

* ``…_eval_all.json`` and ``….json`` of the runner: a list of objects with ``question_id`` and ``code_list``,
  the problem's fields, ``output_list``, and in the former ``graded_list``, ``pass@1`` and ``metadata``.
* the custom evaluator's input: the same with ``question_id`` and ``code_list`` alone, or a list of lists of
  programs, one list for each problem of the benchmark, sorted by question id.
* ``…_eval.json`` holds grades alone. It is read beside a file of the first kind, never in its place.

Which of them a file is, its content says. Source: ``runner/main.py`` and ``runner/custom_evaluator.py`` of
nvidia-livecodebench 26.3.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, UsageError
from verifier.runners.livecodebench.dataset import STATED

MAX_FILE = 2 << 30
MAX_RECORDS = 20_000
MAX_PROGRAMS = 1_000
MAX_PROGRAM = 16 << 20
_ALL = "_eval_all.json"
_REMEDY = "name the …_eval_all.json that LiveCodeBench wrote, or a list of {question_id, code_list}"
_OTHERS = {"pred_list": "test output prediction or code execution", "original_code_list": "self-repair"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a log says about one problem.

    Attributes:
        question: the question's id; empty in a list of lists.
        programs: the extracted programs.
        outputs: the model's whole outputs; None if the log has none.
        grades: whether the harness passed each program; None if it was not graded.
        pass1: ``pass@1`` as logged.
        late: numbers of the programs that the log says ran out of time.
        stated: the problem's fields that the log repeats.
    """

    question: str
    programs: tuple[str, ...]
    outputs: tuple[str, ...] | None = None
    grades: tuple[bool, ...] | None = None
    pass1: float | None = None
    late: frozenset[int] = frozenset()
    stated: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A samples file.

    Attributes:
        path: the file.
        records: in the file's order.
        sha256: digest of the file.
        metrics: what the grades file beside it says about the whole; None if there is none.
    """

    path: Path
    records: tuple[Record, ...]
    sha256: str
    metrics: Mapping[str, float] | None = None

    @property
    def positional(self) -> bool:
        """Whether problems are told by their place alone."""
        return bool(self.records) and not self.records[0].question


def load(path: Path) -> Log:
    """Read a samples file.

    Args:
        path: the file, or a folder with one ``…_eval_all.json``.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is malformed, or none of the known kinds.
        EvidenceMissingError: it is of another scenario of LiveCodeBench, or holds grades alone.
    """
    file = _in_folder(path) if path.is_dir() else path
    data = _bytes(file)
    found = _json(file, data)
    if not isinstance(found, list) or not found:
        raise _unknown(file, "an empty list" if found == [] else type(found).__name__)
    if len(found) > MAX_RECORDS:
        raise _unknown(file, f"{len(found)} entries")
    if grades_of(found) is not None:
        raise EvidenceMissingError(
            f"samples {file.name}: expected programs, found the grades file (…_eval.json), which has none",
            remedy=_REMEDY,
        )
    reader = _by_place if isinstance(found[0], list) else _by_name
    records = tuple(reader(file, number, entry) for number, entry in enumerate(found))
    return Log(
        path=file, records=records, sha256=hashlib.sha256(data).hexdigest(), metrics=_grades_beside(file)
    )


def _in_folder(folder: Path) -> Path:
    files = sorted(folder.glob(f"*{_ALL}"))
    if len(files) != 1:
        raise UsageError(f"samples {folder}: expected one file …{_ALL}, found {len(files)}", remedy=_REMEDY)
    return files[0]


def _bytes(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > MAX_FILE:
            raise DocumentError(f"samples {file.name}: expected at most {MAX_FILE} bytes, found {size}")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"samples {file}: expected a readable file, found: {error.strerror}") from error


def _json(file: Path, data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        why = str(error)[:200] or type(error).__name__
        raise _unknown(file, f"no JSON text in UTF-8 of moderate depth ({why})") from error


def _unknown(file: Path, found: str) -> DocumentError:
    return DocumentError(
        f"samples {file.name}: expected a list of 1 to {MAX_RECORDS} objects with question_id and code_list,"
        f" found {found}",
        remedy=_REMEDY,
    )


def _wrong(file: Path, number: int, expected: str, found: object) -> DocumentError:
    return DocumentError(
        f"samples {file.name} entry {number}: expected {expected}, found {found}",
        pointer=f"/{number}",
        remedy=_REMEDY,
    )


def _by_place(file: Path, number: int, entry: Any) -> Record:
    return Record(question="", programs=_texts(file, number, "a list of programs", entry), stated={})


def _by_name(file: Path, number: int, entry: Any) -> Record:
    if not isinstance(entry, dict):
        raise _wrong(file, number, "an object, as the entries before", type(entry).__name__)
    for name, scenario in _OTHERS.items():
        if name in entry:
            raise EvidenceMissingError(
                f"samples {file.name}: expected the scenario code generation, found {scenario};"
                " another scenario gives another score"
            )
    question = entry.get("question_id")
    if isinstance(question, bool) or not isinstance(question, str | int) or question == "":
        raise _wrong(file, number, "a question_id", type(question).__name__)
    programs = _texts(file, number, "code_list", entry.get("code_list"))
    outputs = entry.get("output_list")
    return Record(
        question=str(question),
        programs=programs,
        outputs=None if outputs is None else _texts(file, number, "output_list", outputs, len(programs)),
        grades=_grades(file, number, entry.get("graded_list"), len(programs)),
        pass1=_number(file, number, entry.get("pass@1")),
        late=_late(entry.get("metadata")),
        stated={name: entry[name] for name in STATED if isinstance(entry.get(name), str)},
    )


def _texts(file: Path, number: int, what: str, found: Any, length: int | None = None) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise _wrong(file, number, f"{what}: a list of texts", type(found).__name__)
    if len(found) > MAX_PROGRAMS or any(len(text) > MAX_PROGRAM for text in found):
        raise _wrong(file, number, f"{what}: at most {MAX_PROGRAMS} of {MAX_PROGRAM} characters", "more")
    if length is not None and len(found) != length:
        raise _wrong(file, number, f"{what}: as many as programs ({length})", len(found))
    return tuple(found)


def _grades(file: Path, number: int, found: Any, length: int) -> tuple[bool, ...] | None:
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(grade, bool) for grade in found):
        raise _wrong(file, number, "graded_list: a list of true and false", type(found).__name__)
    if len(found) != length:
        raise _wrong(file, number, f"graded_list: as many as programs ({length})", len(found))
    return tuple(found)


def _number(file: Path, number: int, found: Any) -> float | None:
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not -1e9 < found < 1e9:
        raise _wrong(file, number, "pass@1: a number", str(found)[:100])
    return float(found)


def _late(metadata: Any) -> frozenset[int]:
    """Programs that ran out of time, or got no grade at all, by the log's own account."""
    if not isinstance(metadata, list):
        return frozenset()
    found = set()
    for number, text in enumerate(metadata[:MAX_PROGRAMS]):
        try:
            said = json.loads(text) if isinstance(text, str) else text
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and said.get("error_code") in (-3, -5):
            found.add(number)
    return frozenset(found)


def grades_of(found: Any) -> dict[str, float] | None:
    """Numbers of a grades file (metrics, results, metadata); None if it is none."""
    if not isinstance(found, list) or len(found) != 3 or not isinstance(found[0], dict):
        return None
    if not isinstance(found[1], dict) or not any(str(name).startswith("pass@") for name in found[0]):
        return None
    return {
        name: float(value)
        for name, value in found[0].items()
        if isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9
    }


def _grades_beside(file: Path) -> dict[str, float] | None:
    beside = file.with_name(file.name.removesuffix(_ALL) + "_eval.json")
    if not file.name.endswith(_ALL) or not beside.is_file():
        return None
    found = grades_of(_json(beside, _bytes(beside)))
    if found is None:
        raise DocumentError(
            f"samples {beside.name}: expected metrics, results and metadata beside {file.name},"
            " found something else",
            remedy="name the file of programs in a folder of its own",
        )
    return found
