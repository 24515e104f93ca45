"""Ground truth: what the canonical solutions return, and how long they take.

Computed in the isolated sandbox, once for each dataset digest and environment, and kept in the codec's
encoding under its own digest. Times are processor time, so that other load does not lengthen limits.
"""

import hashlib
import itertools
import json
import os
import tempfile
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from verifier.errors import JudgeError
from verifier.runners import answers, judges
from verifier.runners.answers import Answers
from verifier.runners.compare import NOT_NONE_TASKS
from verifier.runners.judges import Suite
from verifier.runners.locks import locked
from verifier.runners.problems import Problem
from verifier.sandbox import codec
from verifier.sandbox.client import Sandbox

Progress = Callable[[str, int, int], None]
Truth = Mapping[str, tuple[Suite, ...]]
_Known = dict[str, tuple[Answers, Sequence[float]]]
SECONDS = 120.0
_LIMITS = codec.Limits(size=1 << 30, items=1 << 27)
_MAGIC = b"alloy-truth/2 "
_in_memory: dict[tuple[Path, str], Truth] = {}
"""The ground truth last used: a catalog's files share it."""


def ground_truth(
    problems: Mapping[str, Problem],
    dataset: str,
    key: str,
    sandbox: Sandbox,
    *,
    cache_dir: Path | None,
    jobs: int,
    on_progress: Progress | None = None,
) -> Truth:
    """Expected results and times of every problem, from the cache or computed now.

    Args:
        problems: the benchmark.
        dataset: ``humaneval`` or ``mbpp``.
        key: names dataset digest and environment; results are shared under it.
        sandbox: of kind ``isolated``.
        cache_dir: where to keep the result; None to keep nothing.
        jobs: how many problems to compute at once.
        on_progress: told what, how many are done, of how many.

    Raises:
        JudgeError: a canonical solution fails here.
    """
    if cache_dir is None:
        return _suites(problems, _compute(problems, dataset, sandbox, jobs, on_progress))
    path = cache_dir / "truth" / f"{key}.bin"
    if (path, dataset) in _in_memory:
        return _in_memory[path, dataset]
    with locked(path.with_suffix(".lock")):
        known = _read(path)
        if known is None or set(known) != set(problems):
            known = _compute(problems, dataset, sandbox, jobs, on_progress)
            _write(path, known)
    _in_memory.clear()
    _in_memory[path, dataset] = _suites(problems, known)
    return _in_memory[path, dataset]


def _suites(problems: Mapping[str, Problem], known: Mapping[str, _Known]) -> Truth:
    truth: dict[str, tuple[Suite, ...]] = {}
    for task_id, problem in problems.items():
        inputs = {"base": problem.base_input, "plus": problem.plus_input}
        truth[task_id] = tuple(
            Suite(name=name, inputs=inputs[name], answers=answers, times=times)
            for name, (answers, times) in known[task_id].items()
        )
    return truth


def _compute(
    problems: Mapping[str, Problem], dataset: str, sandbox: Sandbox, jobs: int, on_progress: Progress | None
) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        answers = pool.map(lambda problem: _answers(problem, dataset, sandbox), problems.values())
        for task_id, answer in zip(problems, answers, strict=True):
            known[task_id] = answer
            if on_progress:
                on_progress("expected results", len(known), len(problems))
    return known


def _answers(problem: Problem, dataset: str, sandbox: Sandbox) -> _Known:
    mode = "truth" if dataset == "mbpp" and problem.entry_point in NOT_NONE_TASKS else ""
    code = problem.prompt + problem.canonical_solution
    known: _Known = {}
    for name, inputs in (("base", problem.base_input), ("plus", problem.plus_input)):
        reply = judges.run_isolated(sandbox, problem, inputs, code, [SECONDS] * len(inputs), mode, budget=0)
        _loaded, frames, times, _ended = judges.read_frames(reply)
        try:
            known[name] = (answers.from_frames(dataset, problem.entry_point, inputs, frames), times)
        except (codec.CodecError, ValueError) as error:
            raise JudgeError(
                f"{problem.task_id}: expected {len(inputs)} plain {name} results of the canonical solution, "
                f"found {len(frames)} ({reply.cause or f'exit status {reply.exit}'})",
                remedy="check the dataset's digest and this Python version",
            ) from error
    return known


def _read(path: Path) -> dict[str, _Known] | None:
    """The kept result; None if there is none or its digest does not fit."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        return None
    try:
        packed = codec.decode(body, limits=_LIMITS)
        return {
            task: {name: _unpacked(fields) for name, fields in suites.items()}
            for task, suites in packed.items()
        }
    except (codec.CodecError, ValueError, TypeError, AttributeError):
        return None


def _write(path: Path, known: Mapping[str, _Known]) -> None:
    packed = {
        task: {name: _packed(*result) for name, result in suites.items()} for task, suites in known.items()
    }
    body = codec.encode(packed, limits=_LIMITS, strict=True)
    write_atomically(path, _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _packed(known: Answers, times: Sequence[float]) -> list[bytes]:
    """Few long byte strings instead of many short ones: what makes reading it back fast."""
    lengths = array("Q", map(len, known.frames)).tobytes()
    frames = b"".join(known.frames)
    return [frames, lengths, bytes(known.stable), known.quick or b"", array("d", times).tobytes()]


def _unpacked(fields: Sequence[bytes]) -> tuple[Answers, Sequence[float]]:
    joined, lengths, stable, quick, times = fields
    ends = list(itertools.accumulate(array("Q", lengths)))
    frames = tuple(joined[start:end] for start, end in zip([0, *ends], ends, strict=False))
    if len(stable) != len(frames):
        raise ValueError("as many frames as marks expected")
    kept = Answers(frames=frames, stable=tuple(map(bool, stable)), quick=quick or None)
    return kept, array("d", times)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none.

    Args:
        path: where; its folder is made if need be.
        data: the bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def canonical(value: Any) -> bytes:
    """One byte string for one JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
