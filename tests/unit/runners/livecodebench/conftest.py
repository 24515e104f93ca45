"""One real run of the harness for all tests of this folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.drills.drillbench import require_sandbox
from tests.unit.runners.livecodebench import contest_problems as contest
from verifier.runners.livecodebench import judges
from verifier.runners.livecodebench.runner import LIVECODEBENCH_V6
from verifier.runners.model import ScoreOptions, ScoreResult

ROOT = Path(__file__).parents[4]
SECONDS = 2
"""Time limit of one test case in these tests; the harness is given the same."""

Score = Callable[..., ScoreResult]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the harness wrote.

    Attributes:
        dataset: the problems.
        one, three: logs (``…_eval_all.json``) of one and of three programs a problem; grades lie beside them.
    """

    dataset: Path
    one: Path
    three: Path

    def log(self, path: Path) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def grades(self, path: Path) -> list[Any]:
        found: list[Any] = json.loads(grades_of(path).read_text(encoding="utf-8"))
        return found


def grades_of(log: Path) -> Path:
    return log.with_name(log.name.replace("_eval_all.json", "_eval.json"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    for package in ("livecodebench", "datasets"):
        pytest.importorskip(package, reason="needs the extra [livecodebench], the harness and datasets")
    folder = tmp_path_factory.mktemp("contest")
    dataset = contest.write_dataset(folder / "test6.jsonl")
    # Of each problem another one of its programs, so that one program a problem fails in every way, too.
    single = {
        question: [codes[number % 3]] for number, (question, codes) in enumerate(contest.PROGRAMS.items())
    }
    files = {"one": contest.custom(single), "three": contest.custom(contest.PROGRAMS)}
    paths = [contest.write(folder / f"{name}.json", found) for name, found in files.items()]
    command = [
        sys.executable,
        "-P",
        Path(__file__).with_name("harness_run.py"),
        dataset,
        str(SECONDS),
        *paths,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HOME": str(folder)})
    if done.returncode:
        raise RuntimeError(f"the harness failed: {done.stderr[-3000:]}")
    one, three = (folder / f"{name}_codegeneration_output_eval_all.json" for name in files)
    return Run(dataset=dataset, one=one, three=three)


@pytest.fixture(scope="session")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """Score a log; each program is executed once in all tests. The benchmark is as large as the dataset."""
    require_sandbox()
    cache = tmp_path_factory.mktemp("kept")
    small = replace(LIVECODEBENCH_V6, size=len(contest.PROBLEMS))

    def scored(samples: Path, dataset: Path, **changes: Any) -> ScoreResult:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(judges, "TIMEOUT", SECONDS)
            return small.score(samples, ScoreOptions(dataset=dataset, jobs=2, cache_dir=cache, **changes))

    return scored
