"""A log that somebody edited: each kind of edit is caught, and named by problem."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.runners.lm_eval_logs.conftest import Run
from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners.model import ScoreOptions, ScoreResult

pytestmark = pytest.mark.usefixtures("in_process")

Lines = list[dict[str, Any]]
TASKS = {
    "gsm8k": "gsm8k",
    "aime_2024": "aime24",
    "ifeval": "leaderboard_ifeval",
    "math_hard": "leaderboard_math_geometry_hard",
}
CHOICES = {
    "mmlu_pro": "leaderboard_mmlu_pro",
    "gpqa_diamond": "leaderboard_gpqa_diamond",
    "musr": "leaderboard_musr_object_placements",
    "bbh": "leaderboard_bbh_snarks",
    "bbh_snarks": "leaderboard_bbh_snarks",
}
ALL = [
    *((name, "scripted", task) for name, task in TASKS.items()),
    *((n, "random", t) for n, t in CHOICES.items()),
]


def scored(run: Run, name: str, *, dataset: bool = True) -> ScoreResult:
    return run.small(name).score(run.folder, ScoreOptions(dataset=run.dataset if dataset else None))


def noticed(result: ScoreResult) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in result.differing}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def each(task: str, change: Callable[[dict[str, Any]], None], doc_id: int = 1) -> Callable[[Lines], Lines]:
    def changed(lines: Lines) -> Lines:
        for line in lines:
            if line["doc_id"] == doc_id:
                change(line)
        return lines

    return changed


@pytest.mark.parametrize(("name", "which", "task"), ALL)
def test_an_edited_metric(runs: dict[str, Run], tmp_path: Path, name: str, which: str, task: str) -> None:
    run = runs[which].copied(tmp_path)
    before = scored(run, name)
    metric, filter_ = before.metric.split(",")

    def flip(line: dict[str, Any]) -> None:
        if line["filter"] == filter_:
            line[metric] = type(line[metric])(not line[metric])

    run.edit(task, each(task, flip))
    after = scored(run, name)
    assert noticed(after) == {(f"{task}/1", before.metric)}
    assert after.metrics == before.metrics


@pytest.mark.parametrize(("name", "which", "task"), ALL)
def test_an_edited_answer(runs: dict[str, Run], tmp_path: Path, name: str, which: str, task: str) -> None:
    run = runs[which].copied(tmp_path)

    def answer(line: dict[str, Any]) -> None:
        if isinstance(line["resps"][0][0], str):
            line["resps"] = [["Some other answer altogether, of 12345 words"]]
        else:
            line["resps"][0][0][0] = "-0.125"

    run.edit(task, each(task, answer))
    after = scored(run, name)
    wheres = {where for where, _ in noticed(after)}
    assert f"{task}/1" in wheres
    assert any(what.startswith("filtered_resps") for _, what in noticed(after))
    assert all(where.startswith(f"{task}/1") or "/" not in where for where in wheres)


@pytest.mark.parametrize(("name", "which", "task"), ALL)
def test_an_edited_problem(runs: dict[str, Run], tmp_path: Path, name: str, which: str, task: str) -> None:
    """Without new hashes the line contradicts itself; with new ones it is not the dataset's problem."""
    run = runs[which].copied(tmp_path)
    key = next(
        k
        for k, v in run.lines(task)[0]["doc"].items()
        if isinstance(v, str) and k not in ("choices", "answer")
    )

    def reword(line: dict[str, Any]) -> None:
        line["doc"][key] += " "

    run.edit(task, each(task, reword))
    careless = scored(run, name, dataset=False)
    assert (f"{task}/1", "doc_hash") in noticed(careless)
    assert any("another problem than the one" in reason for reason in careless.limits)

    def rehash(line: dict[str, Any]) -> None:
        line["doc_hash"] = sha(json.dumps(line["doc"], indent=2, ensure_ascii=False))

    run.edit(task, each(task, rehash))
    careful = scored(run, name)
    assert careful.extra == (f"{task}/1",)
    assert careful.missing == (f"{task}/1",)
    assert f"{task}/1" not in careful.tasks
    assert careful.value() is None


