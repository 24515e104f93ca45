"""What a sandbox does for one program of LiveCodeBench; see ``work``, which calls it.

Source: ``testing_util.py`` and ``compute_code_generation_metrics.py`` of nvidia-livecodebench 26.3.
``official`` lets that judge say what it thinks. ``isolated`` loads and calls the program by the same
functions, where no expected output is in reach; what differs is the clock (processor time instead of
wall-clock time) and that nothing is compared here.
"""

import importlib
import json
import pickle
import signal
import time
from collections.abc import Callable
from typing import Any

from verifier.sandbox import codec, timer

Send = Callable[[int, float, bytes], None]
OUTPUT, RAISED, TIMED_OUT = 0, 1, 2
_METRICS = "livecodebench.evaluation.compute_code_generation_metrics"
_TESTING = "livecodebench.evaluation.testing_util"
NO_NUMBER = -6
"""Error code where a program's grades are nothing that the harness can count."""


def preload() -> None:
    """Import the judge. It also raises the limit on digits of integers, on which results depend."""
    metrics: Any = importlib.import_module(_METRICS)
    metrics.check_correctness = _check_correctness


def _check_correctness(problem: Any, program: str, timeout: int, debug: bool) -> tuple[Any, Any]:
    """The harness's function of this name without the two processes that it starts: the sandbox is one.

    Its cap on the whole run is the supervisor's business, and a program that ends the process leaves no
    answer. Grades go through a pickle as they do there: what cannot be pickled is no grade.
    """
    testing = importlib.import_module(_TESTING)
    graded = testing.run_test(problem, test=program, debug=debug, timeout=timeout)
    found: tuple[Any, Any] = pickle.loads(pickle.dumps(graded))  # noqa: S301 (this process's own)
    return found


def official(job: dict[str, Any]) -> bytes:
    """Let the harness grade one program.

    Args:
        job: ``code``; ``tests`` as JSON text, as the harness's problems give it; ``timeout``: seconds a test.

    Returns:
        JSON: whether it passes, the harness's error code (0 for none), and how many tests it graded.
    """
    import numpy as np

    metrics = importlib.import_module(_METRICS)
    problem = {"input_output": job["tests"]}
    graded, said = metrics.evaluate_generations_by_problem(([job["code"]], problem, False, job["timeout"]))
    code = said[0].get("error_code", 0)
    try:
        # The harness's own rule, from ``compute_metrics_from_results``.
        passed = bool(np.all(np.array(graded[0]) > 0))
    except Exception:  # noqa: BLE001 (grades come from the program's process and can be anything)
        passed, code = False, NO_NUMBER
    answer = {"passed": passed, "code": code if type(code) is int else NO_NUMBER, "tests": len(graded[0])}
    return json.dumps(answer).encode()


def isolated(job: dict[str, Any], send: Send) -> None:
    """Run one program on inputs and send what comes out, test by test.

    Args:
        job: ``code``; ``inputs`` as the harness has them (text); ``function``: the method to call, None for a
            program that reads standard input; ``seconds`` of processor time for loading and for each test.
        send: takes kind, processor seconds and encoded output; the first one says that the program is loaded.
    """
    testing = importlib.import_module(_TESTING)
    testing.reliability_guard()
    signal.signal(signal.SIGALRM, testing.timeout_handler)
    began = time.process_time()
    try:
        run = _timed(job["seconds"], testing, _load, testing, job["code"], job["function"])
        texts = [_arguments(text) for text in job["inputs"]] if job["function"] else job["inputs"]
    except BaseException as error:  # noqa: BLE001 (a program may raise anything)
        send(_kind(testing, error), time.process_time() - began, b"")
        return
    send(OUTPUT, time.process_time() - began, b"")
    for text in texts:
        began = time.process_time()
        try:
            out = _timed(job["seconds"], testing, run, text)
        except BaseException as error:  # noqa: BLE001
            send(_kind(testing, error), time.process_time() - began, b"")
            return
        send(OUTPUT, time.process_time() - began, codec.encode(out))


def _timed(seconds: float, testing: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    timer.start(seconds, testing.TimeoutException)
    try:
        return function(*arguments)
    finally:
        timer.stop()


def _kind(testing: Any, error: BaseException) -> int:
    return TIMED_OUT if isinstance(error, testing.TimeoutException) else RAISED


def _load(testing: Any, code: str, function: str | None) -> Callable[[Any], Any]:
    """Compile a program as ``grade_call_based`` and ``grade_stdio`` do; alarms stay off (0 seconds)."""
    if function is not None:
        solution = testing.compile_code(testing.import_string + "\n\n" + code, 0)
        method = testing.get_function(solution, function)
        if method is None:
            raise AttributeError(function)
        return lambda arguments: method(*arguments)
    main = testing.make_function(testing.clean_if_name(code))
    wrapped = testing.get_function(testing.compile_code(main, 0), "wrapped_function")
    if wrapped is None:
        raise AttributeError("wrapped_function")

    def run(text: str) -> str:
        with testing.Capturing() as captured:
            testing.call_method(wrapped, text)
        printed: str = captured[0]
        return printed

    return run


def _arguments(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n")]
