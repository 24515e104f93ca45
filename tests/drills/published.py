"""Published datasets and samples for the drills, from the folder that ``ALLOY_MIRROR`` names."""

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drills.drillbench import require_sandbox
from verifier.runners import registry
from verifier.runners.model import ScoreOptions, ScoreResult, TaskResult
from verifier.runners.problems import Problem, load_problems

BENCHMARKS = ("humaneval_plus", "mbpp_plus")
KIND = {"humaneval_plus": "humaneval", "mbpp_plus": "mbpp"}


def mirror() -> Path:
    """Return the mirror's folder, or skip the test and say what is missing (the sandbox included)."""
    named = os.environ.get("ALLOY_MIRROR")
    if not named:
        pytest.skip("needs published datasets and samples: set ALLOY_MIRROR to a folder that has them")
    folder = Path(named)
    if not (folder / "datasets").is_dir():
        pytest.skip(f"needs published datasets: {folder} (ALLOY_MIRROR) has no folder datasets/")
    require_sandbox()
    return folder


def dataset(benchmark: str) -> Path:
    """Return the pinned dataset of a benchmark, or skip the test."""
    path = mirror() / "datasets" / registry.get(benchmark).dataset.filename
    if not path.is_file():
        pytest.skip(f"needs {path.name} in the mirror's datasets/")
    return path


def problems(benchmark: str) -> dict[str, Problem]:
    """Return the problems of a published benchmark."""
    return load_problems(dataset(benchmark), KIND[benchmark])


def published_samples() -> list[Path]:
    """Return every published samples file of the mirror, sorted."""
    found = sorted(mirror().glob("hub/*/*/eval/**/*samples*.jsonl"))
    if not found:
        pytest.skip("needs published samples: the mirror has no hub/*/*/eval/**/*samples*.jsonl")
    return found


def write(path: Path, solutions: Mapping[str, str]) -> Path:
    """Write solutions by task id as a samples file."""
    lines = [json.dumps({"task_id": task, "solution": code}) + "\n" for task, code in solutions.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def thin_out(samples: Path, target: Path, step: int) -> Path:
    """Copy every ``step``-th line of a samples file."""
    lines = samples.read_text(encoding="utf-8").splitlines(keepends=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(lines[::step]), encoding="utf-8")
    return target


def _restricted(benchmark: str, samples: Path, folder: Path) -> Path:
    """Write a dataset with only the problems that a samples file answers.

    The judge computes reference results for a whole dataset; a subset does not need the rest.
    """
    tasks = {json.loads(line)["task_id"] for line in samples.read_text(encoding="utf-8").splitlines()}
    with gzip.open(dataset(benchmark), "rt", encoding="utf-8") as lines:
        kept = [line for line in lines if json.loads(line)["task_id"] in tasks]
    target = folder / f"{benchmark}-for-{samples.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(kept), encoding="utf-8")
    return target


def score(benchmark: str, samples: Path, cache: Path, *, whole: bool = True) -> ScoreResult:
    """Score a file with both judges, on all cores, against the whole dataset or the part it answers."""
    path = dataset(benchmark) if whole else _restricted(benchmark, samples, cache / "datasets")
    return registry.get(benchmark).score(
        samples, ScoreOptions(dataset=path, jobs=os.cpu_count() or 1, cache_dir=cache)
    )


def outcomes(result: ScoreResult) -> dict[str, TaskResult]:
    """Return results by task, without what legitimately depends on the machine's mood."""
    return {task: replace(found, load_sensitive=False, note="") for task, found in result.tasks.items()}
