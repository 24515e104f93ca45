"""What identifies lmms-eval as a judge, found without importing it."""

import functools
import platform
from pathlib import Path

from verifier.runners import installed
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
    return installed.missing({PACKAGE: VERSION, **dict.fromkeys(NEEDED)}, INSTALL)


def root() -> Path:
    """The installed harness's folder."""
    return installed.folder("lmms_eval")


def task_file(relative: str, *, own: bool) -> Path:
    """A task's YAML file: the harness's, or this project's own."""
    return OWN / relative if own else root() / "tasks" / relative


@functools.cache
def sources_digest(folders: tuple[str, ...]) -> str:
    """sha256 over the harness's scoring code and the folders of tasks, named from ``lmms_eval/tasks``."""
    parts = (*(root() / part for part in _SHARED), *(root() / "tasks" / folder for folder in folders))
    files = sorted({file for part in parts for file in _files(part)})
    return installed.sources_digest(installed.named(root(), files))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.iterdir() if file.is_file() and file.suffix in (".py", ".yaml", "")]


def judge(folders: tuple[str, ...]) -> dict[str, JSON]:
    """Identify the judge: harness, its scoring code, and the packages that can change a status."""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": installed.version(PACKAGE),
        "sources": sources_digest(folders),
        "packages": installed.versions(["numpy"]),
        "python": platform.python_version(),
    }
