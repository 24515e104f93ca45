"""One real run of lmms-eval for all tests of this folder, and benchmarks as small as its datasets."""

import functools
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

from tests.unit.runners.audio import spoken
from verifier.runners.audio.declared import RUNNERS
from verifier.runners.audio.runner import AudioRunner
from verifier.runners.model import ScoreOptions, ScoreResult

ROOT = Path(__file__).parents[4]
PARTS = {
    "librispeech_test_clean": "librispeech_test_clean",
    "librispeech_test_other": "librispeech_test_other",
    "covost2_en_zh": "covost2_en_zh_test",
    "covost2_zh_en": "covost2_zh_en_test",
}
"""Benchmark -> the harness's task."""
Line = dict[str, Any]


def need(*packages: str) -> None:
    for name in ("lmms_eval", "jiwer", "sacrebleu", "editdistance", *packages):
        pytest.importorskip(name, reason="needs the extra [audio] and lmms-eval 0.7.3", exc_type=ImportError)


def small(name: str) -> AudioRunner:
    """The benchmark as large as this folder's datasets."""
    whole = RUNNERS[name]
    assert isinstance(whole, AudioRunner)
    parts = tuple(replace(part, size=len(spoken.pairs(part.name))) for part in whole.parts)
    return replace(whole, parts=parts)


def write(path: Path, lines: list[Line]) -> Path:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def plain(name: str, **more: Any) -> list[Line]:
    """A benchmark's utterances in plain lines."""
    return [
        {"id": f"utterance {i}", "reference": gt, "prediction": pred} | more
        for i, (gt, pred) in enumerate(spoken.pairs(PARTS[name]))
    ]


@dataclass(frozen=True)
class Run:
    """A run that the harness wrote, and all of its references as a dataset file."""

    folder: Path
    dataset: Path
    edited: bool = False

    @property
    def results(self) -> Path:
        (found,) = self.folder.glob("*_results.json")
        return found

    def log(self, task: str) -> Path:
        (found,) = self.folder.glob(f"*_samples_{task}.jsonl")
        return found

    def lines(self, task: str) -> list[Line]:
        return [json.loads(line) for line in self.log(task).read_text(encoding="utf-8").splitlines()]

    def edit(self, task: str, change: Callable[[list[Line]], list[Line] | None]) -> None:
        lines = self.lines(task)
        write(self.log(task), change(lines) or lines)

    def score(self, name: str, *, dataset: bool = True) -> ScoreResult:
        if not self.edited:
            return _whole(self.folder, name, self.dataset if dataset else None)
        return small(name).score(self.folder, ScoreOptions(dataset=self.dataset if dataset else None))

    def copied(self, to: Path) -> "Run":
        return Run(Path(shutil.copytree(self.folder, to / "copy")), self.dataset, edited=True)


@functools.cache
def _whole(folder: Path, name: str, dataset: Path | None) -> ScoreResult:
    """The score of the run as it is; many tests compare with it."""
    return small(name).score(folder, ScoreOptions(dataset=dataset))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    need("torch", "transformers", "datasets")
    folder = tmp_path_factory.mktemp("audio")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runners.audio.audio_harness_run", str(folder / "run")],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (where,) = (folder / "run").iterdir()
    references = [
        {"id": i, "reference": gt, "part": task}
        for task in PARTS.values()
        for i, (gt, _) in enumerate(spoken.pairs(task))
    ]
    return Run(where, write(folder / "dataset.jsonl", references))
