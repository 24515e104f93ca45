"""A card's score of a benchmark of lmms-eval, from claim to verdict."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forge.reference import logs_lmms
from forge.reference.bench import charts
from tests.unit.runners.lmms_eval_logs.conftest import Run
from verifier.alloy import parse
from verifier.claims.extract import extract
from verifier.engine import decide
from verifier.runners import registry
from verifier.runners.lmms_eval.runner import LmmsEvalRunner
from verifier.runners.model import ScoreOptions
from verifier.sources import FolderFiles
from verifier.tiers.context import Context
from verifier.verdicts import Outcome, Verdict

pytestmark = pytest.mark.usefixtures("in_process")


def judged(log: Path, name: str, score: Any, dataset: Path | None) -> Outcome:
    """Decide a claim on the score of an attested file that lies in an artifact."""
    digest = hashlib.sha256(log.read_bytes()).hexdigest()
    item = {"name": name, "score": score, "samplesPath": log.name, "resultHash": f"sha256:{digest}"}
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
        files=FolderFiles(log.parent),
        score=lambda name, path: registry.get(name).score(path, ScoreOptions(dataset=dataset)),
        parent=lambda repo: (),
        digest=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    (claim,) = (c for c in extract(alloy, "tiny") if c.id.endswith("-score"))
    return decide(claim, context)


@pytest.fixture
def chart_log(tmp_path: Path) -> tuple[Path, Path]:
    """A log of 22 solved problems, named as evidence is that is kept by its digest; and the data set."""
    samples, _ = logs_lmms.write(tmp_path, charts.answers({0: "near", 3: "wrong", 9: "wrong"}))
    (artifact := tmp_path / "artifact").mkdir()
    log = samples.rename(artifact / "0123")
    (dataset := tmp_path / charts.DATASET).write_bytes(charts.dataset())
    return log, dataset


@pytest.mark.parametrize(
    ("score", "verdict", "said"),
    [
        (91.67, Verdict.VERIFIED, "22 of 24 confirmed"),
        (91.7, Verdict.VERIFIED, "22 of 24 confirmed"),
        (95.8, Verdict.REFUTED, "claimed 95.8"),
        (83.33, Verdict.REFUTED, "claimed 83.33"),  # of the part that people wrote: not the benchmark
    ],
)
def test_a_benchmark_of_this_project_offline(
    chart_log: tuple[Path, Path], score: float, verdict: Verdict, said: str
) -> None:
    log, dataset = chart_log
    found = judged(log, "alloybench_charts", score, dataset)
    assert found.verdict is verdict, found.reason
    assert said in found.reason
    assert found.method == "alloybench_charts/lmms-eval-0.7.3"


def test_an_edited_answer_does_not_pass(chart_log: tuple[Path, Path]) -> None:
    log, dataset = chart_log
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace('"filtered_resps": "68"', '"filtered_resps": "86"'), encoding="utf-8")
    found = judged(log, "alloybench_charts", 91.67, dataset)
    assert found.verdict is Verdict.REFUTED
    (finding,) = (f for f in found.findings if f.code == "log-differs")
    assert finding.message.startswith("alloybench_charts/2: ")


def test_a_partial_log_proves_no_full_score(tmp_path: Path) -> None:
    answers = charts.answers({})
    answers.popitem()
    samples, _ = logs_lmms.write(tmp_path / "log", answers)
    (dataset := tmp_path / charts.DATASET).write_bytes(charts.dataset())
    assert judged(samples, "alloybench_charts", 100, dataset).verdict is Verdict.UNVERIFIABLE
    assert judged(samples, "alloybench_charts", 50, dataset).verdict is Verdict.REFUTED


def small(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> LmmsEvalRunner:
    """The benchmark as large as the run's dataset, under a name of its own."""
    found = replace(run.small(name), name=f"small_{name}", aliases=())
    monkeypatch.setitem(registry._loaded, found.name, found)
    return found


@pytest.mark.parametrize(
    ("name", "score", "verdict", "said"),
    [
        ("chartqa", 62.5, Verdict.VERIFIED, "5 of 8 confirmed"),
        ("chartqa", 75.0, Verdict.REFUTED, "claimed 75"),
        ("docvqa", 71.8, Verdict.VERIFIED, "anls over 6 of 6 problems"),
        ("docvqa", 33.3, Verdict.REFUTED, "claimed 33.3"),
        ("ai2d", 80.0, Verdict.VERIFIED, "4 of 5 confirmed"),
        ("mmmu", 60.0, Verdict.NOT_CHECKED, "2 undecided"),
        ("mmmu", 80.0, Verdict.REFUTED, "claimed 80"),
    ],
)
def test_a_claim_with_the_dataset_at_hand(
    runs: dict[str, Run],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    score: float,
    verdict: Verdict,
    said: str,
) -> None:
    run = runs["scripted"]
    runner = small(run, name, monkeypatch)
    found = judged(run.log(runner.task), runner.name, score, run.datasets[runner.task])
    assert found.verdict is verdict, found.reason
    assert said in found.reason
    # Without the dataset no claim is decided, right or wrong.
    assert judged(run.log(runner.task), runner.name, score, None).verdict is Verdict.NOT_CHECKED


def test_values_of_another_release_are_no_refutation(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A log names no release: where its values are not the judge's, an honest card may be of another one."""
    run = runs["scripted"].copied(tmp_path)
    run.edit("chartqa", lambda lines: [line | {"relaxed_overall": 1.0} for line in lines])
    runner = small(run, "chartqa", monkeypatch)
    for score in (100.0, 62.5):
        found = judged(run.log("chartqa"), runner.name, score, run.datasets["chartqa"])
        assert found.verdict is Verdict.NOT_CHECKED
        assert "it may be of another one" in found.reason
        assert any(f.code == "log-differs" for f in found.findings)
