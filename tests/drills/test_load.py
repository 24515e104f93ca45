"""Per-task results are the same with six busy processes beside the judge as on a quiet machine.

Minutes, so it is marked slow. ``ALLOY_DRILL_BUSY_RUNS`` and ``ALLOY_DRILL_QUIET_RUNS`` say how many runs
of each are made (default one of each), ``ALLOY_DRILL_BENCHMARKS`` on the canonical solutions of which
benchmarks besides the published samples (default both). With ``ALLOY_DRILL_KEEP`` each run is kept in that
folder, and those that lie there are compared as well: hours can be divided::

    ALLOY_DRILL_BUSY_RUNS=10 ALLOY_DRILL_QUIET_RUNS=3 pytest -m slow tests/drills/test_load.py -s
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills import published
from verifier.runners.model import TaskResult

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(0),
]

BUSY_PROCESSES = 6
Results = dict[str, dict[str, TaskResult]]
"""By samples file (artifact and name) and task."""
SPIN = "n = 0\nwhile True: n = (n * 31 + 7) % 1000003"


def _runs(name: str) -> int:
    return int(os.environ.get(name, "1"))


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Keep six processes spinning."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def _files(folder: Path) -> list[tuple[str, Path]]:
    files = []
    wanted = os.environ.get("ALLOY_DRILL_BENCHMARKS", ",".join(published.BENCHMARKS)).split(",")
    for benchmark in [name for name in published.BENCHMARKS if name in wanted]:
        solutions = {t: p.prompt + p.canonical_solution for t, p in published.problems(benchmark).items()}
        files.append((benchmark, published.write(folder / f"canonical-{benchmark}.jsonl", solutions)))
    return files + [("humaneval_plus", samples) for samples in published.published_samples()]


def _one_run(files: list[tuple[str, Path]], cache: Path, label: str) -> Results:
    """Score every file without anything remembered from another run, reference outputs included."""
    found = {}
    for benchmark, samples in files:
        began = time.monotonic()
        result = published.score(benchmark, samples, cache)
        sensitive = sorted(task for task, one in result.tasks.items() if one.load_sensitive)
        name = f"{samples.parent.parent.parent.name}/{samples.name}"
        print(
            f"\n{label} {name}: {time.monotonic() - began:.1f} s, undecided {result.undecided}, {sensitive=}",
            flush=True,
        )
        found[name] = published.outcomes(result)
    return found


def _changes(reference: Results, run: Results) -> list[str]:
    return [
        f"{samples} {task}: {reference[samples][task]} -> {one}"
        for samples, tasks in run.items()
        for task, one in tasks.items()
        if one != reference[samples][task]
    ]


def _keep(folder: Path, label: str, run: Results) -> Path:
    kept = {s: {t: dataclasses.asdict(one) for t, one in tasks.items()} for s, tasks in run.items()}
    path = folder / f"{label}-{time.time_ns()}.json"
    path.write_text(json.dumps(kept))
    return path


def _read(path: Path) -> Results:
    kept = json.loads(path.read_text())
    return {s: {t: TaskResult(**one) for t, one in tasks.items()} for s, tasks in kept.items()}


def test_load_changes_no_result(tmp_path: Path) -> None:
    files = _files(tmp_path)
    folder = Path(os.environ.get("ALLOY_DRILL_KEEP", tmp_path / "kept"))
    folder.mkdir(exist_ok=True)
    for label, number, beside in (
        ("quiet", _runs("ALLOY_DRILL_QUIET_RUNS"), contextlib.nullcontext()),
        ("busy", _runs("ALLOY_DRILL_BUSY_RUNS"), busy()),
    ):
        with beside:
            for n in range(number):
                _keep(folder, label, _one_run(files, tmp_path / f"{label}{n}", f"{label} {n}"))
    # Quiet runs are the measure, if there are any.
    reference, *others = sorted(folder.glob("*.json"), key=lambda path: ("quiet" not in path.name, path.name))
    measure = _read(reference)
    changed = {path.name: found for path in others if (found := _changes(measure, _read(path)))}
    print(f"\n{len(others)} runs compared with {reference.name}, {sum(map(len, measure.values()))} results")
    assert others
    assert changed == {}
