"""Logs that lmms-eval wrote itself, scored again; and what somebody might edit in them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runners.audio import spoken
from tests.unit.runners.audio.conftest import PARTS, Line, Run, small
from verifier.errors import EvidenceMissingError, UsageError
from verifier.runners.model import ScoreOptions, ScoreResult

NAMES = sorted(PARTS)
EDITED = ("librispeech_test_clean", "covost2_en_zh", "covost2_zh_en")
"""One of each kind: a process starts for every edit."""


def noticed(result: ScoreResult) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in result.differing}


def own(run: Run, task: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.results.read_text(encoding="utf-8"))["results"][task]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_harness(run: Run, name: str) -> None:
    result, task = run.score(name), PARTS[name]
    assert result.headline is not None
    assert result.headline.value == own(run, task)[f"{result.metric},none"]
    assert result.headline.full == 100
    assert result.value() == result.headline.value / 100
    assert (result.differing, result.limits) == ((), ())
    assert (result.missing, result.extra, result.duplicate) == ((), (), ())
    assert result.answered == result.total == len(spoken.pairs(task))
    assert set(result.answers) == set(result.tasks)


def test_each_utterance_fares_as_it_should(run: Run) -> None:
    def right(name: str) -> list[bool]:
        return [task.confirmed is True for task in run.score(name).tasks.values()]

    assert right("librispeech_test_clean") == [True, True, False, True, True, False, True, False]
    assert right("librispeech_test_other") == [False, True, True]
    assert right("covost2_en_zh") == [True, False, False, False, True]
    assert right("covost2_zh_en") == [True, False, True, False]


def test_what_a_score_rests_on(run: Run) -> None:
    judge = run.score("covost2_en_zh").judge
    assert judge["version"] == "0.7.3"
    signatures = judge["signatures"]
    assert isinstance(signatures, dict)
    assert "tok:zh" in str(signatures["covost2_en_zh_test"])
    assert "version:" in str(signatures["covost2_en_zh_test"])
    assert "tok:13a" in str(run.score("covost2_zh_en").judge["signatures"])


@pytest.mark.parametrize("name", ["librispeech", "covost2"])
def test_a_run_of_several_parts_has_no_number(run: Run, name: str) -> None:
    result = run.score(name)
    assert result.headline is None
    assert {metric.task for metric in result.metrics} == {part.name for part in small(name).parts}
    assert not any(metric.whole for metric in result.metrics)
    assert "no number over several parts" in result.limits[0]


def test_a_log_of_one_part_is_that_part(run: Run) -> None:
    result = small("librispeech").score(run.log("librispeech_test_other"), ScoreOptions(dataset=run.dataset))
    assert result.headline == run.score("librispeech_test_other").headline
    assert result.limits == ()


def test_without_the_dataset_nothing_is_decided(run: Run) -> None:
    result = run.score("librispeech_test_clean", dataset=False)
    assert result.headline == run.score("librispeech_test_clean").headline
    assert len(result.limits) == 1
    assert "--dataset" in result.limits[0]


def test_without_the_runs_own_number_nothing_is_decided(run: Run, tmp_path: Path) -> None:
    copy = run.copied(tmp_path)
    copy.results.unlink()
    result = copy.score("covost2_zh_en")
    assert len(result.limits) == 1
    assert "is not on record" in result.limits[0]


# What somebody might edit.


@pytest.mark.parametrize("name", EDITED)
def test_edited_metrics(run: Run, tmp_path: Path, name: str) -> None:
    """In the results file, and in a line beside the answer."""
    copy, task = run.copied(tmp_path), PARTS[name]
    metric = run.score(name).metric

    def better(lines: list[Line]) -> None:
        lines[2][metric]["pred"] = lines[2]["target"]

    copy.edit(task, better)
    found = json.loads(copy.results.read_text(encoding="utf-8"))
    found["results"][task][f"{metric},none"] = 1.5
    copy.results.write_text(json.dumps(found), encoding="utf-8")
    result = copy.score(name)
    assert noticed(result) == {(f"{task}/2", "pred"), (task, f"{metric},none")}
    assert result.headline == run.score(name).headline
    assert "the run's own number is not the judge's" in result.limits[0]


@pytest.mark.parametrize("name", EDITED)
def test_edited_answers(run: Run, tmp_path: Path, name: str) -> None:
    copy, task = run.copied(tmp_path), PARTS[name]
    metric = run.score(name).metric

    def better(lines: list[Line]) -> None:
        for line in lines:
            line["filtered_resps"] = line[metric]["pred"] = line["target"]

    copy.edit(task, better)
    result = copy.score(name)
    assert noticed(result) == {(task, f"{metric},none")}
    assert all(one.confirmed for one in result.tasks.values())


@pytest.mark.parametrize("name", EDITED)
def test_edited_references(run: Run, tmp_path: Path, name: str) -> None:
    copy, task = run.copied(tmp_path), PARTS[name]
    metric = run.score(name).metric

    def easier(lines: list[Line]) -> None:
        lines[0]["target"] = lines[0][metric]["gt"] = lines[0]["filtered_resps"] = "easy words"

    copy.edit(task, easier)
    result = copy.score(name)
    assert (f"{task}/0", "reference") in noticed(result)
    assert (result.extra, result.missing) == ((f"{task}/0",), (f"{task}/0",))
    assert result.value() is None


@pytest.mark.parametrize("name", EDITED)
def test_a_dropped_utterance(run: Run, tmp_path: Path, name: str) -> None:
    copy, task = run.copied(tmp_path), PARTS[name]
    copy.edit(task, lambda lines: lines[1:])
    for dataset in (True, False):
        result = copy.score(name, dataset=dataset)
        assert result.missing == (f"{task}/0",)
        assert result.value() is None


@pytest.mark.parametrize("name", EDITED)
def test_a_duplicated_utterance(run: Run, tmp_path: Path, name: str) -> None:
    """Of an utterance with two answers the worse counts."""
    copy, task = run.copied(tmp_path), PARTS[name]
    metric = run.score(name).metric

    def twice(lines: list[Line]) -> list[Line]:
        better = json.loads(json.dumps(lines[-1]))
        better["filtered_resps"] = better[metric]["pred"] = better["target"]
        beyond = lines[0] | {"doc_id": 999}
        return [better, *lines, beyond]

    copy.edit(task, twice)
    result = copy.score(name)
    last = f"{task}/{len(spoken.pairs(task)) - 1}"
    assert (result.duplicate, result.extra) == ((last,), (f"{task}/999",))
    assert result.headline is not None
    before = run.score(name).headline
    assert before is not None
    assert result.headline.value == pytest.approx(before.value)
    if run.score(name).tasks[last].confirmed is False:
        assert (last, "reference and prediction") in noticed(result)


def test_shuffled_lines(run: Run, tmp_path: Path) -> None:
    copy = run.copied(tmp_path)

    def shuffle(lines: list[Line]) -> None:
        random.Random(3).shuffle(lines)

    for name, task in PARTS.items():
        copy.edit(task, shuffle)
        before, after = run.score(name), copy.score(name)
        assert (before.metrics, before.tasks, before.answers) == (after.metrics, after.tasks, after.answers)
        assert before.judge == after.judge


def test_another_task_is_named(run: Run) -> None:
    with pytest.raises(EvidenceMissingError, match="found those of librispeech_test_clean"):
        small("librispeech_test_other").score(run.log("librispeech_test_clean"))


def test_two_runs_in_one_folder(run: Run, tmp_path: Path) -> None:
    copy = run.copied(tmp_path)
    log = copy.log("covost2_en_zh_test")
    (copy.folder / "20200101_000000_samples_covost2_en_zh_test.jsonl").write_bytes(log.read_bytes())
    with pytest.raises(UsageError, match="expected one run, found 2"):
        copy.score("covost2_en_zh")
