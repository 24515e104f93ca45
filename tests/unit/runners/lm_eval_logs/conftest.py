"""One real run of the harness for all tests of this folder, and benchmarks as small as its datasets."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from verifier.runners.lm_eval import rescore, runner
from verifier.runners.lm_eval.declared import RUNNERS
from verifier.runners.lm_eval.runner import LmEvalRunner

ROOT = Path(__file__).parents[4]
NEEDED = ("lm_eval", "torch", "transformers", "langdetect", "immutabledict", "math_verify", "llama_index")


@dataclass(frozen=True)
class Run:
    """A run that the harness wrote: its folder, its results, and all of its problems as a dataset file."""

    folder: Path
    results: dict[str, Any]
    dataset: Path

    def log(self, task: str) -> Path:
        (found,) = self.folder.glob(f"samples_{task}_2*.jsonl")
        return found

    def lines(self, task: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log(task).read_text(encoding="utf-8").splitlines()]

    def small(self, name: str) -> LmEvalRunner:
        """The benchmark as large as this run's datasets, so that the run is a full one."""
        whole = RUNNERS[name]
        sizes = {task: n["original"] for task, n in self.results["n-samples"].items()}
        return replace(whole, tasks=tuple(replace(task, size=sizes[task.name]) for task in whole.tasks))

    def copied(self, folder: Path) -> "Run":
        """A copy to edit."""
        copy = Path(shutil.copytree(self.folder, folder / "copy"))
        return Run(copy, self.results, self.dataset)

    def edit(self, task: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        changed = change(self.lines(task))
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in changed)
        self.log(task).write_text(text, encoding="utf-8")


def _opened(folder: Path) -> Run:
    (results,) = folder.glob("*/results_*.json")
    dataset = folder / "dataset.jsonl"
    run = Run(results.parent, json.loads(results.read_text(encoding="utf-8")), dataset)
    rows = [
        {"task": task, "doc_id": line["doc_id"], "doc": line["doc"]}
        for task in run.results["n-samples"]
        for line in run.lines(task)
    ]
    dataset.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    for name in NEEDED:
        pytest.importorskip(name, reason="needs the extras [lm-eval] and [forge]", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("harness")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runners.lm_eval_logs.harness_run", str(folder)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {which: _opened(folder / which) for which in ("random", "scripted")}


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score in this process: what the worker does, without starting one for each of many tests."""
    monkeypatch.setattr(runner, "ask", lambda entry, request, tell: rescore.run(request, tell))
