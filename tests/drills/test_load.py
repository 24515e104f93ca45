"""Per-task results are the same with six busy processes beside the judge as on a quiet machine.

Minutes, so it is marked slow. ``ALLOY_DRILL_BUSY_RUNS`` and ``ALLOY_DRILL_QUIET_RUNS`` say how many runs
of each are compared (default one of each), ``ALLOY_DRILL_BENCHMARKS`` on the canonical solutions of which
benchmarks besides the published samples (default both)::

    ALLOY_DRILL_BUSY_RUNS=10 ALLOY_DRILL_QUIET_RUNS=3 pytest -m slow tests/drills/test_load.py -s
"""

import contextlib
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
"""By samples file and task."""
SPIN = "n = 0\nwhile True: n = (n * 31 + 7) % 1000003"


def _runs(name: str) -> int:
    return max(1, int(os.environ.get(name, "1")))


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
        found[str(samples)] = published.outcomes(result)
    return found


def _changes(reference: Results, run: Results, label: str) -> list[tuple[str, str, TaskResult, TaskResult]]:
    """Every task whose result differs, told at once: a run of hours must not be lost with its last minute."""
    changed = [
        (Path(samples).name, task, reference[samples][task], one)
        for samples, tasks in run.items()
        for task, one in tasks.items()
        if one != reference[samples][task]
    ]
    print(f"\n{label}: {len(changed)} of {sum(map(len, run.values()))} results changed {changed}", flush=True)
    return changed


def test_load_changes_no_result(tmp_path: Path) -> None:
    files = _files(tmp_path)
    reference = _one_run(files, tmp_path / "quiet0", "quiet 0")
    changed = []
    for n in range(1, _runs("ALLOY_DRILL_QUIET_RUNS")):
        changed += _changes(reference, _one_run(files, tmp_path / f"quiet{n}", f"quiet {n}"), f"quiet {n}")
    with busy():
        for n in range(_runs("ALLOY_DRILL_BUSY_RUNS")):
            changed += _changes(reference, _one_run(files, tmp_path / f"busy{n}", f"busy {n}"), f"busy {n}")
    assert changed == []
