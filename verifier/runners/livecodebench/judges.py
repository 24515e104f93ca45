"""The two judges of one program, as jobs for the sandbox.

Both answer in the terms of ``verifier.runners.judges``, so that the same schedule and the same rules about
timeouts serve both harnesses: seconds are given as multiples of the harness's time limit for one test, which
takes the place of evalplus's smallest limit there.
"""

import json
import signal

from verifier.runners.judges import (
    BELIEVABLE,
    GENEROSITY,
    ISOLATED_BYTES,
    MIB,
    MIN_TIME_LIMIT,
    OFFICIAL_BYTES,
    IsolatedRun,
    OfficialRun,
    read_frames,
)
from verifier.runners.judges import LIMITS as SHARED
from verifier.runners.livecodebench.compare import printed_agrees, returned_agrees
from verifier.runners.livecodebench.dataset import Tests
from verifier.sandbox import codec
from verifier.sandbox.client import Reply, Sandbox
from verifier.sandbox.work import RAISED, TIMED_OUT

REVISION = 1
"""Raised whenever a change here may change a status."""
TIMEOUT = 6
"""Seconds of wall-clock time for one test: the default of ``codegen_metrics``."""
LIMITS = SHARED | {"stack": 8 * MIB}
"""The harness sets no limit on the stack; Linux's usual one decides there which deep recursions crash."""
LATE, NO_ANSWER = -3, -5
"""The harness's error codes for a test out of time, and for a program whose process gave no grades."""


def total_limit(tests: int, timeout: float) -> float:
    """The harness's own cap on the seconds of one program: ``check_correctness``."""
    return (timeout + 1) * tests + 5


def judge_officially(
    sandbox: Sandbox, tests: Tests, text: str, code: str, *, scale: float = 1.0
) -> tuple[OfficialRun, int]:
    """Let the harness's own code grade one program.

    Args:
        sandbox: of kind ``livecodebench``.
        tests: the problem's tests.
        text: the same as the harness has them.
        code: the program.
        scale: multiple of the harness's time limits.

    Returns:
        What it said, and its error code; ``wall`` is a multiple of the time limit of one test.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    timeout = round(TIMEOUT * scale)
    total = total_limit(len(tests.inputs), timeout)
    job = {
        "judge": "official",
        "code": code,
        "tests": text,
        "timeout": timeout,
        "limits": LIMITS | {"cpu": round(total) + 10},
        "wall": total,
        "stall": timeout + 8,
        "budget": 0,
        "bytes": OFFICIAL_BYTES,
        "follow_child": True,
    }
    return _read_official(sandbox.run(job))


def _read_official(reply: Reply) -> tuple[OfficialRun, int]:
    """Read the answer with suspicion: a program can reach the process that writes it."""
    wall = reply.wall * MIN_TIME_LIMIT / TIMEOUT
    try:
        answer = json.loads(reply.output) if not reply.cause else {}
        passed, code = answer["passed"], answer["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        passed, code = False, NO_ANSWER
    if not isinstance(code, int) or isinstance(code, bool):
        code = NO_ANSWER
    if passed is True:
        return OfficialRun(status="pass", wall=wall), 0
    late = code == LATE or bool(reply.cause)
    # A program without grades may have been killed by a machine short of memory: no failure yet.
    return OfficialRun(status="timeout" if late else "fail", wall=wall, killed=code == NO_ANSWER), code


def judge_in_isolation(sandbox: Sandbox, tests: Tests, code: str) -> IsolatedRun:
    """Run one program where no expected output is in reach, and compare its outputs here.

    Args:
        sandbox: of kind ``livecodebench``.
        tests: the problem's tests.
        code: the program.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    budget = GENEROSITY * total_limit(len(tests.inputs), TIMEOUT)
    job = {
        "judge": "isolated",
        "code": code,
        "inputs": tests.inputs,
        "function": tests.function,
        "seconds": GENEROSITY * TIMEOUT,
        "limits": LIMITS | {"cpu": round(budget) + 10},
        "wall": 4 * budget,
        "stall": GENEROSITY * TIMEOUT + 2,
        "budget": budget,
        "bytes": ISOLATED_BYTES,
        "follow_child": False,
    }
    return read_isolated(sandbox.run(job), tests)


def read_isolated(reply: Reply, tests: Tests) -> IsolatedRun:
    """Compare what an isolated program sent.

    Args:
        reply: frames as ``verifier.sandbox.contest`` sends them; untrusted.
        tests: the problem's tests.
    """
    loaded, outputs, times, ended = read_frames(reply)
    expected = tests.outputs
    if len(outputs) > len(expected):
        return IsolatedRun(status="fail", strain=0.0, note="more outputs than tests")
    shares = [seconds / TIMEOUT for seconds in times]
    for number, (output, right) in enumerate(zip(outputs, expected, strict=False)):
        if not _agrees(output, right, tests.function):
            strain = max(shares[: number + 1], default=0.0)
            return IsolatedRun(status="fail", strain=strain, note=f"test {number}: wrong output")
    if loaded and len(outputs) == len(expected):
        return IsolatedRun(status="pass", strain=max(shares, default=0.0))
    where = f"test {len(outputs)}" if loaded else "loading the program"
    if ended == TIMED_OUT or reply.cause in ("stalled", "wall"):
        return _out_of_time(reply, times, ended, where)
    killed = ended is None and reply.exit == -signal.SIGKILL and not reply.cause
    note = f"{where}: {_why(ended, reply)}"
    return IsolatedRun(status="fail", strain=max(shares, default=0.0), note=note, killed=killed)


def _agrees(output: bytes, expected: str, function: str | None) -> bool:
    try:
        found = codec.decode(output)
    except codec.CodecError:
        return False
    return printed_agrees(found, expected) if function is None else returned_agrees(found, expected)


def _out_of_time(reply: Reply, times: list[float], ended: int | None, where: str) -> IsolatedRun:
    # Whoever stalls was asleep or busy for the stall limit; a wall limit alone proves nothing.
    seconds = times[-1] if ended == TIMED_OUT and times else GENEROSITY * TIMEOUT * (reply.cause != "wall")
    if ended == TIMED_OUT and times and seconds < BELIEVABLE * GENEROSITY * TIMEOUT:
        # The timer never fires before the limit: a sooner report is the program's own invention.
        return IsolatedRun(status="fail", strain=0.0, note=f"{where}: reported a timeout that was none")
    return IsolatedRun(status="timeout", strain=seconds / TIMEOUT, note=f"{where}: out of time")


def _why(ended: int | None, reply: Reply) -> str:
    if ended == RAISED:
        return "raised"
    return "too much output" if reply.cause == "output" else f"ended early (status {reply.exit})"
