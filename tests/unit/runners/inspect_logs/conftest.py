"""One real run of inspect for all tests of this folder."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.runners.inspect_logs import identity, rescore, runner

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``<task>.eval`` and ``<task>.json`` of each task."""
    for name, version in identity.PACKAGES.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"needs the extra [inspect]: {name} is not installed")
        if found != version:
            pytest.skip(f"needs the extra [inspect]: {name} {version}, found {found}")
    folder = tmp_path_factory.mktemp("inspect")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runners.inspect_logs.inspect_run", str(folder)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score in this process: what the worker does, without starting one for each of many tests."""
    monkeypatch.setattr(runner, "ask", lambda _, request, tell: rescore.run(request, tell))