def test_an_edited_reference_answer(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)

    def give(line: dict[str, Any]) -> None:
        line["doc"]["Answer"] = 8

    run.edit("aime24", each("aime24", give, 2))
    assert {what for _, what in noticed(scored(run, "aime_2024"))} >= {
        "doc_hash",
        "target",
        "exact_match,none",
    }


@pytest.mark.parametrize(("name", "which", "task"), ALL)
def test_a_dropped_problem(runs: dict[str, Run], tmp_path: Path, name: str, which: str, task: str) -> None:
    run = runs[which].copied(tmp_path)
    run.edit(task, lambda lines: [line for line in lines if line["doc_id"] != 1])
    after = scored(run, name)
    assert after.missing == (f"{task}/1",)
    assert (after.extra, after.duplicate) == ((), ())
    assert after.value() is None
    assert (task, "task_hashes") in noticed(after)


def test_a_problem_without_one_of_its_filters(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    run.edit("gsm8k", lambda lines: [x for x in lines if (x["doc_id"], x["filter"]) != (0, "strict-match")])
    assert scored(run, "gsm8k").missing == ("gsm8k/0",)


@pytest.mark.parametrize(("name", "which", "task"), ALL)
def test_a_duplicated_problem(runs: dict[str, Run], tmp_path: Path, name: str, which: str, task: str) -> None:
    run = runs[which].copied(tmp_path)
    before = scored(run, name)
    run.edit(task, lambda lines: lines + [line for line in lines if line["doc_id"] == 1])
    after = scored(run, name)
    assert after.duplicate == (f"{task}/1",)
    assert (after.missing, after.extra) == ((), ())
    assert after.metrics == before.metrics
    assert (task, "task_hashes") in noticed(after)


def test_of_two_answers_the_worse_counts(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    right = scored(run, "aime_2024").tasks["aime24/0"]
    assert right.confirmed is True

    def twice(lines: Lines) -> Lines:
        wrong = json.loads(json.dumps(lines[0])) | {"resps": [["no idea"]], "filtered_resps": ["no idea"]}
        return [lines[0] | {}, *lines[1:], wrong | {"exact_match": 0}]

    run.edit("aime24", twice)
    after = scored(run, "aime_2024")
    assert after.tasks["aime24/0"].confirmed is False
    assert ("aime24/0", "doc and resps") in noticed(after)


def test_a_problem_beyond_the_benchmark(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    before = scored(run, "gsm8k")
    run.edit("gsm8k", lambda lines: lines + [line | {"doc_id": 77} for line in lines if line["doc_id"] == 0])
    after = scored(run, "gsm8k")
    assert after.extra == ("gsm8k/77",)
    assert (after.missing, after.duplicate, after.metrics) == ((), (), before.metrics)


def test_edited_results(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    (path,) = run.folder.glob("results_*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["results"]["gsm8k"] |= {
        "exact_match,strict-match": 0.8,
        "exact_match_stderr,flexible-extract": "N/A",
    }
    del document["results"]["aime24"]["exact_match,none"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert noticed(scored(run, "gsm8k")) == {
        ("gsm8k", "exact_match,strict-match"),
        ("gsm8k", "exact_match_stderr,flexible-extract"),
    }
    assert noticed(scored(run, "aime_2024")) == {("aime24", "exact_match,none")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lm_eval_version": "0.4.9"}, "the log is of lm-eval 0.4.9, the judge is 0.4.13"),
        ({"lm_eval_version": None}, "the log is of lm-eval (not stated)"),
        ({"versions": {"gsm8k": 2.0}}, "the log is of gsm8k version 2.0, the judge's is 3.0"),
        ({"versions": {}}, "the log is of gsm8k version (not stated)"),
    ],
)
def test_another_version_decides_nothing(
    runs: dict[str, Run], tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    run = runs["scripted"].copied(tmp_path)
    (path,) = run.folder.glob("results_*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | change), encoding="utf-8")
    (limit,) = scored(run, "gsm8k").limits
    assert limit.startswith(reason)


def test_without_results_no_version_is_on_record(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    (path,) = run.folder.glob("results_*.json")
    path.unlink()
    (limit,) = scored(run, "gsm8k").limits
    assert "not on record" in limit


def test_another_number_of_examples_is_noted(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    (path,) = run.folder.glob("results_*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["n-shot"]["gsm8k"] = 8
    path.write_text(json.dumps(document), encoding="utf-8")
    assert scored(run, "gsm8k").notes == ("gsm8k: prompts with 8 examples, the benchmark's have 5",)


def test_a_filter_of_another_task_version(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["scripted"].copied(tmp_path)
    run.edit("gsm8k", lambda lines: [line | {"filter": "get-answer"} for line in lines])
    with pytest.raises(EvidenceMissingError, match="found also get-answer: another version of the task"):
        scored(run, "gsm8k")


BAD_ANSWERS: list[tuple[str, str, Any, str]] = [
    ("gsm8k", "gsm8k", [[7]], "expected answers that are text, found int"),
    ("gsm8k", "gsm8k", ["x"], "expected a list of answers to each request, found str"),
    ("gsm8k", "gsm8k", [[]], "expected a list of answers to each request, found list"),
    ("mmlu_pro", "leaderboard_mmlu_pro", [[["a lot", "True"]]], "expected answers like"),
    ("mmlu_pro", "leaderboard_mmlu_pro", [[["-1.0", "maybe"]]], "expected answers like"),
    ("mmlu_pro", "leaderboard_mmlu_pro", [["-1.0"]], "expected answers like"),
    (
        "mmlu_pro",
        "leaderboard_mmlu_pro",
        [[["-1.0", "True"]]],
        "expected a problem that the harness can judge",
    ),
]


@pytest.mark.parametrize(("name", "task", "resps", "message"), BAD_ANSWERS)
def test_answers_of_another_kind(
    runs: dict[str, Run], tmp_path: Path, name: str, task: str, resps: Any, message: str
) -> None:
    run = runs["random"].copied(tmp_path)
    run.edit(task, lambda lines: [lines[0], lines[1] | {"resps": resps}, *lines[2:]])
    with pytest.raises(DocumentError, match=f"line 2: {message}") as caught:
        scored(run, name)
    assert caught.value.pointer == "/1"


@pytest.mark.parametrize(
    ("name", "task", "doc"),
    [
        ("mmlu_pro", "leaderboard_mmlu_pro", {"question": 1}),
        ("musr", "leaderboard_musr_team_allocation", {"choices": "__import__('os').getpid()"}),
        (
            "ifeval",
            "leaderboard_ifeval",
            {"key": 1, "instruction_id_list": ["none:such"], "prompt": "", "kwargs": [{}]},
        ),
        ("gsm8k", "gsm8k", {}),
    ],
)
def test_problems_that_the_harness_cannot_judge(
    runs: dict[str, Run], tmp_path: Path, name: str, task: str, doc: dict[str, Any]
) -> None:
    run = runs["random"].copied(tmp_path)
    run.edit(task, lambda lines: [lines[0], lines[1] | {"doc": doc}, *lines[2:]])
    with pytest.raises(DocumentError, match="expected a problem that the harness can judge"):
        scored(run, name)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    name=st.sampled_from([(n, w, t) for n, w, t in ALL if n in ("gsm8k", "mmlu_pro")]),
)
def test_the_order_of_lines_does_not_matter(
    runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory, seed: int, name: tuple[str, str, str]
) -> None:
    benchmark, which, task = name
    run = runs[which].copied(tmp_path_factory.mktemp("shuffled"))
    before = scored(run, benchmark)

    def shuffle(lines: Lines) -> Lines:
        random.Random(seed).shuffle(lines)
        return lines

    run.edit(task, shuffle)
    after = scored(run, benchmark)
    assert after.metrics == before.metrics
    assert after.tasks == before.tasks
    assert after.differing == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_an_answer(
    runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory, answer: str
) -> None:
    """Whatever a model says is scored as the harness's own filters and metrics have it."""
    from lm_eval.filters.extraction import RegexFilter

    run = runs["scripted"].copied(tmp_path_factory.mktemp("text"))
    run.edit("gsm8k", each("gsm8k", lambda line: line.update(resps=[[answer]]), 0))
    result = scored(run, "gsm8k")
    found = RegexFilter(regex_pattern=r"#### (\-?[0-9\.\,]+)").apply([[answer]], [{}])
    assert result.tasks["gsm8k/0"].confirmed is (next(iter(found))[0].replace(",", "").rstrip(".") == "7")
