"""Logs and problems that somebody edited: each edit is told, and none changes what the programs deserve."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runners.livecodebench import contest_problems as contest
from tests.unit.runners.livecodebench.conftest import Run, Score, grades_of
from verifier.errors import DocumentError
from verifier.runners.model import ScoreResult

Log = list[dict[str, Any]]


@pytest.fixture(scope="module")
def honest(run: Run, score: Score) -> ScoreResult:
    return score(run.one, run.dataset)


@pytest.fixture
def edited(run: Run, score: Score, tmp_path: Path) -> Callable[[Callable[[Log], Any]], ScoreResult]:
    def scored(edit: Callable[[Log], Any]) -> ScoreResult:
        log = run.log(run.one)
        edit(log)
        path = contest.write(tmp_path / "edited_eval_all.json", log)
        shutil.copy(grades_of(run.one), grades_of(path))
        return score(path, run.dataset)

    return scored


def record(log: Log, question: str) -> dict[str, Any]:
    return next(one for one in log if one["question_id"] == question)


def test_an_edited_grade_is_told(edited: Callable[..., ScoreResult], honest: ScoreResult) -> None:
    def edit(log: Log) -> None:
        for question in ("2730", "abc302_b"):
            grades = record(log, question)["graded_list"]
            grades[0] = not grades[0]

    found = edited(edit)
    told = {(one.where, one.what): (one.logged, one.found) for one in found.differing}
    for question in ("2730", "abc302_b"):
        solved = honest.tasks[question].confirmed
        assert told[question, "graded_list[0]"] == (not solved, solved)
        assert (question, "pass@1") in told
    assert len(told) == 4
    assert (found.tasks, found.metrics) == (honest.tasks, honest.metrics)


def test_an_edited_share_is_told(edited: Callable[..., ScoreResult]) -> None:
    (one,) = edited(lambda log: record(log, "2727").update({"pass@1": 0.5})).differing
    assert (one.where, one.what, one.logged) == ("2727", "pass@1", 0.5)


def test_edited_numbers_of_the_whole_are_told(run: Run, score: Score, tmp_path: Path) -> None:
    path = Path(shutil.copy(run.one, tmp_path / "x_eval_all.json"))
    grades = run.grades(run.one)
    true = grades[0]["pass@1"]
    grades[0]["pass@1"] += 0.1
    contest.write(grades_of(path), grades)
    (one,) = score(path, run.dataset).differing
    assert (one.where, one.what, one.logged, one.found) == ("_eval.json", "pass@1", true + 0.1, true)


def test_an_edited_program_is_told(edited: Callable[..., ScoreResult], honest: ScoreResult) -> None:
    right = contest.PROGRAMS["abc302_b"][0]
    assert honest.tasks["abc302_b"].confirmed is False
    found = edited(lambda log: record(log, "abc302_b").update(code_list=[right]))
    assert found.tasks["abc302_b"].confirmed is True
    assert {(one.where, one.what) for one in found.differing} == {
        ("abc302_b", "code_list[0]"),
        ("abc302_b", "graded_list[0]"),
        ("_eval.json", "pass@1"),
        ("_eval.json", "pass@1_stderr"),
    }


def test_a_program_of_an_output_in_prose_is_no_edit(run: Run, score: Score, tmp_path: Path) -> None:
    program = contest.PROGRAMS["2730"][0].strip()
    output = f"Even is easy:\n```python\n{program}\n```\nDone."
    log = [{"question_id": "2730", "output_list": [output], "code_list": [program]}]
    assert score(contest.write(tmp_path / "a.json", log), run.dataset).differing == ()
    log[0]["output_list"] = [output.replace("% 2", "% 3")]
    (one,) = score(contest.write(tmp_path / "b.json", log), run.dataset).differing
    assert (one.where, one.what) == ("2730", "code_list[0]")


def test_edited_problems_are_told(edited: Callable[..., ScoreResult], honest: ScoreResult) -> None:
    fields = {
        "2731": "question_content",
        "2730": "difficulty",
        "abc301_a": "starter_code",
        "1873_A": "contest_date",
        "arc306_b": "question_title",
    }

    def edit(log: Log) -> None:
        for question, field in fields.items():
            record(log, question)[field] = "2020-01-01T00:00:00"

    found = edited(edit)
    assert {one.where: one.what for one in found.differing} == fields
    assert found.tasks == honest.tasks


def test_a_dropped_problem_is_told(edited: Callable[..., ScoreResult], honest: ScoreResult) -> None:
    found = edited(lambda log: log.remove(record(log, "2727")))
    assert found.missing == ("2727",)
    assert found.value() is None
    assert found.answered == len(contest.PROBLEMS) - 1
    assert not any(metric.whole for metric in found.metrics)
    assert found.tasks == {task: one for task, one in honest.tasks.items() if task != "2727"}
    assert {one.where for one in found.differing} == {"_eval.json"}, "the grades file counts one more"


def test_a_problem_without_programs_is_missing(run: Run, score: Score, tmp_path: Path) -> None:
    log = contest.custom({question: codes[:1] for question, codes in contest.PROGRAMS.items()} | {"2728": []})
    found = score(contest.write(tmp_path / "a.json", log), run.dataset)
    assert found.missing == ("2728",)
    assert found.value() is None


def test_a_repeated_problem_is_told_and_its_worst_record_counts(
    run: Run, score: Score, tmp_path: Path
) -> None:
    log = contest.custom({question: codes[:1] for question, codes in contest.PROGRAMS.items()})
    wrong = {"question_id": "2727", "code_list": [contest.PROGRAMS["2727"][1]]}
    for name, found in (("before", [wrong, *log]), ("after", [*log, wrong])):
        result = score(contest.write(tmp_path / f"{name}.json", found), run.dataset)
        assert result.duplicate == ("2727",)
        assert result.tasks["2727"].confirmed is False
        assert result.value() == 13 / 14


def test_a_foreign_problem_is_told(edited: Callable[..., ScoreResult], honest: ScoreResult) -> None:
    found = edited(lambda log: log.append({**record(log, "2727"), "question_id": "9999_Z"}))
    assert found.extra == ("9999_Z",)
    assert (found.tasks, found.metrics) == (honest.tasks, honest.metrics)


@pytest.mark.slow
def test_numbers_of_programs_that_differ_are_a_limit(run: Run, score: Score, tmp_path: Path) -> None:
    log = contest.custom(contest.PROGRAMS)
    del log[3]["code_list"][1:]
    found = score(contest.write(tmp_path / "a.json", log), run.dataset)
    assert any("different numbers of programs (1 to 3)" in limit for limit in found.limits)
    shares = [
        task.note.startswith("3 of") or int(task.note.split(" of ")[0]) / 3 if task.note else task.confirmed
        for task in found.tasks.values()
    ]
    assert found.value() == pytest.approx(sum(shares) / 14)


def test_a_single_problem_has_no_standard_error(run: Run, score: Score, tmp_path: Path) -> None:
    dataset = contest.write_dataset(tmp_path / "one.jsonl", [contest.SHIFT])
    log = contest.custom({"2727": contest.PROGRAMS["2727"]})
    (metric,) = score(contest.write(tmp_path / "a.json", log), dataset).metrics
    assert (metric.value, metric.stderr) == (pytest.approx(1 / 3), None)


def test_a_smaller_dataset_is_a_limit(run: Run, score: Score, tmp_path: Path) -> None:
    dataset = contest.write_dataset(tmp_path / "part.jsonl", contest.PROBLEMS[:5])
    found = score(run.one, dataset)
    assert found.limits[0] == "the dataset given has 5 problems, release_v6 has 14"
    assert len(found.extra) == 9


def test_edited_tests_make_another_judge(run: Run, score: Score, tmp_path: Path, honest: ScoreResult) -> None:
    """Nothing kept of the true problem is believed about the edited one."""
    easier = {**contest.SHIFT, "private_test_cases": contest.plain([("[]\n1", "[]")], "functional")}
    problems = [easier if one is contest.SHIFT else one for one in contest.PROBLEMS]
    found = score(run.one, contest.write_dataset(tmp_path / "easier.jsonl", problems))
    assert found.judge["dataset"] != honest.judge["dataset"]


def test_a_dataset_with_a_problem_twice_is_refused(run: Run, score: Score, tmp_path: Path) -> None:
    dataset = contest.write_dataset(tmp_path / "twice.jsonl", [*contest.PROBLEMS, contest.SHIFT])
    with pytest.raises(DocumentError, match="each problem once, found '2727' twice"):
        score(run.one, dataset)


@pytest.mark.slow
def test_time_elsewhere_is_no_contradiction(run: Run, score: Score, tmp_path: Path) -> None:
    """A log graded with more time, or on another machine, is not called contradictory for it."""
    late = {"question_id": "abc301_a", "code_list": [contest.PROGRAMS["abc301_a"][2]], "graded_list": [True]}
    in_time = {
        "question_id": "2730",
        "code_list": [contest.PROGRAMS["2730"][0]],
        "graded_list": [False],
        "metadata": [json.dumps({"error_code": -3, "error_message": "Time Limit Exceeded"})],
    }
    found = score(contest.write(tmp_path / "a.json", [late, in_time]), run.dataset)
    assert found.differing == ()
    assert any(note.startswith("2 program(s) are in time here and not in the log") for note in found.notes)
