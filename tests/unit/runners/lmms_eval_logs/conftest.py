"""One real run of lmms-eval for all tests of this folder, and benchmarks as small as its datasets."""

import ast
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

from forge.reference.bench import charts
from tests.unit.runners.lmms_eval_logs import rows
from verifier.runners.lmms_eval import identity, rescore, runner
from verifier.runners.lmms_eval.declared import RUNNERS
from verifier.runners.lmms_eval.runner import LmmsEvalRunner

ROOT = Path(__file__).parents[4]
NEEDED = ("torch", "transformers", "accelerate", "datasets", "evaluate", "sacrebleu", "PIL")


@dataclass(frozen=True)
class Run:
    """A run that the harness wrote.

    Attributes:
        folder: of its files.
        results: its own account.
        datasets: the problems, as files by task.
        parts: what MMMU's aggregation printed.
    """

    folder: Path
    results: dict[str, Any]
    datasets: dict[str, Path]
    parts: dict[str, dict[str, Any]]

    def log(self, task: str) -> Path:
        (found,) = self.folder.glob(f"*_samples_{task}.jsonl")
        return found

    def lines(self, task: str) -> list[dict[str, Any]]:
        text = self.log(task).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line]

    def small(self, name: str) -> LmmsEvalRunner:
        """The benchmark as large as this run's dataset, so that the run is a full one."""
        whole = RUNNERS[name]
        return replace(whole, size=self.results["n-samples"][whole.task]["original"])

    def copied(self, folder: Path) -> "Run":
        """A copy to edit."""
        return replace(self, folder=Path(shutil.copytree(self.folder, folder / "copy")))

    def edit(self, task: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        changed = change(self.lines(task))
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in changed)
        self.log(task).write_text(text, encoding="utf-8")

    def edit_results(self, change: Callable[[dict[str, Any]], None]) -> None:
        (file,) = self.folder.glob("*_results.json")
        document = json.loads(file.read_text(encoding="utf-8"))
        change(document)
        file.write_text(json.dumps(document), encoding="utf-8")


def _datasets(folder: Path) -> dict[str, Path]:
    found = {}
    for task, (_, problems) in rows.rows().items():
        found[task] = folder / f"{task}.jsonl"
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in problems)
        found[task].write_text(text, encoding="utf-8")
    found[charts.TASK] = folder / charts.DATASET
    found[charts.TASK].write_bytes(charts.dataset())
    return found


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    needs_harness()
    for name in NEEDED:
        pytest.importorskip(name, reason=f"the harness itself needs {name}", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("lmms")
    (definitions := folder / "definitions").mkdir()
    shutil.copy(identity.OWN / charts.TASK / f"{charts.TASK}.yaml", definitions)
    datasets = _datasets(definitions)
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runners.lmms_eval_logs.harness_run", folder, definitions],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed = [ast.literal_eval(x) for x in done.stdout.splitlines() if x.startswith("{'Overall-Art")]
    return {
        which: _opened(folder / which, datasets, parts)
        for which, parts in zip(("scripted", "command", "random"), printed, strict=True)
    }


def _opened(folder: Path, datasets: dict[str, Path], parts: dict[str, dict[str, Any]]) -> Run:
    (results,) = folder.glob("*/*_results.json")
    return Run(results.parent, json.loads(results.read_text(encoding="utf-8")), datasets, parts)


def needs_harness() -> None:
    """Skip where the benchmarks themselves are not available."""
    if reason := identity.missing():
        pytest.skip(f"needs lmms-eval and the extra [lmms-eval]: {reason}")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score in this process: what the worker does, without starting one for each of many tests."""
    needs_harness()
    monkeypatch.setattr(runner, "ask", lambda entry, request, tell: rescore.run(request, tell))
