"""SWE-bench's logs, graded again, against the reports that swebench itself wrote of them."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.unit.runners.agents.conftest import INSTANCES, RESOLVED, UTIL, Evaluation
from verifier.errors import DocumentError, EvidenceMissingError, UsageError
from verifier.runners.model import ScoreOptions, ScoreResult

ONE = "pytest-dev__pytest-1001"
NOT = "pytest-dev__pytest-1002"


def noticed(result: ScoreResult) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in result.differing}


def confirmed(result: ScoreResult) -> set[str]:
    return {name for name, task in result.tasks.items() if task.confirmed}


def test_equals_the_harness(evaluation: Evaluation) -> None:
    result = evaluation.score()
    reports = {
        name: json.loads(path.read_text(encoding="utf-8"))[name]["resolved"]
        for name in INSTANCES
        if (path := evaluation.folder(name) / "report.json").exists()
    }
    summary = json.loads((evaluation.run / "model.run1.json").read_text(encoding="utf-8"))
    assert len(reports) == 6
    assert {name: task.confirmed for name, task in result.tasks.items() if name in reports} == reports
    assert confirmed(result) == set(summary["resolved_ids"]) == RESOLVED
    assert result.value() == summary["resolved_instances"] / summary["total_instances"]
    assert result.differing == ()
    assert result.limits == ()
    assert (result.missing, result.extra, result.duplicate, result.undecided) == ((), (), (), 0)


def test_why_an_instance_is_unresolved(evaluation: Evaluation) -> None:
    notes = {name: task.note for name, task in evaluation.score().tasks.items()}
    assert notes[NOT] == "1 test(s) not mended, 0 broken"
    assert notes["pallets__flask-4001"] == "the patch did not apply (run_instance.log)"
    assert notes["psf__requests-5001"] == "the log holds no complete test run"
    assert notes["pylint-dev__pylint-6001"] == "the model gave no patch"


def test_answers_are_remembered(evaluation: Evaluation) -> None:
    answers = evaluation.score().answers
    assert set(answers) == set(INSTANCES) - {"pylint-dev__pylint-6001"}
    assert len({answer.digest for answer in answers.values()}) == len(answers)
    assert not any(answer.canonical for answer in answers.values())


def test_without_the_dataset_nothing_is_decided(evaluation: Evaluation) -> None:
    result = evaluation.score(dataset=False)
    assert confirmed(result) == RESOLVED
    assert len(result.limits) == 1
    assert "--dataset" in result.limits[0]


def test_the_same_whichever_folder_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    model = evaluation.folder(ONE).parent
    for folder in (model, model.parent, model.parent.parent):
        assert (
            confirmed(evaluation.runner.score(folder, ScoreOptions(dataset=evaluation.dataset))) == RESOLVED
        )
    submission = tmp_path / "submission"
    shutil.copytree(model, submission / "logs")
    (submission / "results").mkdir()
    listed = {"no_generation": [], "no_logs": [], "resolved": sorted(RESOLVED)}
    (submission / "results" / "results.json").write_text(json.dumps(listed), encoding="utf-8")
    (submission / "metadata.json").write_text('{"name": "model"}', encoding="utf-8")
    (submission / "trajs").mkdir()
    for name in RESOLVED:
        steps = json.dumps({"instance_id": name, "model_patch": "another", "steps": []})
        (submission / "trajs" / f"{name}.json").write_text(steps, encoding="utf-8")
    result = evaluation.runner.score(submission, ScoreOptions(dataset=evaluation.dataset))
    assert confirmed(result) == RESOLVED
    assert result.differing == ()


# What somebody might edit.


def test_an_edited_report(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    run.edit_json(run.folder(NOT) / "report.json", lambda found: found[NOT].update(resolved=True))
    result = run.score()
    assert noticed(result) == {(NOT, "resolved")}
    assert confirmed(result) == RESOLVED


def test_an_edited_summary(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    run.edit_json(run.run / "model.run1.json", lambda found: found["resolved_ids"].append(NOT))
    result = run.score()
    assert noticed(result) == {(NOT, "model.run1.json resolved"), ("model.run1.json", "resolved_instances")}
    assert confirmed(result) == RESOLVED


def test_an_edited_log(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    log = run.folder(ONE) / "test_output.txt"
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace(f"PASSED {UTIL}test_joins", f"FAILED {UTIL}test_joins"), encoding="utf-8")
    result = run.score()
    assert confirmed(result) == RESOLVED - {ONE}
    assert {(ONE, "resolved"), (ONE, "model.run1.json resolved")} <= noticed(result)


def test_an_edited_answer(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    (run.folder(ONE) / "patch.diff").write_text("diff --git a/y b/y\n", encoding="utf-8")
    assert noticed(run.score()) == {(ONE, "model_patch")}


def test_edited_tests_in_a_report(evaluation: Evaluation, tmp_path: Path) -> None:
    """Easier tests in the report: the dataset's decide, and the report is told to differ."""
    run = evaluation.copied(tmp_path)

    def easier(found: dict[str, dict[str, object]]) -> None:
        status = {"success": [f"{UTIL}test_words[x"], "failure": []}
        found[NOT].update(resolved=True, tests_status={"FAIL_TO_PASS": status, "PASS_TO_PASS": status})

    run.edit_json(run.folder(NOT) / "report.json", easier)
    result = run.score()
    assert confirmed(result) == RESOLVED
    assert {(NOT, "resolved"), (NOT, "FAIL_TO_PASS"), (NOT, "PASS_TO_PASS")} <= noticed(result)
    assert run.score(dataset=False).limits


