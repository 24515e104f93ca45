"""Starting the worker, and hearing from it."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

from verifier import errors
from verifier.errors import AlloyError, DocumentError, JudgeError

_WORKER = "verifier.runners.child.worker"
SILENCE = 900.0
"""Seconds without progress after which the process is ended; a stranger's pattern can take for ever."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "NLTK_DATA", "SYSTEMROOT", "VIRTUAL_ENV")


def ask(
    entry: str, request: Mapping[str, Any], on_progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Score in a process of its own.

    There the harness is the only guest: no torch, no network, and the main thread, which math-verify's timers
    need.

    Args:
        entry: ``module:function`` of this project. It is called with the request and a function that is told
            how many samples are done, and returns what JSON can hold.
        request: what that function wants; what JSON can hold.
        on_progress: told how many samples are done.

    Raises:
        AlloyError: whatever scoring raised.
        JudgeError: the process died, or got nowhere.
    """
    with tempfile.TemporaryDirectory(prefix="alloy-judge-") as home, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 (our own module, by this interpreter)
            [sys.executable, "-P", "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(home),
            text=True,
            encoding="utf-8",
        )
        watch = _Watch(process)
        try:
            answer = _talk(process, json.dumps({"entry": entry, "request": request}), on_progress, watch)
        finally:
            watch.stop()
            process.kill()
            process.wait()
        if watch.ended:
            raise JudgeError(
                f"no problem was judged within {SILENCE:g} seconds; the judge's process was ended"
            )
        if answer is None:
            said.seek(0)
            tail = said.read()[-1500:].decode("utf-8", "replace").strip()
            raise JudgeError(
                f"the judge's process ended without an answer (status {process.returncode}): {tail}"
            )
    if "error" in answer:
        raise _error(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _environment(home: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HF_HOME": home,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
    }


class _Watch:
    """Ends a process that has said nothing for long."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.ended = False
        self._timer = self._start()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(SILENCE, self._end)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self) -> None:
        self.ended = True
        self._process.kill()

    def heard(self) -> None:
        """Start counting anew."""
        self.stop()
        self._timer = self._start()

    def stop(self) -> None:
        """Count no more."""
        self._timer.cancel()


def _talk(
    process: "subprocess.Popen[str]",
    request: str,
    on_progress: Callable[[int], None] | None,
    watch: _Watch,
) -> dict[str, Any] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died at once; what it said is reported
    for line in process.stdout:
        watch.heard()
        message: dict[str, Any] = json.loads(line)
        if "done" not in message:
            process.wait()
            return message
        if on_progress is not None:
            on_progress(message["done"])
    process.wait()
    return None


def _error(said: Mapping[str, str]) -> AlloyError:
    kind = getattr(errors, said["kind"])
    if issubclass(kind, DocumentError):
        return DocumentError(said["message"], pointer=said["pointer"], remedy=said["remedy"])
    made: AlloyError = kind(said["message"], remedy=said["remedy"])
    return made
