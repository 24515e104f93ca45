"""A sandbox that fails costs at most one sample: never the file, and never a verdict."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runners.test_judge_scores import HONEST, dataset, scored
from verifier.errors import SandboxError
from verifier.runners import benchmark
from verifier.sandbox.client import Reply, Sandbox

__all__ = ["dataset"]
MARK = "# the sandbox fails on this one\n"


def failing(kind: str, times: int) -> type[Sandbox]:
    """A sandbox of which one kind fails so many times on marked samples."""
    left = [times]

    class Failing(Sandbox):
        def run(self, job: dict[str, Any]) -> Reply:
            if job.get("code", "").endswith(MARK) and self._kind == kind and left[0]:
                left[0] -= 1
                raise SandboxError("a sandbox was expected, found: a planted fault")
            return super().run(job)

    return Failing


@pytest.mark.parametrize("kind", ["official", "isolated"])
def test_one_failure_is_made_good(
    kind: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "Sandbox", failing(kind, 1))
    result = scored(dataset, tmp_path, HONEST | {"T/0": HONEST["T/0"] + MARK})
    assert result.tasks["T/0"].confirmed is True
    assert result.passed == 3, [task.note for task in result.tasks.values()]


@pytest.mark.parametrize("kind", ["official", "isolated"])
def test_lasting_failure_leaves_one_sample_undecided(
    kind: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "Sandbox", failing(kind, 1000))
    solutions = HONEST | {"T/0": HONEST["T/0"] + MARK}
    result = scored(dataset, tmp_path, solutions)
    assert result.tasks["T/0"].confirmed is None
    assert "planted fault" in result.tasks["T/0"].note
    assert [result.tasks[t].confirmed for t in ("T/1", "T/2")] == [True, True]
    # Nothing undecided is kept: where the sandbox works again, the sample is decided.
    monkeypatch.undo()
    assert scored(dataset, tmp_path, solutions).tasks["T/0"].confirmed is True


def test_failure_on_every_sample_is_the_machines_fault(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "Sandbox", failing("official", 1000))
    with pytest.raises(SandboxError, match="planted fault"):
        scored(dataset, tmp_path, {task: code + MARK for task, code in HONEST.items()})


@pytest.mark.parametrize("kind", ["official", "isolated"])
def test_helper_process_that_dies_is_started_again(
    kind: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = threading.Event()

    class Dying(Sandbox):
        def run(self, job: dict[str, Any]) -> Reply:
            if job.get("code", "").endswith(MARK) and self._kind == kind and not killed.is_set():
                assert self._starting is not None
                killed.set()
                process = self._starting.result().process
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return super().run(job)

    monkeypatch.setattr(benchmark, "Sandbox", Dying)
    result = scored(dataset, tmp_path, HONEST | {"T/0": HONEST["T/0"] + MARK})
    assert killed.is_set()
    assert result.passed == 3, [task.note for task in result.tasks.values()]
