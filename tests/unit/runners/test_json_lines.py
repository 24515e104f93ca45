"""Bounded reading of JSON lines, apart from any harness's format."""

from pathlib import Path

import pytest

from verifier.errors import DocumentError, UsageError
from verifier.runners.json_lines import JsonLines

LINES = JsonLines(what="data", remedy="do so", max_file=100, max_line=20, max_lines=3)
LOOSE = JsonLines(remedy="do so", max_file=100, max_line=20, max_lines=3, texts=False)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    return path


def test_lines_are_read_again_by_their_places(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"a": 1}\n\n{"b": 2}')
    rows = list(LINES.rows(path))
    assert [(row.number, row.start, row.data) for row in rows] == [
        (1, 0, b'{"a": 1}\n'),
        (2, 9, b"\n"),
        (3, 10, b'{"b": 2}'),
    ]
    places = [(row.number, row.start) for row in reversed(rows)]
    assert list(LINES.again(path, places)) == rows[::-1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x" * 101, "x.jsonl: expected at most 100 bytes, found 101"),
        (b"\n" + b"x" * 21, "x.jsonl line 2: expected at most 20 bytes, found more"),
        (b"\n" * 4, "x.jsonl line 4: expected at most 3 lines, found more"),
    ],
)
def test_limits(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        list(LINES.rows(written(tmp_path, data)))
    assert message in str(caught.value)


def test_the_limits_themselves_are_allowed(tmp_path: Path) -> None:
    assert len(list(LINES.rows(written(tmp_path, b"x" * 19 + b"\n\n" + b"x" * 20)))) == 3


def test_an_unreadable_file_is_named_as_what_it_is(tmp_path: Path) -> None:
    for read in (lambda: LINES.rows(tmp_path / "none"), lambda: LINES.again(tmp_path / "none", [(1, 0)])):
        with pytest.raises(UsageError, match=r"^data .*none: expected a readable file, found: No such file"):
            list(read())


def test_a_bad_line_has_a_place_and_a_remedy() -> None:
    with pytest.raises(DocumentError, match=r"^x line 7: expected a JSON object, found list") as caught:
        LINES.load(Path("x"), 7, b"[]")
    assert (caught.value.pointer, caught.value.remedy) == ("/6", "do so")


def test_halves_of_surrogate_pairs() -> None:
    for text in (rb'{"a": "\ud83d"}', rb'{"a": "\uDC00"}'):
        with pytest.raises(DocumentError, match="half of a surrogate pair"):
            LINES.load(Path("x"), 1, text)
        assert len(LOOSE.load(Path("x"), 1, text)["a"]) == 1
    assert LINES.load(Path("x"), 1, rb'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}
