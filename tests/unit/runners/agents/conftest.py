"""A run of SWE-bench in the official format, with reports and summary by swebench itself."""

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

from verifier.runners.agents.swe_runner import SWE_BENCH_VERIFIED, SweBenchRunner
from verifier.runners.model import ScoreOptions, ScoreResult

HERE = Path(__file__).parent
UTIL = "tests/test_util.py::"
SLUG = "app.tests.test_text.SlugTests."


def django(test: str) -> str:
    return f"{test} ({SLUG}{test})"


# Instance: which text its tests print, tests to mend, tests to keep.
INSTANCES: dict[str, tuple[str | None, list[str], list[str]]] = {
    "pytest-dev__pytest-1001": ("pytest", [f"{UTIL}test_joins"], [f"{UTIL}test_words[x"]),
    "pytest-dev__pytest-1002": ("pytest", [f"{UTIL}test_joins", f"{UTIL}test_broken"], [f"{UTIL}test_known"]),
    "django__django-2001": ("django", [django("test_unicode")], ["Words are joined by hyphens."]),
    "django__django-2002": ("django", [django("test_unicode")], [django("test_error")]),
    "astropy__astropy-3001": ("pytest", [f"{UTIL}test_words[log(photon"], [f"{UTIL}test_words[x y]"]),
    "pallets__flask-4001": (None, [f"{UTIL}test_joins"], []),
    "psf__requests-5001": ("cut", [f"{UTIL}test_joins"], []),
    "pylint-dev__pylint-6001": (None, [f"{UTIL}test_joins"], []),
}
RESOLVED = {"pytest-dev__pytest-1001", "django__django-2001", "astropy__astropy-3001"}


def output(text: str) -> str:
    """What the evaluation script of swebench 5 prints around the tests' own output."""
    code = 1 if "FAILED" in text else 0
    return (
        "+ source /opt/miniconda3/bin/activate\n+ git status\nOn branch main\n"
        "+ : '>>>>> Start Test Output'\n+ run the tests\n"
        f"{text}"
        "+ SWEBENCH_TEST_EXIT_CODE=1\n+ : '>>>>> End Test Output'\n"
        f">>>>> Test Exit Code: {code}\n+ git checkout abc tests/test_util.py\nUpdated 1 path from abc\n"
    )


@dataclass(frozen=True)
class Evaluation:
    """A run's folder."""

    root: Path

    @property
    def dataset(self) -> Path:
        return self.root / "dataset.jsonl"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def runner(self) -> SweBenchRunner:
        """The benchmark as small as this dataset."""
        return replace(SWE_BENCH_VERIFIED, size=len(INSTANCES))

    def folder(self, name: str) -> Path:
        return self.run / "logs/run_evaluation/run1/model" / name

    def score(self, *, dataset: bool = True) -> ScoreResult:
        return self.runner.score(self.run, ScoreOptions(dataset=self.dataset if dataset else None))

    def copied(self, to: Path) -> "Evaluation":
        return Evaluation(Path(shutil.copytree(self.root, to / "copy", symlinks=True)))

    def edit_json(self, path: Path, change: Callable[[Any], Any]) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(change(found) or found), encoding="utf-8")


def _write(root: Path) -> None:
    run = root / "run"
    rows, predictions = [], []
    for name, (kind, mend, keep) in INSTANCES.items():
        patch = "" if name.startswith("pylint") else f"diff --git a/{name}.py b/{name}.py\n+x = '{name} ü'\n"
        rows.append(
            {
                "instance_id": name,
                "repo": name.rpartition("-")[0].replace("__", "/", 1),
                "version": "1.0",
                "patch": "diff --git a/gold.py b/gold.py\n",
                "FAIL_TO_PASS": json.dumps(mend),
                "PASS_TO_PASS": json.dumps(keep),
            }
        )
        predictions.append({"instance_id": name, "model_name_or_path": "model", "model_patch": patch})
        if not patch:
            continue
        folder = run / "logs/run_evaluation/run1/model" / name
        folder.mkdir(parents=True)
        (folder / "patch.diff").write_text(patch, encoding="utf-8")
        if kind is None:
            said = "EvaluationError: >>>>> Patch Apply Failed:\npatching file x.py\nHunk #1 FAILED at 1.\n"
            (folder / "run_instance.log").write_text(said, encoding="utf-8")
            continue
        text = (HERE / "texts" / f"{'pytest' if kind == 'cut' else kind}.txt").read_text(encoding="utf-8")
        whole = output(text)
        if kind == "cut":
            whole = whole.partition("+ SWEBENCH")[0] + "\n\nTimeout error: 1800 seconds exceeded."
        (folder / "test_output.txt").write_text(whole, encoding="utf-8")
    for path, lines in ((root / "dataset.jsonl", rows), (run / "predictions.jsonl", predictions)):
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    for name in ("swebench", "unidiff"):
        pytest.importorskip(name, reason="needs the extra [swebench] and swebench 5.0.2")
    root = tmp_path_factory.mktemp("swe")
    _write(root)
    (root / "run" / "dataset.jsonl").write_bytes((root / "dataset.jsonl").read_bytes())
    done = subprocess.run(
        [sys.executable, str(HERE / "swe_oracle.py")],
        cwd=root / "run",
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (root / "run" / "dataset.jsonl").unlink()
    return Evaluation(root)
