"""Reading the problems: a pickle is never executed, and any file gives problems or one clear error."""

import base64
import json
import os
import pickle
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.runners.livecodebench import contest_problems as contest
from verifier.errors import DocumentError, UsageError
from verifier.runners.livecodebench import dataset, packed


def pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def one(tmp_path: Path, **changes: Any) -> Path:
    return contest.write_dataset(tmp_path / "test.jsonl", [{**contest.SHIFT, **changes}])


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


@given(st.text(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_a_text_s_pickle_is_read(text: str, protocol: int) -> None:
    assert packed.text_of_pickle(pickle.dumps(text, protocol)) == text


@pytest.mark.parametrize("length", [200, 300, 70_000])
def test_long_texts_are_read(length: int) -> None:
    text = "☃" * length
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert packed.unpack(pack(pickle.dumps(text, protocol))) == text


@given(st.binary(max_size=60))
def test_any_bytes_are_a_text_or_an_error(data: bytes) -> None:
    try:
        text = packed.text_of_pickle(data)
    except ValueError:
        return
    assert pickle.loads(data) == text  # it states one text and does nothing else


MARK = "alloy-drill-pickle-ran"


@pytest.mark.parametrize(
    "make",
    [
        lambda mark: _Runs(os.mkdir, mark),
        lambda mark: ["[]", _Runs(os.system, f"mkdir {mark}")],
        lambda mark: _Runs(exec, f"import os; os.mkdir({mark!r})"),
        lambda mark: _Runs(str, _Runs(os.mkdir, mark)),
        lambda mark: {"input": _Runs(os.mkdir, mark)},
        lambda _: Path("/"),
        lambda _: ["[]"],
        lambda _: b"[]",
        lambda _: 7,
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_with_anything_else_is_refused_and_never_runs(
    tmp_path: Path, make: Any, protocol: int
) -> None:
    mark = tmp_path / MARK
    data = pickle.dumps(make(str(mark)), protocol)
    problems = dataset.load(one(tmp_path, private_test_cases=pack(data)))
    with pytest.raises(DocumentError, match=r"dataset problem 2727: expected lists of tests .* a pickle "):
        problems.tests("2727")
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'mkdir alloy-drill-pickle-ran'\ntR.",  # protocol 0 by hand
        b"\x80\x04\x8c\x02[]\x94.cos\nsystem\n(S'true'\ntR.",  # a text first, and more after its end
        b"\x80\x04\x8c\x02[]\x8c\x02[].",  # two texts
        b"\x80\x04\x8c\x02[]" + b"\x94" * 64 + b".",  # a text, remembered over and over
        b"\x80\x04.",
        b"",
        b"\x80\xff",
        b"X\xff\xff\xff\x7fabc.",  # a length that is not there
        b"P7\n.",  # a persistent id
        b"\x82\x01.",  # an extension's code
    ],
)
def test_pickles_by_hand_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        packed.text_of_pickle(data)


def test_bombs_end_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_TEXT", 1 << 20)
    bomb = pack(pickle.dumps("[" * (8 << 20)))
    assert len(bomb) < 1 << 14
    with pytest.raises(DocumentError, match="more than 1048576 bytes when unpacked"):
        dataset.load(one(tmp_path, private_test_cases=bomb)).tests("2727")
    lines = dataset.LINES
    monkeypatch.setattr(dataset, "LINES", replace(lines, max_line=1000))
    with pytest.raises(DocumentError, match="line 1: expected at most"):
        dataset.load(one(tmp_path, question_content="x" * 1000))
    monkeypatch.setattr(dataset, "MAX_TESTS", 1)
    monkeypatch.setattr(dataset, "LINES", lines)
    with pytest.raises(DocumentError, match="more than 1 tests"):
        dataset.load(one(tmp_path)).tests("2727")


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        "☃",
        "AAAA",
        pack(pickle.dumps("[" * 200_000)),
        pack(pickle.dumps("{}")),
        pack(pickle.dumps("[7]")),
        pack(pickle.dumps('[{"input": 1, "output": "2"}]')),
        pack(pickle.dumps("[]"))[:-8],
        base64.b64encode(zlib.compress(pickle.dumps("[]")) + b"more").decode(),
        "[" * 200_000,
        "[{}]",
    ],
)
def test_malformed_private_tests_are_one_error(tmp_path: Path, text: str) -> None:
    problems = dataset.load(one(tmp_path, private_test_cases=text))
    with pytest.raises(DocumentError, match="dataset problem 2727: expected lists of tests"):
        problems.tests("2727")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "a JSON object in UTF-8"),
        (b"\xff", "a JSON object in UTF-8"),
        (b"[" * 200_000, "a JSON object of moderate depth"),
        (b"[]", "a JSON object, found list"),
        (b'{"question_id": "1"}', "the text 'question_title', found none"),
        (json.dumps({**contest.SHIFT, "question_id": 7}).encode(), "the text 'question_id', found int"),
        (json.dumps({**contest.SHIFT, "metadata": "7"}).encode(), "whose func_name is text"),
        (json.dumps({**contest.SHIFT, "metadata": "["}).encode(), "whose func_name is text"),
        (json.dumps({**contest.SHIFT, "metadata": '{"func_name": 7}'}).encode(), "whose func_name is text"),
    ],
)
def test_a_malformed_line_is_one_error(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "test.jsonl"
    path.write_bytes(json.dumps(contest.SUM).encode() + b"\n" + line + b"\n")
    with pytest.raises(DocumentError, match=said) as caught:
        dataset.load(path)
    assert "test.jsonl line 2" in str(caught.value)
    assert caught.value.remedy


def test_nothing_there_is_one_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.jsonl"):
        with pytest.raises(UsageError, match=r"test\*.jsonl"):
            dataset.load(path)
    (tmp_path / "test.jsonl").write_bytes(b"\n\n")
    with pytest.raises(DocumentError, match="expected problems, found none"):
        dataset.load(tmp_path)


def test_tests_are_those_that_the_harness_reads(tmp_path: Path) -> None:
    pytest.importorskip("livecodebench", reason="needs the harness")
    pytest.importorskip("datasets", reason="needs datasets, which the harness imports")
    from livecodebench.benchmarks.code_generation import CodeGenerationProblem

    problems = dataset.load(contest.write_dataset(tmp_path / "test.jsonl"))
    for row in contest.PROBLEMS:
        harness = CodeGenerationProblem(**row)
        tests = problems.tests(row["question_id"])
        assert tests.as_the_harness_has_them() == harness.get_evaluation_sample()["input_output"]
        stated = harness.insert_output([], [])
        entry = problems.entries[row["question_id"]]
        assert {name: stated[name] for name in dataset.STATED} == entry.stated


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    path = contest.write_dataset(tmp_path / "test.jsonl")
    problems = dataset.load(path)
    contest.write_dataset(path, contest.PROBLEMS[::-1])
    with pytest.raises(DocumentError, match="stay as it was"):
        problems.tests("2727")
