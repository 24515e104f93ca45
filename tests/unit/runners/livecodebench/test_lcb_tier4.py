"""A card's score of LiveCodeBench, from claim to verdict: undecided without a pinned dataset."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.runners.livecodebench import contest_problems as contest
from tests.unit.runners.livecodebench.conftest import Run, Score
from verifier.alloy import parse
from verifier.claims.extract import extract
from verifier.cli_score import document, sentence
from verifier.engine import decide
from verifier.runners.livecodebench.runner import LIVECODEBENCH_V6
from verifier.runners.model import ScoreResult
from verifier.sources import FolderFiles
from verifier.tiers.context import Context
from verifier.verdicts import Outcome, Verdict


def decided(artifact: Path, score: float, result: "ScoreResult | None") -> Outcome:
    """Decide a claim on the score of ``samples.json``; without a result, as if only the log were at hand."""
    file = artifact / "samples.json"
    item = {
        "name": "LiveCodeBench v6",
        "score": score,
        "samplesPath": file.name,
        "resultHash": "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    text = {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": {"benchmarks": [item]},
    }
    alloy = parse(json.dumps(text).encode())
    context = Context(
        alloy=alloy,
        files=FolderFiles(artifact),
        score=lambda _, path: LIVECODEBENCH_V6.score(path) if result is None else result,
        parent=lambda repo: (),
        digest=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    (claim,) = (claim for claim in extract(alloy, "tiny") if claim.id.endswith("-score"))
    return decide(claim, context)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    codes = {question: codes[:1] for question, codes in contest.PROGRAMS.items()}
    return contest.write(tmp_path / "samples.json", contest.custom(codes))


def test_without_the_problems_a_claim_is_not_checked(right: Path) -> None:
    pytest.importorskip("livecodebench", reason="needs the harness")
    found = decided(right.parent, 100.0, None)
    assert found.verdict is Verdict.NOT_CHECKED
    assert "expected the problems of release_v6, found none" in found.reason
    assert "--dataset" in found.reason


@pytest.mark.parametrize("claimed", [100.0, 3.5])
def test_problems_that_nobody_pinned_decide_nothing(
    run: Run, score: Score, right: Path, claimed: float
) -> None:
    result = score(right, run.dataset)
    found = decided(right.parent, claimed, result)
    assert found.verdict is Verdict.NOT_CHECKED
    assert found.found == 100.0
    assert "no digest of release_v6 is pinned" in found.reason


def test_what_is_said_of_a_score(run: Run, score: Score, right: Path) -> None:
    result = score(right, run.dataset)
    said = sentence(result)
    assert said.startswith("livecodebench_v6: 14 of 14 problems confirmed, pass@1 100.0; warning: no digest")
    told = json.loads(json.dumps(document(result)))
    assert told["metrics"][0]["name"] == "pass@1"
    assert told["judge"]["limits"]["testSeconds"] > 0
    partial = replace(result, tasks=dict(list(result.tasks.items())[1:]), missing=("1873_A",))
    assert "answers 13 of 14 problems, so there is no pass@1" in sentence(partial)
