"""Samples files: what is read, and what is refused in one sentence."""

import json
from pathlib import Path

import pytest

from verifier.errors import DocumentError, UsageError
from verifier.runners import samples

PROMPTS = {"T/0": "def f():\n", "T/1": "def g():\n"}


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_both_forms_and_what_is_odd(tmp_path: Path) -> None:
    path = written(
        tmp_path / "s.jsonl",
        json.dumps({"task_id": "T/0", "completion": "    return 1\n"}),
        "",
        json.dumps({"task_id": "T/0", "solution": "x", "completion": "ignored"}),
        json.dumps({"task_id": "Other/9", "solution": "y"}),
    )
    found = samples.load(path, PROMPTS)
    assert [sample.code for sample in found.answers] == ["def f():\n    return 1\n", "x"]
    assert (found.missing, found.extra, found.duplicate) == (("T/1",), ("Other/9",), ("T/0",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", "expected a JSON object, found list"),
        ("{", "expected a JSON object in UTF-8, found "),
        ('{"task_id": 3, "solution": "x"}', "expected a string 'task_id', found int"),
        ('{"task_id": "T/0"}', "expected a string 'completion', found none"),
        ('{"task_id": "T/0", "solution": ["x"]}', "expected a string 'solution', found list"),
        ('{"task_id": "T/0", "solution": "\\ud800"}', "half of a surrogate pair"),
        ("[" * 100_000, "expected a JSON object"),
        ('{"task_id": "T/0", "solution": ' + "1" * 5000 + "}", "expected a JSON object"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "s.jsonl", json.dumps({"task_id": "T/0", "solution": "x"}), line)
    with pytest.raises(DocumentError, match=r"^s.jsonl line 2: ") as caught:
        samples.load(path, PROMPTS)
    assert message in str(caught.value)
    assert caught.value.pointer == "/1"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"task_id": "\xff"}\n')
    with pytest.raises(DocumentError, match="line 1"):
        samples.load(path, PROMPTS)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a readable file"):
        samples.load(tmp_path / "absent.jsonl", PROMPTS)
