"""Redoing a recipe in a process of its own, with the settings that were recorded.

A recipe whose bytes depend on the machine needs a fresh process: numbers of threads and the like are read
from the environment when torch is first imported, and whatever else the calling process did with torch would
count, too. The reply is a JSON file in the scratch folder; what the child prints goes into a log there.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forge import environment
from forge.options import ForgeOptions
from verifier import errors
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError
from verifier.verdicts import JSON

WHEN = "1970-01-01T00:00:00+00:00"
"""Recorded as the time of every replay; it decides nothing."""

_SETTING = re.compile(r"[A-Za-z0-9:,._-]{1,40}\Z")
_MAX_THREADS = 512


class ReplayError(AlloyError):
    """The recipe could not be redone: a stage refused, or the process ended without an answer."""


def here(recipe: Path, out: Path, base: Path, *, seed: int, device: str, **more: Any) -> Path:
    """Redo a recipe in this process; returns the executed alloy's file.

    Args:
        recipe: the alloy, with its side files beside it.
        out: the result's folder; must not exist.
        base: folder with the base model.
        seed: as recorded.
        device: as recorded; ``cpu`` where there is no such device here.
        more: further :class:`forge.options.ForgeOptions`.

    Raises:
        AlloyError: see :func:`forge.engine.forge`.
    """
    from forge import engine

    options = ForgeOptions(
        replay=True,
        base=base,
        offline=True,
        seed=seed,
        device=device,
        completed_at=WHEN,
        **more,
    )
    return engine.forge(recipe, out, options=options).alloy


def apart(
    recipe: Path,
    out: Path,
    base: Path,
    *,
    seed: int,
    device: str,
    recorded: Mapping[str, JSON],
    seconds: float | None = None,
) -> Path:
    """Redo a recipe in a process of its own; arguments and result as for :func:`here`.

    Args:
        recorded: the environment on record; its variables are set for the process.
        seconds: how long the process may take; None for as long as the recipe says.

    Raises:
        AlloyError: as in :func:`here`.
        ReplayError: the process ended without an answer, or was ended because it took too long.
    """
    request = {
        "task": "forge",
        "recipe": str(recipe),
        "out": str(out),
        "base": str(base),
        "seed": seed,
        "device": device,
    }
    return Path(_ask(request, out.parent, settings(recorded), seconds))


def close(a: Path, b: Path, scratch: Path) -> dict[str, JSON]:
    """How close two model folders are, told by a process of its own; see :mod:`forge.closeness`.

    Raises:
        AlloyError: they cannot be compared.
    """
    found: dict[str, JSON] = _ask({"task": "closeness", "a": str(a), "b": str(b)}, scratch, {})
    return found


def settings(recorded: Mapping[str, JSON]) -> dict[str, str | None]:
    """The recorded variables that may decide bytes; None for one that was not set. Odd values are left out.

    Args:
        recorded: the environment on record, from an alloy that a stranger may have written.
    """
    stated = recorded.get("variables")
    if not isinstance(stated, Mapping):
        return {}
    wanted: dict[str, str | None] = {}
    for name in environment.VARIABLES:
        value = stated.get(name)
        if value is None:
            wanted[name] = None
        elif isinstance(value, str) and _SETTING.match(value):
            threads = name == "OMP_NUM_THREADS"
            if not threads or (value.isdigit() and 1 <= int(value) <= _MAX_THREADS):
                wanted[name] = value
    return wanted


def _ask(
    request: Mapping[str, JSON],
    scratch: Path,
    variables: Mapping[str, str | None],
    seconds: float | None = None,
) -> Any:
    reply, log = scratch / "reply.json", scratch / "log.txt"
    reply.unlink(missing_ok=True)
    env = {k: v for k, v in os.environ.items() if variables.get(k, v) is not None}
    env |= {k: v for k, v in variables.items() if v is not None}
    try:
        with log.open("wb") as stream:
            done = subprocess.run(  # noqa: S603 - this program itself, with a request of its own
                [sys.executable, "-m", "forge.replay", str(reply)],
                input=json.dumps(request).encode(),
                stdout=stream,
                stderr=stream,
                env=env,
                check=False,
                timeout=seconds,
            )
    except subprocess.TimeoutExpired as error:
        raise ReplayError(
            f"redoing the recipe: expected its end within {seconds:.0f} s; it was ended",
            remedy="allow more time: --reforge-minutes",
        ) from error
    if not reply.is_file():
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise ReplayError(
            f"redoing the recipe: expected an answer of the process; it ended with {done.returncode}"
            f" ({''.join(last)[:200] or 'nothing printed'})",
            remedy="it may have been killed for want of memory: free some, or use a larger machine",
        )
    answer = json.loads(reply.read_text(encoding="utf-8"))
    if "error" in answer:
        raise _revived(answer["error"])
    return answer["result"]


def _answer(request: Mapping[str, Any]) -> Any:
    if request["task"] == "closeness":
        from forge.closeness import closeness

        return closeness(Path(request["a"]), Path(request["b"])).as_json()
    paths = (Path(request[name]) for name in ("recipe", "out", "base"))
    return str(here(*paths, seed=request["seed"], device=_device(request["device"])))


def _device(wanted: str) -> str:
    """The recorded device where this machine has it, else the CPU; the environments then differ."""
    if wanted == "cpu":
        return wanted
    try:
        import torch

        torch.empty(1, device=wanted)
    except (ImportError, RuntimeError, AssertionError, ValueError):
        return "cpu"
    return wanted


def _described(error: AlloyError) -> dict[str, str]:
    facts = {"kind": type(error).__name__, "message": str(error), "remedy": error.remedy}
    if isinstance(error, DocumentError):
        facts["pointer"] = error.pointer
        facts["message"] = str(error).removesuffix(f" (at {error.pointer or 'the document root'})")
    if isinstance(error, EvidenceMismatchError):
        facts |= {"expected": error.expected, "found": error.found, "source": error.source}
    return facts


def _revived(facts: Mapping[str, str]) -> AlloyError:
    """The child's error as an exception of its class; the forge's own classes become a ReplayError."""
    kind, message, remedy = facts["kind"], facts["message"], facts["remedy"]
    if kind == "DocumentError":
        return DocumentError(message, pointer=facts["pointer"], remedy=remedy)
    if kind == "EvidenceMismatchError":
        return EvidenceMismatchError(
            message, expected=facts["expected"], found=facts["found"], source=facts["source"], remedy=remedy
        )
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, AlloyError):
        return known(message, remedy=remedy)
    return ReplayError(message, remedy=remedy)


def main() -> int:
    """Answer the request on standard input into the file that the first argument names."""
    try:
        answer = {"result": _answer(json.load(sys.stdin))}
    except AlloyError as error:
        answer = {"error": _described(error)}
    reply = Path(sys.argv[1])
    partial = reply.with_suffix(".part")
    partial.write_text(json.dumps(answer), encoding="utf-8")
    partial.replace(reply)
    return 0


if __name__ == "__main__":
    sys.exit(main())
