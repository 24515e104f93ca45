"""``alloy score --against``: two samples files of one benchmark, judged for real and compared."""

import json

import pytest

from tests.unit.cli.test_catalog import reference_samples, run
from verifier.cli_score import document, whole_document
from verifier.report.score import precision
from verifier.runners import registry
from verifier.runners.model import Metric, ScoreResult, TaskResult
from verifier.runners.statistics import mcnemar, smallest_difference, wilson


@pytest.fixture
def broken(tmp_path):
    """The reference samples with their first eight solutions made useless, and these problems' ids."""
    lines = [json.loads(line) for line in reference_samples().read_bytes().splitlines()]
    for line in lines[:8]:
        line.pop("completion", None)
        line["solution"] = f"# {line['task_id']}: no idea, and no code for this problem at all, sorry\n"
    path = tmp_path / "broken.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path, [line["task_id"] for line in lines[:8]]


def test_flips_both_ways_with_the_test_and_both_intervals(capsys, tmp_path, broken):
    if reason := registry.get("alloybench").unavailable():
        pytest.skip(reason)
    other, spoilt = broken
    out_file = tmp_path / "out.json"
    argv = ("--benchmark", "alloybench", "--offline", "--json", out_file)
    code, out, _ = run(capsys, "score", reference_samples(), "--against", other, *argv)
    assert code == 0
    score = json.loads(out_file.read_text())
    solved = {task for task, status in score["tasks"].items() if status["confirmed"]}
    kept = {task for task, status in score["against"]["tasks"].items() if status["confirmed"]}
    assert kept == solved - set(spoilt)
    found = score["comparison"]
    assert set(found["onlyFirst"]) == solved & set(spoilt)
    assert found["onlySecond"] == []
    assert found["p"] == pytest.approx(mcnemar(len(found["onlyFirst"]), 0), rel=1e-5)
    assert found["problems"] == score["total"]
    for one in (score, score["against"]):
        expected = wilson(one["passed"], one["total"])
        assert (one["interval"]["low"], one["interval"]["high"]) == pytest.approx(
            (expected.low, expected.high), abs=1e-6
        )
    assert f"only SAMPLES solves {len(found['onlyFirst'])}: {found['onlyFirst'][0]}" in out
    assert "only AGAINST solves 0: none" in out
    assert out.count("95 % interval of pass@1") == 2


def test_the_same_file_twice_is_noted(capsys):
    if reason := registry.get("alloybench").unavailable():
        pytest.skip(reason)
    same = reference_samples()
    code, out, err = run(
        capsys, "score", same, "--against", same, "--benchmark", "alloybench", "--offline", "--json", "-"
    )
    score = json.loads(out)
    assert code == 0
    assert ("samples-identical", "warning") in [(r["code"], r["severity"]) for r in score["remarks"]]
    assert score["comparison"]["p"] == 1.0
    assert "warning: SAMPLES and AGAINST: both have the same samples" in err


def test_a_file_to_compare_with_that_does_not_exist(capsys, tmp_path):
    code, _, err = run(
        capsys,
        "score",
        reference_samples(),
        "--against",
        tmp_path / "none.jsonl",
        "--benchmark",
        "alloybench",
        "--offline",
    )
    assert code == 2
    assert "none.jsonl" in err


def of_a_harness(stderr):
    tasks = {
        f"gsm8k/{i}": TaskResult(official="pass" if i else "fail", isolated=None, confirmed=i > 0)
        for i in range(10)
    }
    metric = Metric(name="wer", filter="none", value=12.5, stderr=stderr, n=10, task="t", full=100.0)
    return ScoreResult(benchmark="b", judge={}, tasks=tasks, total=10, metrics=(metric,), headline=metric)


def test_every_benchmark_has_its_interval():
    plain = ScoreResult(benchmark="b", judge={}, tasks=of_a_harness(None).tasks, total=10)
    found = document(plain)["interval"]
    assert (found["n"], found["method"], found["metric"]) == (10, "wilson", "pass@1")
    assert found["smallestDifference"] == pytest.approx(smallest_difference(10, 0.9), abs=1e-6)
    headline = document(of_a_harness(1.0))["interval"]
    assert (headline["method"], headline["metric"], headline["smallestDifference"]) == (
        "stderr",
        "wer,none",
        None,
    )
    assert "95 % interval of wer,none: 10.54 to 14.46" in precision(of_a_harness(1.0))
    part = ScoreResult(benchmark="b", judge={}, tasks=plain.tasks, total=11, missing=("gsm8k/10",))
    assert "95 % interval of the share solved of those decided: 59.59 to 98.21;" in precision(part)
    assert document(of_a_harness(None))["interval"] is None
    assert precision(of_a_harness(None)) == ""


def test_files_without_a_common_problem_cannot_be_compared():
    one = of_a_harness(None)
    tasks = {f"other/{task}": status for task, status in one.tasks.items()}
    other = ScoreResult(benchmark="b", judge={}, tasks=tasks, total=10)
    assert whole_document([one, other])["comparison"] is None
