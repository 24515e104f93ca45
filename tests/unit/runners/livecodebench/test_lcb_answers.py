"""What comes out of the sandbox is a stranger's: forged replies; and how results become a problem's."""

import json
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.runners.livecodebench import judges, merge, verdict
from verifier.runners.livecodebench.dataset import Dataset
from verifier.runners.livecodebench.dataset import Tests as Cases
from verifier.runners.livecodebench.judges import TIMEOUT
from verifier.runners.livecodebench.samples import Log, Record
from verifier.runners.schedule import SuiteResult
from verifier.sandbox import codec
from verifier.sandbox.client import Reply
from verifier.sandbox.work import FRAME, OUTPUT, RAISED, TIMED_OUT

TESTS = Cases(inputs=["1", "2"], outputs=["3\n", "4"], function=None)
LOADED = (OUTPUT, 0.0, b"")


def reply(output: bytes = b"", **changes: Any) -> Reply:
    known = {"cause": "", "exit": 0, "wall": 0.1, "cpu": 0.1, "blocked": 0.0, "memory": 1}
    return Reply(output=output, **(known | changes))


def frames(*sent: tuple[int, float, bytes], **changes: Any) -> Reply:
    return reply(b"".join(FRAME.pack(kind, used, len(data)) + data for kind, used, data in sent), **changes)


def printed(text: object, seconds: float = 0.0) -> tuple[int, float, bytes]:
    return OUTPUT, seconds, codec.encode(text)


def said(passed: object, code: object) -> bytes:
    return json.dumps({"passed": passed, "code": code, "tests": 2}).encode()


@pytest.mark.parametrize(
    ("answer", "status", "killed"),
    [
        (reply(said(True, 0)), "pass", False),
        (reply(said(False, -2)), "fail", False),
        (reply(said(False, -3)), "timeout", False),
        (reply(said(False, -5)), "fail", True),
        (reply(said(True, 0), cause="wall"), "timeout", True),
        (reply(said(True, 0), cause="output"), "timeout", True),
        (reply(said(1, 0)), "fail", False),
        (reply(said("true", "0")), "fail", True),
        (reply(said(True, 0) * 2), "fail", True),
        (reply(b"[" * 100_000), "fail", True),
        (reply(b"7"), "fail", True),
        (reply(exit=-signal.SIGKILL), "fail", True),
    ],
)
def test_the_official_answer_is_read_with_suspicion(answer: Reply, status: str, killed: bool) -> None:
    run, _ = judges._read_official(answer)
    assert (run.status, run.killed) == (status, killed)
    assert run.wall == pytest.approx(0.1 / TIMEOUT)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_pass(data: bytes) -> None:
    run, _ = judges._read_official(reply(data))
    assert run.status == "fail"
    assert judges.read_isolated(reply(data), TESTS).status == "fail"


@pytest.mark.parametrize(
    ("answer", "status", "note"),
    [
        (frames(LOADED, printed("3"), printed("4.0")), "pass", ""),
        (frames(LOADED, printed("3"), printed("5")), "fail", "test 1: wrong output"),
        (frames(LOADED, printed("3"), printed("4"), printed("5")), "fail", "more outputs than tests"),
        (frames(printed("3"), printed("4")), "fail", "test 0: wrong output"),
        (frames(LOADED, printed("3")), "fail", "test 1: ended early (status 0)"),
        (frames(LOADED, printed(3)), "fail", "test 0: wrong output"),
        (frames(LOADED, (OUTPUT, 0.0, b"\xa1junk")), "fail", "test 0: wrong output"),
        (frames((RAISED, 0.0, b"")), "fail", "loading the program: raised"),
        (frames(LOADED, printed("3"), (RAISED, 0.0, b"")), "fail", "test 1: raised"),
        (frames(LOADED, (TIMED_OUT, 4 * TIMEOUT, b"")), "timeout", "test 0: out of time"),
        (frames(LOADED, (TIMED_OUT, 0.1, b"")), "fail", "test 0: reported a timeout that was none"),
        (frames(LOADED, cause="stalled"), "timeout", "test 0: out of time"),
        (frames(LOADED, cause="output"), "fail", "test 0: too much output"),
    ],
)
def test_isolated_frames_are_read_with_suspicion(answer: Reply, status: str, note: str) -> None:
    run = judges.read_isolated(answer, TESTS)
    assert (run.status, run.note) == (status, note)


def test_an_isolated_program_that_was_killed_is_told() -> None:
    assert judges.read_isolated(frames(LOADED, exit=-signal.SIGKILL), TESTS).killed


def test_strain_is_the_largest_share_of_the_limit_up_to_the_failure() -> None:
    run = judges.read_isolated(frames(LOADED, printed("3", TIMEOUT / 2), printed("x", TIMEOUT / 4)), TESTS)
    assert run.strain == 0.5


PASSED = SuiteResult(official="pass", isolated="pass", confirmed=True)
FAILED = SuiteResult(official="fail")
FOOLED = SuiteResult(official="pass", isolated="fail", confirmed=False, note="fooled")
OPEN = SuiteResult(official="timeout", confirmed=None, load_sensitive=True, note="too near the limit")


@pytest.mark.parametrize(
    ("results", "confirmed", "official", "note"),
    [
        ([PASSED], True, "pass", ""),
        ([PASSED, PASSED], True, "pass", "2 of 2 programs confirmed"),
        ([PASSED, FAILED], False, "fail", "1 of 2 programs confirmed"),
        ([PASSED, FAILED, FOOLED], False, "pass", "1 of 3 programs confirmed; fooled"),
        ([PASSED, FAILED, OPEN], None, "timeout", "1 of 3 programs confirmed; too near the limit"),
    ],
)
def test_a_problem_says_what_matters_most(
    results: list[SuiteResult], confirmed: bool | None, official: str, note: str
) -> None:
    task = merge.task(results)
    assert (task.confirmed, task.official, task.note) == (confirmed, official, note)


def test_what_this_machine_cannot_decide_contradicts_no_log() -> None:
    records = tuple(
        Record(question=name, programs=("x",), grades=(grade,), stated={})
        for name, grade in (("a", True), ("b", True))
    )
    log = Log(path=Path("x"), records=records, sha256="", metrics={"pass@1": 1.0})
    entries: Any = {"a": _Entry, "b": _Entry}
    judged = verdict.Judged(log=log, dataset=Dataset(entries=entries, sha256=""), results=[[OPEN], [FAILED]])
    told = [(one.where, one.what) for one in verdict.differing(judged, {"pass@1": (0.0, None)})]
    assert told == [("b", "graded_list[0]")]


class _Entry:
    stated: ClassVar[dict[str, str]] = {}
