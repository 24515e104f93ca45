"""The benchmark's problems: ``test*.jsonl`` of ``code_generation_lite``, one JSON object a line.

The release is gigabytes, nearly all of it packed tests. So a first pass reads every line once and keeps where
it lies, its digest and its short fields; tests are unpacked when their problem is judged.

Source: ``benchmarks/code_generation.py`` of nvidia-livecodebench 26.3.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.runners.json_lines import JsonLines
from verifier.runners.livecodebench import packed

MAX_TESTS = 100_000
STATED = (
    "question_title",
    "question_content",
    "platform",
    "contest_id",
    "contest_date",
    "starter_code",
    "difficulty",
)
"""Fields of a problem that the harness's logs repeat."""
_TEXTS = (*STATED, "question_id", "public_test_cases", "private_test_cases", "metadata")
_REMEDY = "name the test*.jsonl of code_generation_lite: one of them, all in one file, or their folder"
LINES = JsonLines(
    what="dataset",
    remedy=_REMEDY,
    max_file=64 << 30,
    max_line=512 << 20,
    max_lines=20_000,
    texts=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """What a program is tried on.

    Attributes:
        inputs, outputs: text of each test, public tests first.
        function: the method that is called; None for a program that reads standard input.
    """

    inputs: list[str]
    outputs: list[str]
    function: str | None

    def as_the_harness_has_them(self) -> str:
        """``input_output`` of the harness's ``get_evaluation_sample``."""
        return json.dumps({"inputs": self.inputs, "outputs": self.outputs, "fn_name": self.function})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One problem, without its tests.

    Attributes:
        file, offset, length: where its line lies.
        sha256: of the line.
        stated: the fields that logs repeat.
        function: the method that is called, if any.
    """

    file: Path
    offset: int
    length: int
    sha256: str
    stated: Mapping[str, str]
    function: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset's problems.

    Attributes:
        entries: by question id, sorted by it as the harness does.
        sha256: over the problems, whatever their order and files.
    """

    entries: Mapping[str, Entry] = field(repr=False)
    sha256: str

    def tests(self, question: str) -> Tests:
        """Unpack a problem's tests.

        Raises:
            DocumentError: they are malformed, or the file changed meanwhile.
        """
        entry = self.entries[question]
        with entry.file.open("rb") as stream:
            stream.seek(entry.offset)
            line = stream.read(entry.length)
        if hashlib.sha256(line).hexdigest() != entry.sha256:
            raise DocumentError(f"dataset: expected {entry.file.name} to stay as it was, found it changed")
        record = json.loads(line)
        try:
            cases = [*_cases(record["public_test_cases"]), *_private(record["private_test_cases"])]
        except (ValueError, RecursionError) as error:
            raise DocumentError(
                f"dataset problem {question}: expected lists of tests (input, output, testtype), found"
                f" {str(error)[:300] or type(error).__name__}",
                pointer=f"/{question}",
                remedy=_REMEDY,
            ) from error
        inputs, outputs = [case["input"] for case in cases], [case["output"] for case in cases]
        return Tests(inputs=inputs, outputs=outputs, function=entry.function)


def load(path: Path) -> Dataset:
    """Read a dataset's problems.

    Args:
        path: a ``.jsonl`` file, or the folder with ``test*.jsonl``.

    Raises:
        UsageError: nothing readable there.
        DocumentError: a line is no problem, or a problem comes twice.
    """
    entries: dict[str, Entry] = {}
    for file in _files(path):
        for question, entry in _entries(file):
            if question in entries:
                raise DocumentError(
                    f"dataset {file.name}: expected each problem once, found {question!r} twice",
                    pointer=f"/{question}",
                    remedy=_REMEDY,
                )
            entries[question] = entry
    if not entries:
        raise DocumentError(f"dataset {path.name}: expected problems, found none", remedy=_REMEDY)
    ordered = dict(sorted(entries.items()))
    lines = "".join(f"{question}\t{entry.sha256}\n" for question, entry in ordered.items())
    return Dataset(entries=ordered, sha256=hashlib.sha256(lines.encode()).hexdigest())


def _files(path: Path) -> list[Path]:
    files = sorted(path.glob("test*.jsonl")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise UsageError(f"dataset: expected a file or a folder of test*.jsonl, found none at {path}")
    return files


def _entries(file: Path) -> Iterator[tuple[str, Entry]]:
    for number, start, line in LINES.rows(file):
        if not line.strip():
            continue
        record = _record(file, number, line)
        yield (
            record["question_id"],
            Entry(
                file=file,
                offset=start,
                length=len(line),
                sha256=hashlib.sha256(line).hexdigest(),
                stated={name: record[name] for name in STATED},
                function=_function(file, number, record["metadata"]),
            ),
        )


def _record(file: Path, number: int, line: bytes) -> dict[str, Any]:
    record = LINES.load(file, number, line)
    for name in _TEXTS:
        if not isinstance(record.get(name), str):
            found = type(record[name]).__name__ if name in record else "none"
            raise LINES.wrong(file, number, f"the text {name!r}", found)
    return record


def _function(file: Path, number: int, metadata: str) -> str | None:
    try:
        said = json.loads(metadata)
        name = said.get("func_name") if isinstance(said, dict) else 0
    except (ValueError, RecursionError):
        name = 0
    if name is not None and not isinstance(name, str):
        raise LINES.wrong(file, number, "metadata: a JSON object whose func_name is text", metadata[:100])
    return name


def _private(text: str) -> list[dict[str, str]]:
    # The harness, too, takes plain JSON before it tries to unpack. Packed tests are base64: no bracket.
    return _cases(text if text.lstrip()[:1] == "[" else packed.unpack(text))


def _cases(text: str) -> list[dict[str, str]]:
    cases = json.loads(text)
    if not isinstance(cases, list) or len(cases) > MAX_TESTS:
        raise ValueError(f"{type(cases).__name__}, or more than {MAX_TESTS} tests")
    for case in cases:
        if not isinstance(case, dict) or not all(
            isinstance(case.get(name), str) for name in ("input", "output")
        ):
            raise ValueError("a test without the texts input and output")
    return cases
