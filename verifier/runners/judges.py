"""The two judges, as jobs for the sandbox."""

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifier.runners.answers import Answers
from verifier.runners.compare import NOT_NONE_TASKS, agree_all, agree_encoded
from verifier.runners.problems import Problem
from verifier.sandbox import codec
from verifier.sandbox.client import Reply, Sandbox
from verifier.sandbox.work import FRAME, NOT_PLAIN, OUTPUT, RAISED, TIMED_OUT

MIN_TIME_LIMIT = 1.0
"""Smallest time limit of one call in seconds: evalplus's default."""
TIME_FACTOR = 4.0
"""Time limit of one call as a multiple of the canonical solution's time: evalplus's default."""
GENEROSITY = 4.0
"""The isolated judge's processor-time limit as a multiple of the official limit."""
BELIEVABLE = 0.9
"""Share of the limit below which a reported timeout is not believed."""
TOTAL_LIMIT = 60.0
"""evalplus's cap on the seconds of one run over all inputs."""

MIB = 1 << 20
REVISION = 5
"""Raised whenever a change here may change a status."""

LIMITS = {
    "memory": 4096 * MIB,
    "stack": 4096 * MIB,
    "cpu": 300,
    "file": 32 * MIB,
    "files": 256,
    "processes": 64,
}
OFFICIAL_BYTES = MIB
ISOLATED_BYTES = 256 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Inputs of one problem that are run together, with what is right for them.

    Attributes:
        name: ``base`` or ``plus``.
        inputs: argument lists.
        answers: what the canonical solution returns.
        times: its processor seconds for each input.
    """

    name: str
    inputs: Sequence[Any]
    answers: Answers
    times: Sequence[float]

    def time_limits(self) -> list[float]:
        """Seconds that the official judge allows for each call."""
        return [max(MIN_TIME_LIMIT, TIME_FACTOR * seconds) for seconds in self.times]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialRun:
    """What the official judge said about one suite.

    Attributes:
        status: ``pass``, ``fail`` or ``timeout``, in its own words.
        wall: seconds it took.
        killed: somebody ended its process: the sample, or a machine short of memory.
    """

    status: str
    wall: float
    killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedRun:
    """What the isolated judge found on one suite.

    Attributes:
        status: ``pass``, ``fail`` or ``timeout``.
        strain: for a pass the largest share of the official limit that a call took, for a timeout or an
            exception the multiple of it that the call had taken by then, else 0; processor time or time
            asleep.
        note: why it did not pass.
        killed: somebody ended its process: the sample, or a machine short of memory.
    """

    status: str
    strain: float = 0.0
    note: str = ""
    killed: bool = False


def judge_officially(
    sandbox: Sandbox,
    dataset: str,
    problem: Problem,
    suites: Sequence[Suite],
    code: str,
    *,
    scale: float = 1.0,
) -> dict[str, OfficialRun]:
    """Let evalplus's own code check one solution.

    Args:
        sandbox: of kind ``official``.
        dataset: ``humaneval`` or ``mbpp``.
        problem: the problem.
        suites: base, then plus; it ends at the first that does not pass.
        code: the solution.
        scale: multiple of evalplus's time limits.

    Returns:
        What it said, by suite name; suites that it did not reach are absent.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    longest = max([MIN_TIME_LIMIT, *(limit for suite in suites for limit in suite.time_limits())])
    job = {
        "dataset": dataset,
        "code": code,
        "entry_point": problem.entry_point,
        "suites": [_official_suite(suite) for suite in suites],
        "atol": problem.atol,
        "min_time_limit": MIN_TIME_LIMIT * scale,
        "factor": TIME_FACTOR * scale,
        "limits": LIMITS,
        "wall": len(suites) * (TOTAL_LIMIT + 3) + 15,
        "stall": longest * scale + 8,
        "budget": 0,
        "bytes": OFFICIAL_BYTES,
        "follow_child": True,
    }
    reply = sandbox.run(job)
    return _read_official(reply, [suite.name for suite in suites])


def _official_suite(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "inputs": list(suite.inputs),
        "expected": suite.answers.to_hand_over(),
        "ref_time": list(suite.times),
    }


def _read_official(reply: Reply, names: list[str]) -> dict[str, OfficialRun]:
    """Read the answer with suspicion: a candidate can reach the process that writes it."""
    try:
        answer = json.loads(reply.output) if not reply.cause else {}
        runs = {
            name: OfficialRun(status=str(answer[name]["status"]), wall=float(answer[name]["wall"]))
            for name in names
            if name in answer
        }
    except (ValueError, TypeError, KeyError, RecursionError):
        runs = {}
    if not runs or any(run.status not in ("pass", "fail", "timeout") for run in runs.values()):
        status = "timeout" if reply.cause else "fail"
        return {names[0]: OfficialRun(status=status, wall=reply.wall, killed=_killed(reply))}
    return runs


