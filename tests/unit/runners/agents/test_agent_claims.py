"""What a card's claim of resolved instances becomes; and that grading needs no Docker, torch or network."""

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.runners.agents.conftest import INSTANCES, Evaluation
from verifier.claims.model import Claim
from verifier.runners.model import ScoreOptions, ScoreResult
from verifier.tiers.scores import compare
from verifier.verdicts import Outcome, Tier, Verdict

ROOT = Path(__file__).parents[4]


def decided(score: float, result: ScoreResult) -> Outcome:
    claim = Claim(
        id="tiny-score",
        tier=Tier(4),
        kind="score",
        pointer="/results/benchmarks/0/score",
        expected=Decimal(str(score)),
        statement="a score",
    )
    return compare(claim, result)


def test_a_whole_run_with_the_dataset(evaluation: Evaluation) -> None:
    result = evaluation.score()
    assert decided(37.5, result).verdict is Verdict.VERIFIED
    outcome = decided(50.0, result)
    assert outcome.verdict is Verdict.REFUTED
    assert "3 of 8 confirmed" in outcome.reason


def test_a_whole_run_without_the_dataset(evaluation: Evaluation) -> None:
    result = evaluation.score(dataset=False)
    for score in (37.5, 50.0):
        assert decided(score, result).verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("name", ["model.run1.json", "predictions.jsonl"])
def test_a_publishers_word_decides_nothing(evaluation: Evaluation, name: str) -> None:
    result = evaluation.runner.score(evaluation.run / name, ScoreOptions(dataset=evaluation.dataset))
    assert decided(37.5, result).verdict is Verdict.NOT_CHECKED


def test_a_log_that_is_not_there_leaves_both_open(evaluation: Evaluation, tmp_path: Path) -> None:
    run = evaluation.copied(tmp_path)
    (run.folder("pytest-dev__pytest-1001") / "test_output.txt").unlink()
    result = run.score()
    for score in (25.0, 37.5):
        assert decided(score, result).verdict is Verdict.NOT_CHECKED
    assert decided(62.5, result).verdict is Verdict.REFUTED


def test_an_incomplete_run_proves_no_score(evaluation: Evaluation) -> None:
    result = replace(evaluation.runner, size=len(INSTANCES) + 4).score(
        evaluation.run, ScoreOptions(dataset=evaluation.dataset)
    )
    assert result.value() is None
    assert decided(25.0, result).verdict is Verdict.NOT_CHECKED  # the dataset has another size


_BLOCKED = """
import json, socket, sys
from verifier.runners.child import worker
worker.harden()
from verifier.runners.agents import swe_grade
found = swe_grade.run(json.loads(sys.argv[1]), lambda done: None)
assert [one["resolved"] for one in found["instances"].values()] == [True], found
for name in ("torch", "datasets", "docker", "modal", "requests"):
    assert name not in sys.modules, name
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except PermissionError:
    print("refused")
"""


def test_neither_docker_nor_torch_nor_a_network(evaluation: Evaluation) -> None:
    name = "django__django-2001"
    folder = str(evaluation.folder(name))
    request = {
        "root": str(evaluation.run),
        "instances": [{"id": name, "folder": folder, "predicted": False, "patch": None}],
        "dataset": str(evaluation.dataset),
    }
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, json.dumps(request)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr[-2000:]


_ENDLESS = """
import json, sys
from verifier.runners.agents import swe_grade
swe_grade.PARSE_SECONDS = 0.5
found = swe_grade.run(json.loads(sys.argv[1]), lambda done: None)
print(found["instances"]["sympy__sympy-1"]["note"])
"""


def test_a_log_that_takes_for_ever_is_undecided(evaluation: Evaluation, tmp_path: Path) -> None:
    """Sympy's pattern needs time in the square of a line that no test prints."""
    folder = tmp_path / "sympy__sympy-1"
    folder.mkdir()
    text = f">>>>> Start Test Output\n{'_ ' * 200_000}\n>>>>> End Test Output\n"
    (folder / "test_output.txt").write_text(text, encoding="utf-8")
    row = {"instance_id": folder.name, "repo": "sympy/sympy", "FAIL_TO_PASS": ["a"], "PASS_TO_PASS": []}
    (tmp_path / "dataset.jsonl").write_text(json.dumps(row), encoding="utf-8")
    wanted = {"id": folder.name, "folder": str(folder), "predicted": False, "patch": None}
    request = {"root": str(tmp_path), "instances": [wanted], "dataset": str(tmp_path / "dataset.jsonl")}
    done = subprocess.run(
        [sys.executable, "-c", _ENDLESS, json.dumps(request)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "the harness did not parse test_output.txt in 0.5 s", done.stderr[-2000:]
