"""What identifies the harness as a judge, found without importing it."""

import functools
import platform
from collections.abc import Iterable
from pathlib import Path

from verifier.runners import installed
from verifier.verdicts import JSON

PACKAGE = "lm-eval"
VERSION = "0.4.13"
INSTALL = "pip install 'alloy-verifier[lm-eval]'"
_SHARED = ("api", "filters", "config", "tasks/_yaml_loader.py", "evaluator_utils.py", "utils.py")


def missing(packages: Iterable[str]) -> str | None:
    """What this installation lacks for judging; None if nothing.

    Args:
        packages: distributions that the benchmark needs besides the harness.
    """
    return installed.missing({PACKAGE: VERSION, **dict.fromkeys(packages)}, INSTALL)


def root() -> Path:
    """The installed harness's folder."""
    return installed.folder("lm_eval")


def task_file(definition: str) -> Path:
    """A task's or group's YAML file: below the harness's tasks, or the absolute path of another."""
    return root() / "tasks" / definition


def own(name: str) -> str:
    """A definition that comes with this project."""
    return str(Path(__file__).parent / "tasks" / name)


@functools.cache
def sources_digest(definitions: tuple[str, ...]) -> str:
    """sha256 over the harness's scoring code and the folders that define the tasks."""
    folders = {task_file(definition).parent for definition in definitions}
    # The leaderboard's ifeval takes its instructions from the other task of that name.
    folders |= {task_file("ifeval")} if any("ifeval" in folder.name for folder in folders) else set()
    files = {file for part in (*(root() / part for part in _SHARED), *folders) for file in _files(part)}
    return installed.sources_digest(sorted((_name(file), file) for file in files))


def _name(file: Path) -> str:
    """A file's name in the digest, the same on every machine."""
    return file.relative_to(root()).as_posix() if file.is_relative_to(root()) else file.name


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.iterdir() if file.is_file() and file.suffix not in (".pyc", ".md")]


def judge(packages: Iterable[str], definitions: tuple[str, ...]) -> dict[str, JSON]:
    """Identify the judge: harness, its scoring code, and the packages that can change a status."""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": installed.version(PACKAGE),
        "sources": sources_digest(definitions),
        "packages": installed.versions(packages),
        "python": platform.python_version(),
    }