def judge_in_isolation(
    sandbox: Sandbox, dataset: str, problem: Problem, suite: Suite, code: str
) -> IsolatedRun:
    """Run one solution where no answer is in reach, and compare its results here.

    Args:
        sandbox: of kind ``isolated``.
        dataset: ``humaneval`` or ``mbpp``.
        problem: the problem.
        suite: the inputs.
        code: the solution.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    limits = suite.time_limits()
    mode = "candidate" if _only_presence(dataset, problem) else ""
    reply = run_isolated(sandbox, problem, suite.inputs, code, [GENEROSITY * limit for limit in limits], mode)
    loaded, outputs, times, ended = read_frames(reply)
    if len(outputs) > len(limits):
        return IsolatedRun(status="fail", note=f"{suite.name}: more results than inputs")
    verdicts = _agreements(dataset, problem, suite, outputs)
    if False in verdicts[: len(outputs)]:
        return IsolatedRun(status="fail", note=f"{suite.name} input {verdicts.index(False)}: wrong result")
    if len(outputs) == len(limits):
        shares = (seconds / limit for seconds, limit in zip(times, limits, strict=False))
        return IsolatedRun(status="pass", strain=max(shares, default=0.0))
    where = f"{suite.name} input {len(outputs)}" if loaded else "loading the code"
    if ended == TIMED_OUT or reply.cause in ("stalled", "wall"):
        limit = limits[min(len(outputs), len(limits) - 1)]
        # Whoever stalls was asleep or busy for the stall limit; a wall limit alone proves nothing.
        seconds = times[-1] if ended == TIMED_OUT and times else GENEROSITY * limit * (reply.cause != "wall")
        bound = GENEROSITY * (limit if loaded else MIN_TIME_LIMIT)
        if ended == TIMED_OUT and times and seconds < BELIEVABLE * bound:
            # The timer never fires before the limit: a sooner report is the candidate's own invention.
            return IsolatedRun(status="fail", note=f"{where}: reported a timeout that was none")
        return IsolatedRun(status="timeout", strain=seconds / limit, note=f"{where}: out of time")
    killed = ended is None and _killed(reply)
    limit = limits[min(len(outputs), len(limits) - 1)] if loaded else MIN_TIME_LIMIT
    strain = times[-1] / limit if ended == RAISED else 0.0
    return IsolatedRun(status="fail", strain=strain, note=f"{where}: {_why(ended, reply)}", killed=killed)


def _killed(reply: Reply) -> bool:
    return reply.exit == -signal.SIGKILL and not reply.cause


def _agreements(dataset: str, problem: Problem, suite: Suite, outputs: list[bytes]) -> list[bool]:
    if suite.answers.are(outputs):
        return [True] * len(outputs)
    name, inputs = problem.entry_point, suite.inputs
    try:
        values = [codec.decode(data) for data in outputs]
    except codec.CodecError:
        # Malformed, or larger than what is read from strangers: then only the right bytes are right.
        return agree_encoded(dataset, name, inputs, outputs, suite.answers.expected(), problem.atol)
    return agree_all(dataset, name, inputs, values, suite.answers.values(), problem.atol)


def _only_presence(dataset: str, problem: Problem) -> bool:
    return dataset == "mbpp" and problem.entry_point in NOT_NONE_TASKS


def _why(ended: int | None, reply: Reply) -> str:
    if ended == RAISED:
        return "raised"
    if ended == NOT_PLAIN:
        return "returned no plain value"
    return "too much output" if reply.cause == "output" else f"ended early (status {reply.exit})"


def run_isolated(
    sandbox: Sandbox,
    problem: Problem,
    inputs: Sequence[Any],
    code: str,
    limits: list[float],
    mode: str,
    *,
    budget: float = 1.5 * TOTAL_LIMIT,
) -> Reply:
    """Run code on inputs; see ``work`` for what comes back.

    Args:
        sandbox: of kind ``isolated``.
        problem: gives the entry point.
        inputs: argument lists.
        code: the program.
        limits: processor seconds for each input.
        mode: ``truth`` or ``candidate`` where only the presence of a result counts, else empty.
        budget: seconds at work or asleep for all of it together.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    longest = max([GENEROSITY * MIN_TIME_LIMIT, *limits])
    total = GENEROSITY * (TOTAL_LIMIT + 2)
    job = {
        "code": code,
        "entry_point": problem.entry_point,
        "inputs": list(inputs),
        "cpu_limits": limits,
        "load_limit": GENEROSITY * MIN_TIME_LIMIT,
        "not_none": mode,
        "limits": LIMITS,
        "wall": 4 * total,
        "stall": longest + 2,
        "budget": budget,
        "bytes": ISOLATED_BYTES,
        "follow_child": False,
    }
    return sandbox.run(job)


def read_frames(reply: Reply) -> tuple[bool, list[bytes], list[float], int | None]:
    """Take apart what an isolated candidate sent, up to the first thing that is malformed.

    Returns:
        Whether its code loaded; the results, encoded; processor seconds of each call that ended, by its
        own clock;
        how the last call ended if not with a result (None: it did not say).
    """
    data = memoryview(reply.output)
    outputs: list[bytes] = []
    times: list[float] = []
    loaded, ended, position = False, None, 0
    while position + FRAME.size <= len(data):
        kind, seconds, length = FRAME.unpack_from(data, position)
        body = data[position + FRAME.size : position + FRAME.size + length]
        position += FRAME.size + length
        if len(body) < length:
            break
        if not loaded and kind == OUTPUT:
            loaded = True
            continue
        times.append(seconds)
        if kind != OUTPUT:
            ended = kind
            break
        outputs.append(bytes(body))
    return loaded, outputs, times, ended
