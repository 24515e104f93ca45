"""Running a quantisation tool in a process of its own.

The tools print to the terminal from C++, end the process when an assertion fails, and bring their own OpenMP
runtime along. So each runs in a child: what it prints is kept and shown only if it fails.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import forge
from verifier.errors import UsageError
from verifier.verdicts import JSON

SHOWN_LINES = 20
"""How many of the last lines that a failed tool printed are repeated in the error."""

SHOWN_CHARACTERS = 3000


def run_module(what: str, module: str, arguments: Sequence[str], *, threads: int, cwd: Path) -> str:
    """Run ``python -m module arguments`` without network and without code from the working folder.

    Args:
        what: what is being done, for the error.
        module: name of a Python module that is installed or belongs to this project.
        arguments: its command line.
        threads: how many threads it may use.
        cwd: an empty folder; nothing is imported from there.

    Returns:
        What it printed to standard output.

    Raises:
        UsageError: it ended with another status than 0; the message ends with what it printed last.
    """
    return _run(what, [sys.executable, "-P", "-m", module, *arguments], None, threads, cwd)


def ask(what: str, module: str, request: Mapping[str, JSON], *, threads: int) -> Mapping[str, JSON]:
    """Run a worker module of this project: one JSON object in, one out.

    Raises:
        UsageError: the worker failed; see :func:`run_module`.
    """
    with tempfile.TemporaryDirectory(prefix="alloy-quant-") as folder:
        command = [sys.executable, "-P", "-m", module]
        answer = _run(what, command, json.dumps(request), threads, Path(folder))
    return cast(Mapping[str, JSON], json.loads(answer))


def answer(request: Mapping[str, JSON], channel: int) -> None:
    """Called by a worker: write the answer to the channel of :func:`take`."""
    with os.fdopen(channel, "w", encoding="utf-8") as stream:
        json.dump(request, stream)


def take() -> tuple[Mapping[str, JSON], int]:
    """Called by a worker: the request, and the channel for the answer.

    From here on, whatever is printed to standard output goes to standard error, from C++ too.
    """
    channel = os.dup(1)
    os.dup2(2, 1)
    return cast(Mapping[str, JSON], json.load(sys.stdin)), channel


def _run(what: str, command: Sequence[str], given: str | None, threads: int, cwd: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- our own interpreter and module; arguments are never a shell line
        command,
        input=given if given is not None else "",
        capture_output=True,
        cwd=cwd,
        env=_environment(threads, cwd),
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        raise UsageError(
            f"{what}: expected the tool to end with status 0; found {done.returncode}"
            f"\n{_tail(done.stderr or done.stdout)}",
            remedy="see the lines above: the tool printed them last",
        )
    return done.stdout


def _environment(threads: int, cwd: Path) -> dict[str, str]:
    """The parent's environment, offline, with a cache of its own: nothing is fetched, nothing is found."""
    packages = str(Path(forge.__file__).resolve().parent.parent)
    paths = [packages, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "HF_HOME": str(cwd / ".hf"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TQDM_DISABLE": "1",
    }


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])[-SHOWN_CHARACTERS:]
