"""Which local file stands for which part of a benchmark's dataset."""

import json
from pathlib import Path

import pytest

from forge.evaluation import local_data
from forge.evaluation.local_data import Rows
from verifier.errors import AlloyError, DocumentError, UsageError

GSM8K = {"task": "gsm8k", "training_split": "train", "fewshot_split": "train", "test_split": "test"}


def rows(path: Path, count: int = 2) -> Path:
    path.write_text("".join(json.dumps({"question": str(i)}) + "\n" for i in range(count)))
    return path


def test_a_single_task_takes_a_file_or_a_folder(tmp_path: Path) -> None:
    file, examples = rows(tmp_path / "gsm8k.jsonl"), rows(tmp_path / "gsm8k.examples.jsonl")
    expected = {"gsm8k": Rows(problems=file, examples=examples)}
    assert local_data.find(file, ["gsm8k"], examples) == expected
    assert local_data.find(tmp_path, ["gsm8k"], None) == expected
    assert local_data.find(file, ["gsm8k"], None) == {"gsm8k": Rows(problems=file)}


def test_tasks_without_a_file_are_left_out_and_the_order_is_the_benchmarks(tmp_path: Path) -> None:
    for name in ("c", "a"):
        rows(tmp_path / f"{name}.jsonl")
    assert list(local_data.find(tmp_path, ["c", "b", "a"], None)) == ["c", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected problems, one JSON object a line; found none"),
        (b"\n \n", "found none"),
        (b"[]\n", "line 1: expected a JSON object, found list"),
        (b'{"a": 1}\n{\n', "line 2: expected a JSON object in UTF-8"),
        (b'{"a": "\xff"}\n', "line 1: expected a JSON object in UTF-8"),
        (b'{"a": "\\ud800"}\n', "half of a surrogate pair"),
    ],
)
def test_what_is_no_data(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "gsm8k.jsonl"
    path.write_bytes(content)
    with pytest.raises(AlloyError) as caught:
        local_data.find(path, ["gsm8k"], None)
    assert message in str(caught.value)
    assert isinstance(caught.value, UsageError | DocumentError)


def test_a_group_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a folder, since the benchmark has 2 tasks"):
        local_data.find(rows(tmp_path / "x.jsonl"), ["a", "b"], None)
    with pytest.raises(UsageError, match=r"expected files like a\.jsonl, found none"):
        local_data.find(tmp_path, ["a", "b"], None)
    with pytest.raises(UsageError, match="readable file"):
        local_data.find(tmp_path / "absent", ["a"], None)


def test_examples_come_from_their_own_file(tmp_path: Path) -> None:
    problems, examples = rows(tmp_path / "p.jsonl"), rows(tmp_path / "e.jsonl")
    both = Rows(problems=problems, examples=examples)
    assert local_data.splits(both, GSM8K, 5) == {"train": str(examples), "test": str(problems)}
    alone = Rows(problems=problems)
    assert local_data.splits(alone, GSM8K, 0) == {"train": str(problems), "test": str(problems)}
    with pytest.raises(UsageError, match="expected a file of them, since the prompts of gsm8k hold 5"):
        local_data.splits(alone, GSM8K, 5)


def test_examples_that_the_definition_brings_or_takes_from_the_problems(tmp_path: Path) -> None:
    alone = Rows(problems=rows(tmp_path / "p.jsonl"))
    written = {"task": "x", "test_split": "test", "fewshot_config": {"samples": [{}], "sampler": "first_n"}}
    assert local_data.splits(alone, written, 3) == {"test": str(alone.problems)}
    same = {"task": "y", "test_split": "train", "fewshot_split": "train"}
    assert local_data.splits(alone, same, 3) == {"train": str(alone.problems)}
