"""A process that scores samples: no torch, no network, the main thread for timers.

It reads one request (JSON) from standard input and writes lines of JSON: progress, then a result or an error.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from verifier.errors import AlloyError, DocumentError, JudgeError

_FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "os.system", "os.exec")
EVERY = 0.1
"""Seconds between two messages of progress."""
_HIDDEN = ("torch", "torchvision", "torchaudio", "transformers", "tensorflow", "jax", "flax")


def main() -> int:
    """Answer one request; 0 unless the process itself breaks."""
    # The harness and its libraries print; only answers may reach the reader.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    harden()
    try:
        module, _, name = request["entry"].partition(":")
        run = getattr(importlib.import_module(module), name)
        _say(out, {"result": run(request["request"], seldom(lambda done: _say(out, {"done": done})))})
    except AlloyError as error:
        _say(out, {"error": marshal(error)})
    except Exception as error:  # noqa: BLE001 (the reader has to learn of it, whatever it is)
        broken = JudgeError(f"the judge broke: {type(error).__name__}: {error}"[:2000])
        _say(out, {"error": marshal(broken)})
    return 0


def seldom(tell: Callable[[int], None]) -> Callable[[int], None]:
    """Progress as the judges may call it after every answer: passed on a few times a second."""
    last = -EVERY

    def told(done: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= EVERY:
            last = now
            tell(done)

    return told


class _Without:
    """A finder of modules that does not find some; code that asks for them is told that there are none."""

    def __init__(self, finder: Any) -> None:
        self._finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Ask the finder behind, unless the name is hidden."""
        return None if name.partition(".")[0] in _HIDDEN else self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def harden() -> None:
    """Hide packages that scoring must not need, and refuse the network and other programs."""
    sys.meta_path[:] = [_Without(finder) for finder in sys.meta_path]

    def refuse(event: str, _: Any) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"{event}: refused while samples are scored")

    sys.addaudithook(refuse)


def marshal(error: AlloyError) -> dict[str, str]:
    """An error as JSON values, so that the reader can raise the same one."""
    pointer = error.pointer if isinstance(error, DocumentError) else ""
    suffix = f" (at {pointer or 'the document root'})" if isinstance(error, DocumentError) else ""
    return {
        "kind": type(error).__name__,
        "message": str(error).removesuffix(suffix),
        "pointer": pointer,
        "remedy": error.remedy,
    }


def _say(out: IO[str], value: dict[str, Any]) -> None:
    out.write(json.dumps(value) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
