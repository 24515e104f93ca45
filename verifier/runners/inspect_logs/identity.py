"""What identifies inspect as a judge, found without importing it."""

import functools
import platform

from verifier.runners import installed
from verifier.runners.inspect_logs.archive import INSTALL
from verifier.runners.inspect_logs.tasks import InspectTask
from verifier.verdicts import JSON

PACKAGES = {"inspect-ai": "0.3.285", "inspect-evals": "0.26.0"}
"""The judge, exactly these versions of it."""


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    reason = installed.missing(PACKAGES, INSTALL)
    return None if reason is None else f"the log is inspect's, which {reason}"


def judge(task: InspectTask) -> dict[str, JSON]:
    """Identify the judge: inspect, its scorer, and the code of both."""
    options = ", ".join(f"{key}={value}" for key, value in task.options.items())
    return {
        "name": "inspect",
        "package": "inspect-ai",
        "version": installed.version("inspect-ai"),
        "evals": installed.version("inspect-evals"),
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
    root = installed.folder("inspect_ai")
    files = [
        file
        for part in parts
        for file in (sorted((root / part).glob("*.py")) if (root / part).is_dir() else [root / part])
    ]
    package, *rest = module.split(".")
    file = installed.folder(package).joinpath(*rest)
    files.append(file.with_suffix(".py") if file.with_suffix(".py").is_file() else file / "__init__.py")
    return installed.sources_digest((file.name, file) for file in files)
