"""What a sandbox does for one job, once its walls are up. Runs inside the candidate's process.

Two kinds. ``official``: the checking code of evalplus, unmodified, forks the candidate itself and says
what it found. ``isolated``: the candidate's code runs here, with inputs and nothing else in reach, and
its plain outputs go out one by one. A third, ``livecodebench``, holds another harness; its jobs name the
judge, ``official`` or ``isolated``, in the same sense.
"""

import contextlib
import importlib
import io
import json
import marshal
import os
import struct
import time
from typing import Any

from verifier.sandbox import codec, contest, seccomp, timer

FRAME = struct.Struct("!BdI")
OUTPUT, RAISED, TIMED_OUT, NOT_PLAIN = 0, 1, 2, 3

# Modules that solutions import often: loaded once in the helper instead of once for each candidate.
_COMMON = (
    "bisect", "cmath", "collections", "copy", "datetime", "decimal", "enum", "fractions", "functools",
    "hashlib", "heapq", "itertools", "math", "multiprocessing", "operator", "queue", "random", "re",
    "statistics", "string", "sys", "typing", "unicodedata", "numpy",
)  # fmt: skip


def preload(kind: str) -> None:
    """Import what every candidate of this kind needs.

    Args:
        kind: ``official``, ``isolated``, ``livecodebench`` or ``probe`` (needs nothing).
    """
    if kind == "probe":
        return
    for name in _COMMON:
        importlib.import_module(name)
    if kind == "official":
        importlib.import_module("evalplus.eval")
        # Its shared values and its child process need fork; newer Pythons default to another method.
        importlib.import_module("multiprocessing").set_start_method("fork", force=True)
        for name in ("multiprocessing.sharedctypes", "multiprocessing.heap", "multiprocessing.popen_fork"):
            importlib.import_module(name)
    if kind == "livecodebench":
        contest.preload()


def perform(job: dict[str, Any], descriptor: int, *, childless: bool) -> None:
    """Do one job and write its output.

    Args:
        job: as ``client`` sends it.
        descriptor: where the output goes.
        childless: refuse new processes to the candidate (the sandbox has seccomp).
    """
    if job["kind"] == "official":
        if childless:
            os.register_at_fork(after_in_child=seccomp.no_children)
        _write(descriptor, json.dumps(_official(job)).encode())
        return
    if childless:
        seccomp.no_children()
    if job["kind"] != "livecodebench":
        _isolated(job, descriptor)
    elif job["judge"] == "official":
        _write(descriptor, contest.official(job))
    else:
        contest.isolated(job, lambda *frame: _send(descriptor, *frame))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _send(descriptor: int, kind: int, used: float, data: bytes = b"") -> None:
    _write(descriptor, FRAME.pack(kind, used, len(data)) + data)


def _official(job: dict[str, Any]) -> dict[str, Any]:
    from evalplus.eval import untrusted_check

    answer: dict[str, Any] = {}
    for suite in job["suites"]:
        expected = _handed(suite["expected"])
        began = time.monotonic()
        status, details = untrusted_check(
            job["dataset"],
            job["code"],
            suite["inputs"],
            job["entry_point"],
            expected=expected,
            atol=job["atol"],
            ref_time=suite["ref_time"],
            fast_check=True,
            min_time_limit=job["min_time_limit"],
            gt_time_limit_factor=job["factor"],
        )
        wall = time.monotonic() - began
        answer[suite["name"]] = {"status": status, "checked": len(details), "wall": wall}
        if status != "pass":
            break
    return answer


def _handed(expected: bytes | list[bytes]) -> Any:
    """Expected results, as the verifier wrote them: marshal for all, or each in the codec's encoding."""
    if isinstance(expected, bytes):
        return marshal.loads(expected)  # noqa: S302 (written by the verifier itself)
    return [codec.decode(frame, limits=codec.WIDE) for frame in expected]


class _Timeout(Exception):  # noqa: N818 (evalplus's exception is an Exception, too: solutions may catch it)
    pass


class _Silent(io.StringIO):
    """Takes everything that is written and refuses to be read, as the official judge's streams do."""

    def read(self, *_: object) -> str:
        raise OSError("standard input is closed")

    def readline(self, *_: object) -> str:  # type: ignore[override]
        raise OSError("standard input is closed")

    def readlines(self, *_: object) -> list[str]:  # type: ignore[override]
        raise OSError("standard input is closed")

    def readable(self) -> bool:
        return False


class _redirect_stdin(contextlib._RedirectStream[io.StringIO]):  # noqa: N801
    _stream = "stdin"


def _call(function: Any, arguments: list[Any], seconds: float) -> Any:
    stream = _Silent()
    timer.start(seconds, _Timeout)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream), _redirect_stdin(stream):
            return function(*arguments)
    finally:
        timer.stop()


def _isolated(job: dict[str, Any], descriptor: int) -> None:
    def send(kind: int, used: float, data: bytes = b"") -> None:
        _send(descriptor, kind, used, data)

    space: dict[str, Any] = {}
    inputs, limits = job["inputs"], job["cpu_limits"]
    began = time.process_time()
    try:
        _call(exec, [job["code"], space], job["load_limit"])
        function = space[job["entry_point"]]
    except BaseException as error:  # noqa: BLE001 (a candidate may raise anything)
        send(_failure(error), time.process_time() - began)
        return
    send(OUTPUT, time.process_time() - began)
    for arguments, seconds in zip(inputs, limits, strict=True):
        began = time.process_time()
        try:
            out = _call(function, arguments, seconds)
        except BaseException as error:  # noqa: BLE001
            send(_failure(error), time.process_time() - began)
            return
        used = time.process_time() - began
        try:
            data = codec.encode(_presence(out, job["not_none"]))
        except BaseException:  # noqa: BLE001
            send(NOT_PLAIN, used)
            return
        send(OUTPUT, used, data)


def _failure(error: BaseException) -> int:
    return TIMED_OUT if isinstance(error, _Timeout) else RAISED


def _presence(out: Any, mode: str) -> Any:
    """For problems whose answer only counts as there or not there, the output shrinks to that."""
    if mode == "truth" or (mode == "candidate" and not isinstance(out, bool)):
        return out is not None
    return out
