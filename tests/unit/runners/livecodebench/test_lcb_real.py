"""Logs that the harness itself wrote, scored again: the same grades, and the same numbers to the last bit."""

from pathlib import Path

import pytest

from tests.unit.runners.livecodebench import contest_problems as contest
from tests.unit.runners.livecodebench.conftest import Run, Score
from verifier.runners.model import ScoreResult


@pytest.fixture(scope="module")
def one(run: Run, score: Score) -> ScoreResult:
    return score(run.one, run.dataset)


@pytest.fixture(scope="module")
def three(run: Run, score: Score) -> ScoreResult:
    return score(run.three, run.dataset)


def test_the_run_has_every_kind_of_failure(run: Run) -> None:
    text = run.three.read_text(encoding="utf-8")
    for code in (-2, -3, -4, -5):
        assert f'\\"error_code\\": {code}' in text
    for name in ("three", "one"):
        grades = [grade for record in run.log(getattr(run, name)) for grade in record["graded_list"]]
        assert {True, False} == set(grades)


def test_one_program_each_every_status_is_the_harness_s(run: Run, one: ScoreResult) -> None:
    graded = {record["question_id"]: record["graded_list"][0] for record in run.log(run.one)}
    assert {question: task.official == "pass" for question, task in one.tasks.items()} == graded
    assert {question: task.confirmed for question, task in one.tasks.items()} == graded
    assert list(one.tasks) == sorted(graded)


@pytest.mark.parametrize("name", ["one", "three"])
def test_numbers_are_the_harness_s(run: Run, name: str, request: pytest.FixtureRequest) -> None:
    found: ScoreResult = request.getfixturevalue(name)
    said = run.grades(getattr(run, name))[0]
    assert {metric.name: metric.value for metric in found.metrics} == {
        key: value for key, value in said.items() if key.startswith("pass@") and not key.endswith("_stderr")
    }
    assert {f"{metric.name}_stderr": metric.stderr for metric in found.metrics} == {
        key: value for key, value in said.items() if key.endswith("_stderr")
    }
    assert found.value() == pytest.approx(said["pass@1"], abs=1e-15)
    assert found.differing == ()
    assert (found.missing, found.extra, found.duplicate, found.undecided) == ((), (), (), 0)


def test_three_programs_each_counts_are_the_harness_s(run: Run, three: ScoreResult) -> None:
    for record in run.log(run.three):
        count = record["graded_list"].count(True)
        task = three.tasks[record["question_id"]]
        assert task.note.startswith(f"{count} of 3 programs confirmed")
        assert task.confirmed is (count == 3)
    assert three.headline is not None
    assert three.headline.name == "pass@1"
    assert "3 programs a problem" in three.notes[0]


def test_a_late_program_is_told_from_a_wrong_one(run: Run, score: Score, tmp_path: Path) -> None:
    path = contest.write(
        tmp_path / "late.json", contest.custom({"abc301_a": [contest.PROGRAMS["abc301_a"][2]]})
    )
    assert score(path, run.dataset).tasks["abc301_a"].official == "timeout"


def test_without_a_pin_no_claim_is_decided(one: ScoreResult) -> None:
    assert len(one.limits) == 1
    assert "no digest of release_v6 is pinned" in one.limits[0]


def test_what_is_remembered_of_answers(run: Run, one: ScoreResult, three: ScoreResult) -> None:
    assert one.answers.keys() == one.tasks.keys()
    (record,) = (record for record in run.log(run.one) if record["question_id"] == "2728")
    assert one.answers["2728"].length == len(record["code_list"][0].strip())
    assert three.answers == {}


def test_other_kinds_of_files_give_the_same(run: Run, score: Score, one: ScoreResult, tmp_path: Path) -> None:
    log = run.log(run.one)
    bare = [{"question_id": record["question_id"], "code_list": record["code_list"]} for record in log]
    by_place = [record["code_list"] for record in log]
    for name, found in (("bare", bare), ("by_place", by_place), ("shuffled", bare[::-1])):
        result = score(contest.write(tmp_path / f"{name}.json", found), run.dataset)
        assert (result.tasks, result.metrics, result.answers) == (one.tasks, one.metrics, one.answers)
    assert score(run.one.with_name("one_codegeneration_output.json"), run.dataset).tasks == one.tasks


def test_order_of_the_dataset_does_not_matter(
    run: Run, score: Score, one: ScoreResult, tmp_path: Path
) -> None:
    contest.write_dataset(tmp_path / "test.jsonl", contest.PROBLEMS[7:])
    contest.write_dataset(tmp_path / "test2.jsonl", contest.PROBLEMS[:7])
    result = score(run.one, tmp_path)
    assert (result.judge, result.tasks, result.metrics) == (one.judge, one.tasks, one.metrics)
