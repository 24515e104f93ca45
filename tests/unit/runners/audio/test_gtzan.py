"""GTZAN: genres of a thousand tracks whose names say the right label."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import DocumentError, UsageError
from verifier.runners.audio.declared import RUNNERS
from verifier.runners.audio.gtzan import BROKEN, GENRES, label, track
from verifier.runners.model import ScoreOptions

GTZAN = RUNNERS["gtzan"]
Line = dict[str, Any]


def tracks(wrong: int = 0) -> list[Line]:
    lines = [
        {"id": f"{genre}.{i:05}", "reference": genre, "prediction": genre}
        for genre in GENRES
        for i in range(100)
    ]
    for line in lines[:wrong]:
        line["prediction"] = "rock" if line["reference"] != "rock" else "pop"
    return lines


def write(path: Path, lines: list[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_accuracy(tmp_path: Path) -> None:
    result = GTZAN.score(write(tmp_path / "l.jsonl", tracks(wrong=137)))
    assert (result.passed, result.total, result.value()) == (863, 1000, 0.863)
    assert result.metrics[0].value == 0.863
    assert (result.limits, result.differing, result.missing, result.extra) == ((), (), (), ())


def test_the_broken_track_may_be_left_out(tmp_path: Path) -> None:
    lines = [line for line in tracks(wrong=9) if line["id"] != BROKEN]
    result = GTZAN.score(write(tmp_path / "l.jsonl", lines))
    assert (result.passed, result.total, result.value()) == (990, 999, 990 / 999)
    assert BROKEN in result.notes[0]
    other = GTZAN.score(write(tmp_path / "l.jsonl", tracks()[1:]))
    assert (other.missing, other.value(), other.notes) == (("blues.00000",), None, ())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("Hip-Hop", True), (" hip hop.\n", True), ("HIP_HOP", True), ("pop", False), ("", False),
     ("The genre is hiphop", None), ("hiphop or rap", None), ("rap", None), ("🎵", None)],
)  # fmt: skip
def test_what_counts_as_a_label(tmp_path: Path, answer: str, expected: bool | None) -> None:
    lines = tracks()
    lines[400]["prediction"] = answer
    task = GTZAN.score(write(tmp_path / "l.jsonl", lines)).tasks["hiphop.00000"]
    assert task.confirmed is expected
    assert bool(task.note) is (expected is None)


def test_paths_name_tracks_too() -> None:
    assert track("genres/jazz/jazz.00001.wav") == track("jazz.00001.au") == "jazz.00001"
    assert track("jazz.00100") == "jazz.00100"
    assert track("folk.00001.wav") == "folk.00001.wav"


# What somebody might edit.


def test_an_edited_answer_and_an_edited_label(tmp_path: Path) -> None:
    lines = tracks(wrong=10)
    lines[0]["reference"] = "rock"  # the answer that was wrong would be right
    result = GTZAN.score(write(tmp_path / "l.jsonl", lines))
    assert [(one.where, one.what) for one in result.differing] == [("blues.00000", "reference")]
    assert (result.extra, result.missing) == (("blues.00000",), ("blues.00000",))
    assert result.value() is None
    lines = tracks(wrong=10)
    lines[0]["prediction"] = "blues"
    before = GTZAN.score(write(tmp_path / "l.jsonl", tracks(wrong=10)))
    after = GTZAN.score(write(tmp_path / "l.jsonl", lines))
    assert (before.value(), after.value()) == (0.99, 0.991)
    assert before.samples_sha256 != after.samples_sha256
    assert before.answers["blues.00000"] != after.answers["blues.00000"]


def test_a_duplicated_and_a_foreign_track(tmp_path: Path) -> None:
    """Of two answers the worse counts."""
    lines = tracks()
    more = [
        lines[5] | {"prediction": "jazz"},
        {"id": "jazz.00100", "reference": "jazz", "prediction": "jazz"},
    ]
    path = write(tmp_path / "l.jsonl", lines + more[:1])
    result = GTZAN.score(path)
    assert result.duplicate == ("blues.00005",)
    assert result.tasks["blues.00005"].confirmed is False
    result = GTZAN.score(write(path, lines + more))
    assert (result.extra, result.total, result.limits) == (("jazz.00100",), 1000, ())


def test_other_names_need_a_dataset(tmp_path: Path) -> None:
    lines = [line | {"id": f"track {i}"} for i, line in enumerate(tracks())]
    path = write(tmp_path / "l.jsonl", lines)
    result = GTZAN.score(path)
    assert "--dataset" in result.limits[0]
    dataset = write(tmp_path / "d.jsonl", [{"id": x["id"], "reference": x["reference"]} for x in lines])
    assert GTZAN.score(path, ScoreOptions(dataset=dataset)).limits == ()
    write(path, lines[:-1])
    assert GTZAN.score(path, ScoreOptions(dataset=dataset)).missing == ("track 999",)
    assert GTZAN.score(path).missing == ("(unnamed 1)",)
    small = write(tmp_path / "s.jsonl", [{"id": x["id"], "reference": x["reference"]} for x in lines[:50]])
    result = GTZAN.score(path, ScoreOptions(dataset=small))
    assert "has 50 tracks" in result.limits[0]
    assert len(result.extra) == 949


def test_shuffled_lines(tmp_path: Path) -> None:
    lines = tracks(wrong=77)
    before = GTZAN.score(write(tmp_path / "l.jsonl", lines))
    random.Random(2).shuffle(lines)
    after = GTZAN.score(write(tmp_path / "l.jsonl", lines))
    assert (before.tasks, before.metrics, before.answers) == (after.tasks, after.metrics, after.answers)


def test_malformed_files(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    for lines, message in (
        ([], "found none"),
        ([{"id": "a", "reference": "folk", "prediction": "pop"}], "one of blues"),
        (
            [{"doc_id": 0, "target": "pop", "filtered_resps": "pop", "wer": {"gt": "", "pred": ""}}],
            "lmms-eval",
        ),
        ([{"id": "a", "reference": "pop", "prediction": 3}], "a string"),
    ):
        with pytest.raises(DocumentError) as error:
            GTZAN.score(write(path, lines))
        assert message in str(error.value)
    with pytest.raises(UsageError):
        GTZAN.score(tmp_path)


@given(st.text(max_size=20))
def test_a_label_is_one_of_ten_or_none(text: str) -> None:
    found = label(text)
    assert found is None or found in GENRES
    for genre in GENRES:
        assert label(genre.upper()) == genre