def test_a_dropped_instance(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    shutil.rmtree(run.folder(ONE))
    for path in (run.run / "predictions.jsonl", run.run / "model.run1.json"):
        path.unlink()
    result = run.score()
    assert result.missing == (ONE, "pylint-dev__pylint-6001")
    assert result.value() is None
    assert len(run.score(dataset=False).missing) == 2


def test_a_duplicated_instance(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    with (run.run / "predictions.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"instance_id": ONE, "model_name_or_path": "m", "model_patch": "x"}) + "\n")
    run.edit_json(run.run / "model.run1.json", lambda found: found["resolved_ids"].append(NOT))
    run.edit_json(run.run / "model.run1.json", lambda found: found["resolved_ids"].append(NOT))
    assert run.score().duplicate == (ONE, NOT)
    shutil.copytree(run.folder(ONE), run.folder(ONE).parent.parent / "other" / ONE)
    with pytest.raises(UsageError, match="one run of one model, found 2"):
        run.score()


def test_an_instance_of_another_benchmark(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    other = "facebook__react-7001"
    shutil.copytree(run.folder(ONE), run.folder(other))
    assert run.score().extra == (other,)
    assert run.score(dataset=False).extra == (other,)


# What logs do not decide.


def test_a_report_alone_decides_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    (run.folder(ONE) / "test_output.txt").unlink()
    result = run.score()
    task = result.tasks[ONE]
    assert (task.official, task.confirmed) == ("pass", None)
    assert "test_output.txt is not published; report.json says resolved" in task.note
    assert result.value() is None


@pytest.mark.parametrize("name", ["model.run1.json", "predictions.jsonl"])
def test_a_summary_or_predictions_alone_decide_nothing(evaluation: Evaluation, name: str) -> None:
    result = evaluation.runner.score(evaluation.run / name, ScoreOptions(dataset=evaluation.dataset))
    assert result.value() is None
    assert result.passed == 0
    assert result.undecided >= len(INSTANCES) - 1
    assert set(result.tasks) == set(INSTANCES)


def test_a_report_without_tests_decides_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    """With empty lists the harness would call everything resolved."""
    run = evaluation.copied(tmp_path)
    empty = {"success": [], "failure": []}
    both = {"FAIL_TO_PASS": empty, "PASS_TO_PASS": empty}
    run.edit_json(run.folder(NOT) / "report.json", lambda found: found[NOT].update(tests_status=both))
    assert run.score(dataset=False).tasks[NOT].confirmed is None


def test_another_version_of_the_harness_is_a_limit(evaluation: Evaluation, tmp_path: Path) -> None:
    """Before swebench 5 a skipped test that had to be mended was no failure; such a report may be honest."""
    run = evaluation.copied(tmp_path)
    log = run.folder(ONE) / "test_output.txt"
    text = log.read_text(encoding="utf-8").replace(">>>>> Test Exit Code: 1\n", "")
    log.write_text(text.replace(f"PASSED {UTIL}test_joins", f"SKIPPED {UTIL}test_joins"), encoding="utf-8")
    run.edit_json(run.folder(ONE) / "report.json", lambda found: found[ONE].pop("infra_failure") and None)
    result = run.score()
    assert (ONE, "resolved") in noticed(result)
    assert len(result.limits) == 1
    assert "nothing says which swebench" in result.limits[0]


def test_a_smaller_dataset_is_a_limit(evaluation: Evaluation, tmp_path: Path) -> None:
    rows = evaluation.dataset.read_text(encoding="utf-8").splitlines(keepends=True)
    small = tmp_path / "small.jsonl"
    small.write_text("".join(rows[:-1]), encoding="utf-8")
    result = evaluation.runner.score(evaluation.run, ScoreOptions(dataset=small))
    assert result.extra == ("pylint-dev__pylint-6001",)
    assert "7 instances" in result.limits[0]


# Hostile and broken input.


def test_links_are_not_followed(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    secret = tmp_path / "secret.txt"
    secret.write_text((run.folder(ONE) / "test_output.txt").read_text(encoding="utf-8"), encoding="utf-8")
    (run.folder(ONE) / "test_output.txt").unlink()
    (run.folder(ONE) / "test_output.txt").symlink_to(secret)
    (run.folder(ONE).parent / "sympy__sympy-9001").symlink_to(run.folder(NOT), target_is_directory=True)
    result = run.score()
    assert result.tasks[ONE].confirmed is None
    assert "symbolic link" in result.tasks[ONE].note
    assert "sympy__sympy-9001" not in {*result.tasks, *result.extra}
    assert any("2 symbolic link(s)" in note for note in result.notes)


def test_a_pipe_is_not_waited_for(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    (run.folder(ONE) / "test_output.txt").unlink()
    os.mkfifo(run.folder(ONE) / "test_output.txt")
    assert "no plain file" in run.score().tasks[ONE].note


def test_a_giant_log_is_not_read(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    with (run.folder(ONE) / "test_output.txt").open("r+b") as stream:
        stream.truncate(8 << 30)  # sparse: no space is used
    result = run.score()
    assert result.tasks[ONE].confirmed is None
    assert "larger than" in result.tasks[ONE].note
    assert confirmed(result) == RESOLVED - {ONE}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("test_output.txt", b"\xff\xfe\x00 no text"),
        ("report.json", b"{"),
        ("report.json", b"[" * 100_000),
        ("report.json", b'{"other__other-1": {"resolved": true}}'),
        ("report.json", b'{"pytest-dev__pytest-1001": {"resolved": "yes", "tests_status": [1, 2]}}'),
    ],
)
def test_broken_files_of_an_instance(
    evaluation: Evaluation, tmp_path: Path, name: str, content: bytes
) -> None:
    run = evaluation.copied(tmp_path)
    (run.folder(ONE) / name).write_bytes(content)
    result = run.score()
    assert confirmed(result) == (RESOLVED - {ONE} if name == "test_output.txt" else RESOLVED)
    assert result.tasks[ONE].note or noticed(result) or content.startswith(b'{"pytest')


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a__b-1/../../c__d-2", "", "x" * 5000, "a__b-\u0661", "django__django-1\n"]
)
def test_ids_that_are_paths(tmp_path: Path, name: str) -> None:
    from verifier.runners.agents.swe_runner import SWE_BENCH_VERIFIED

    pytest.importorskip("swebench", reason="needs swebench 5.0.2")
    for text in (
        json.dumps({"instance_id": name, "model_patch": "x"}),
        json.dumps({"resolved_ids": [name]}),
    ):
        path = tmp_path / ("p.json" if "resolved" in text else "p.jsonl")
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DocumentError):
            SWE_BENCH_VERIFIED.score(path)


def test_no_run_at_all(tmp_path: Path) -> None:
    from verifier.runners.agents.swe_runner import SWE_BENCH_VERIFIED

    pytest.importorskip("swebench", reason="needs swebench 5.0.2")
    with pytest.raises(UsageError, match="found none"):
        SWE_BENCH_VERIFIED.score(tmp_path)
    with pytest.raises(UsageError, match="nothing readable"):
        SWE_BENCH_VERIFIED.score(tmp_path / "gone")
    (tmp_path / "x.json").write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(DocumentError, match="neither"):
        SWE_BENCH_VERIFIED.score(tmp_path / "x.json")


def test_shuffled_predictions(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    path = run.run / "predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    path.write_text("".join(lines), encoding="utf-8")
    before, after = evaluation.score(), run.score()
    assert (before.tasks, before.answers, before.metrics) == (after.tasks, after.answers, after.metrics)


def test_an_absent_package_names_the_command(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.runners.agents import swe_runner

    monkeypatch.setattr(swe_runner, "VERSION", "9.9.9")
    reason = evaluation.runner.unavailable()
    assert reason is not None
    assert "pip install --no-deps swebench==" in reason
    with pytest.raises(EvidenceMissingError, match="needs swebench 9"):
        evaluation.score()
