"""A card's score of a benchmark of lm-eval, from claim to verdict."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runners.lm_eval_logs.conftest import Run
from verifier.alloy import parse
from verifier.claims.extract import extract
from verifier.engine import decide
from verifier.runners import registry
from verifier.runners.lm_eval import dataset, log
from verifier.runners.lm_eval.runner import LmEvalRunner
from verifier.sources import FolderFiles
from verifier.tiers.context import Context
from verifier.verdicts import Outcome, Verdict

pytestmark = pytest.mark.usefixtures("in_process")


def pinned(run: Run, name: str) -> LmEvalRunner:
    """The benchmark as large as the run's datasets, which are pinned as the published ones would be."""
    small = run.small(name)
    docs = {
        t.name: {str(x["doc_id"]): log.doc_digest(x["doc"]) for x in run.lines(t.name)} for t in small.tasks
    }
    tasks = tuple(replace(task, docs_sha256=dataset.digest(docs[task.name])) for task in small.tasks)
    return replace(small, name=f"small_{name}", aliases=(), tasks=tasks)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Outcome]:
    """Decide a claim on the score of a file that lies in an artifact with its whole run."""

    def decided(run: Run, runner: LmEvalRunner, file: Path, score: Any, *, attested: bool = True) -> Outcome:
        monkeypatch.setitem(registry._loaded, runner.name, runner)
        artifact = tmp_path / "artifact"
        shutil.copytree(run.folder, artifact, dirs_exist_ok=True)
        item = {"name": runner.name, "score": score, "samplesPath": file.name}
        if attested:
            item["resultHash"] = "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
        alloy = parse(
            json.dumps(
                {
                    "name": "tiny",
                    "source": {"baseModel": "a/b", "architecture": "llama"},
                    "stages": [],
                    "results": {"benchmarks": [item]},
                }
            ).encode()
        )
        context = Context(
            alloy=alloy,
            files=FolderFiles(artifact),
            score=lambda name, path: registry.get(name).score(path),
            parent=lambda repo: (),
            digest=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        (claim,) = (c for c in extract(alloy, "tiny") if c.id.endswith("-score"))
        return decide(claim, context)

    return decided


@pytest.mark.parametrize(
    ("name", "task", "score", "verdict", "said"),
    [
        ("aime_2024", "aime24", 66.7, Verdict.VERIFIED, "2 of 3 confirmed"),
        ("aime_2024", "aime24", 67.7, Verdict.REFUTED, "claimed 67.7"),
        ("gsm8k", "gsm8k", 40.0, Verdict.VERIFIED, "2 of 5 confirmed"),
        ("gsm8k", "gsm8k", 60.0, Verdict.VERIFIED, "exact_match through filter flexible-extract: 60"),
        ("gsm8k", "gsm8k", 80.0, Verdict.REFUTED, "claimed 80"),
        (
            "ifeval",
            "leaderboard_ifeval",
            83.33,
            Verdict.VERIFIED,
            "inst_level_strict_acc through filter none",
        ),
    ],
)
def test_a_claim_and_a_log(
    runs: dict[str, Run],
    judged: Callable[..., Outcome],
    name: str,
    task: str,
    score: float,
    verdict: Verdict,
    said: str,
) -> None:
    run = runs["scripted"]
    found = judged(run, pinned(run, name), run.log(task), score)
    assert found.verdict is verdict, found.reason
    assert said in found.reason
    assert found.method.startswith(f"small_{name}/lm-eval-0.4.13")


def test_problems_of_another_dataset(runs: dict[str, Run], judged: Callable[..., Outcome]) -> None:
    run = runs["scripted"]
    runner = pinned(run, "aime_2024")
    other = replace(runner, tasks=(replace(runner.tasks[0], docs_sha256="0" * 64),))
    for score in (66.7, 10.0):
        found = judged(run, other, run.log("aime24"), score)
        assert found.verdict is Verdict.NOT_CHECKED
        assert "the problems of aime24 are not those of the pinned dataset" in found.reason


def test_no_dataset_at_hand(runs: dict[str, Run], judged: Callable[..., Outcome]) -> None:
    run = runs["scripted"]
    small = replace(run.small("aime_2024"), name="small_aime", aliases=())
    found = judged(run, small, run.log("aime24"), 66.7)
    assert found.verdict is Verdict.NOT_CHECKED
    assert "were not compared with the dataset" in found.reason


def test_a_partial_log_proves_no_full_score(
    runs: dict[str, Run], judged: Callable[..., Outcome], tmp_path: Path
) -> None:
    run = runs["scripted"].copied(tmp_path)
    whole = pinned(run, "aime_2024")
    larger = replace(whole, tasks=(replace(whole.tasks[0], size=4),))
    assert judged(run, larger, run.log("aime24"), 75.0).verdict is Verdict.UNVERIFIABLE
    assert judged(run, larger, run.log("aime24"), 90.0).verdict is Verdict.REFUTED


def test_a_log_of_another_task(runs: dict[str, Run], judged: Callable[..., Outcome]) -> None:
    run = runs["scripted"]
    found = judged(run, pinned(run, "aime_2024"), run.log("gsm8k"), 40.0)
    assert found.verdict is Verdict.NOT_CHECKED
    assert "found those of gsm8k; another task gives another score" in found.reason


def test_logs_beside_an_attested_file_prove_nothing(
    runs: dict[str, Run], judged: Callable[..., Outcome]
) -> None:
    run = runs["scripted"]
    (results,) = run.folder.glob("results_*.json")
    runner = pinned(run, "math_hard")
    assert judged(run, runner, results, 66.67).verdict is Verdict.NOT_CHECKED
    assert judged(run, runner, results, 66.67, attested=False).verdict is Verdict.VERIFIED


def test_an_edited_metric_is_a_finding(
    runs: dict[str, Run], judged: Callable[..., Outcome], tmp_path: Path
) -> None:
    run = runs["scripted"].copied(tmp_path)
    runner = pinned(run, "aime_2024")
    run.edit("aime24", lambda lines: [line | {"exact_match": 1} for line in lines])
    found = judged(run, runner, run.log("aime24"), 100.0)
    assert found.verdict is Verdict.REFUTED
    (finding,) = (f for f in found.findings if f.code == "log-differs")
    assert finding.message.startswith("aime24/2: the log contradicts its own samples in 1 place(s)")
