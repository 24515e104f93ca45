"""Programs in a log of inspect, taken out by inspect's own functions; what the worker does."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, JudgeError
from verifier.runners.inspect_logs import archive, harness
from verifier.runners.inspect_logs.tasks import PROGRAMS, short
from verifier.verdicts import JSON


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Take the programs out.

    Args:
        request: ``log``.
        on_progress: told how many samples are done.

    Returns:
        ``programs``: task id and program of each sample, as inspect runs it; ``sha256`` of the log.

    Raises:
        DocumentError, UsageError: the log is malformed or cannot be read.
        EvidenceMissingError: its answers are no programs.
        JudgeError: inspect's function cannot be loaded.
    """
    log = archive.open_log(Path(request["log"]))
    task = short(log.header["eval"]["task"])
    if task not in PROGRAMS:
        raise EvidenceMissingError(
            f"samples: expected a log of inspect's {' or '.join(PROGRAMS)}, found one of {task[:100]}"
        )
    try:
        find_code = importlib.import_module(f"inspect_evals.{task}.{task}").find_code
    except Exception as error:  # whatever importing it raises
        raise JudgeError(f"inspect's {task}: expected find_code to be loadable, found {error}") from error
    programs: list[list[str]] = []
    for where, record in log.samples():
        found = harness.sample(where, record)
        if found.error is None:
            programs.append(
                [PROGRAMS[task].format(_number(found.id)), _program(where, task, found, find_code)]
            )
            on_progress(len(programs))
    return {"programs": programs, "sha256": log.sha256}


def _number(key: int | str) -> str:
    """A problem's number: ``HumanEval/3`` and ``3`` are the same."""
    return str(key).rpartition("/")[2]


def _program(where: str, task: str, found: Any, find_code: Callable[[str], str]) -> str:
    code = str(find_code(found.output.completion))
    if task != "humaneval":
        return code
    # inspect runs the prompt and what it takes for the function's body.
    prompt = found.metadata.get("prompt")
    if not isinstance(prompt, str):
        raise DocumentError(
            f"{where}: expected the prompt in the sample's metadata, found {type(prompt).__name__}",
            pointer=f"/{where}",
        )
    return prompt + code
