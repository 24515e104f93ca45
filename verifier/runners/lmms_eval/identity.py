"""What identifies lmms-eval as a judge, found without importing it."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from verifier.verdicts import JSON

PACKAGE = "lmms-eval"
VERSION = "0.7.3"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION} && pip install 'alloy-verifier[lmms-eval]'"
NEEDED = ("jinja2", "loguru", "numpy", "packaging", "pyyaml", "tenacity")
_SHARED = (
    "api",
    "filters",
    "evaluator_utils.py",
    "utils.py",
    "tasks/_task_utils/file_utils.py",
    "tasks/_task_utils/mmmu_mcq_utils.py",
)
OWN = Path(__file__).with_name("tasks")
"""Definitions of this project's own tasks."""


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    for name in (PACKAGE, *NEEDED):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"needs the package {name}: {INSTALL}"
        if name == PACKAGE and found != VERSION:
            return f"needs {PACKAGE} {VERSION}, found {found}: {INSTALL}"
    return None


@functools.cache
def root() -> Path:
    """The installed harness's folder."""
    spec = importlib.util.find_spec("lmms_eval")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def task_file(relative: str, *, own: bool) -> Path:
    """A task's YAML file: the harness's, or this project's own."""
    return OWN / relative if own else root() / "tasks" / relative


@functools.cache
def sources_digest(folders: tuple[str, ...]) -> str:
    """sha256 over the harness's scoring code and the folders of tasks, named from ``lmms_eval/tasks``."""
    digest = hashlib.sha256()
    parts = (*(root() / part for part in _SHARED), *(root() / "tasks" / folder for folder in folders))
    for file in sorted({file for part in parts for file in _files(part)}):
        digest.update(f"{file.relative_to(root()).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.iterdir() if file.is_file() and file.suffix in (".py", ".yaml", "")]


def judge(folders: tuple[str, ...]) -> dict[str, JSON]:
    """Identify the judge: harness, its scoring code, and the packages that can change a status."""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": importlib.metadata.version(PACKAGE),
        "sources": sources_digest(folders),
        "packages": {"numpy": importlib.metadata.version("numpy")},
        "python": platform.python_version(),
    }
