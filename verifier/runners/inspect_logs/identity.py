"""What identifies inspect as a judge, found without importing it."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from verifier.runners.inspect_logs.archive import INSTALL
from verifier.runners.inspect_logs.tasks import InspectTask
from verifier.verdicts import JSON

PACKAGES = {"inspect-ai": "0.3.285", "inspect-evals": "0.26.0"}
"""The judge, exactly these versions of it."""


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    for name, version in PACKAGES.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"the log is inspect's, which needs the package {name}: {INSTALL}"
        if found != version:
            return f"the log is inspect's, which needs {name} {version}, found {found}: {INSTALL}"
    return None


def judge(task: InspectTask) -> dict[str, JSON]:
    """Identify the judge: inspect, its scorer, and the code of both."""
    options = ", ".join(f"{key}={value}" for key, value in task.options.items())
    return {
        "name": "inspect",
        "package": "inspect-ai",
        "version": importlib.metadata.version("inspect-ai"),
        "evals": importlib.metadata.version("inspect-evals"),
        "task": f"inspect_evals/{task.task}",
        "scorer": f"{task.scorer}({options})",
        "sources": _sources(task.entry.partition(":")[0]),
        "python": platform.python_version(),
    }


@functools.cache
def _sources(module: str) -> str:
    """sha256 over inspect's scoring code and the module that makes the scorer."""
    parts = (
        "scorer",
        "_util/answer.py",
        "_util/text.py",
        "solver/_multiple_choice.py",
        "_eval/task/results.py",
    )
    root = _root("inspect_ai")
    files = [
        file
        for part in parts
        for file in (sorted((root / part).glob("*.py")) if (root / part).is_dir() else [root / part])
    ]
    package, *rest = module.split(".")
    file = _root(package).joinpath(*rest)
    files.append(file.with_suffix(".py") if file.with_suffix(".py").is_file() else file / "__init__.py")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
