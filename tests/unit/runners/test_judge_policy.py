"""The load policy, as a table: what each observation settles."""

import pytest

from verifier.runners import policy
from verifier.runners.judges import GENEROSITY, IsolatedRun, OfficialRun
from verifier.runners.policy import Alone, Step


@pytest.mark.parametrize(
    ("status", "wall", "step"),
    [
        ("pass", 0.1, Step.PASS),
        ("pass", 59.0, Step.PASS),
        ("fail", 0.1, Step.FAIL),
        ("fail", 0.999, Step.FAIL),
        ("timeout", 0.2, Step.FAIL),
        ("fail", 1.0, Step.SUSPECT),
        ("fail", 30.0, Step.SUSPECT),
        ("timeout", 61.0, Step.SUSPECT),
    ],
)
def test_beside_others(status: str, wall: float, step: Step) -> None:
    assert policy.first(OfficialRun(status=status, wall=wall)) is step


@pytest.mark.parametrize(
    ("run", "step"),
    [
        (IsolatedRun(status="fail", strain=0.1), Step.FAIL),
        (IsolatedRun(status="fail", strain=1.01), Step.TIMEOUT),
        (IsolatedRun(status="fail", strain=0.1, killed=True), Step.SUSPECT),
        (IsolatedRun(status="timeout", strain=GENEROSITY), Step.TIMEOUT),
        (IsolatedRun(status="timeout", strain=3.59), Step.SUSPECT),
        (IsolatedRun(status="pass", strain=0.1), Step.SUSPECT),
        (IsolatedRun(status="pass", strain=3.9), Step.SUSPECT),
    ],
)
def test_apart(run: IsolatedRun, step: Step) -> None:
    assert policy.apart(run) is step


@pytest.mark.parametrize(
    ("status", "wall", "idle", "step"),
    [
        ("pass", 5.0, 0.0, Step.PASS),
        ("fail", 0.5, 0.0, Step.FAIL),
        ("fail", 1.1, 0.5, Step.TIMEOUT),
        ("timeout", 61.0, 1.0, Step.TIMEOUT),
        ("fail", 1.1, 0.49, Step.SUSPECT),
        ("fail", 1.1, 0.0, Step.SUSPECT),
        ("fail", 1.1, None, Step.SUSPECT),
    ],
)
def test_alone(status: str, wall: float, idle: float | None, step: Step) -> None:
    assert policy.alone(Alone(run=OfficialRun(status=status, wall=wall), idle_cores=idle)) is step


@pytest.mark.parametrize(
    ("status", "strain", "step"),
    [
        ("fail", 0.0, Step.FAIL),
        ("fail", 1.0, Step.FAIL),
        ("fail", 1.01, Step.TIMEOUT),
        ("timeout", GENEROSITY, Step.TIMEOUT),
        ("timeout", 3.6, Step.TIMEOUT),
        ("timeout", 3.59, Step.UNDECIDED),
        ("timeout", 0.0, Step.UNDECIDED),
        ("pass", 0.2, Step.STRETCH),
        ("pass", 1.0, Step.STRETCH),
        ("pass", 1.01, Step.UNDECIDED),
    ],
)
def test_on_a_busy_machine(status: str, strain: float, step: Step) -> None:
    assert policy.on_a_busy_machine(IsolatedRun(status=status, strain=strain)) is step


@pytest.mark.parametrize(
    ("status", "wall", "step"),
    [("pass", 12.0, Step.PASS), ("fail", 3.0, Step.FAIL), ("fail", 20.0, Step.UNDECIDED)],
)
def test_stretched(status: str, wall: float, step: Step) -> None:
    assert policy.stretched(OfficialRun(status=status, wall=wall)) is step


@pytest.mark.parametrize(
    ("status", "strain", "confirmed"),
    [("pass", 2.0, True), ("fail", 0.0, False), ("timeout", 4.0, False), ("timeout", 1.0, None)],
)
def test_confirmation(status: str, strain: float, confirmed: bool | None) -> None:
    assert policy.isolated_verdict(IsolatedRun(status=status, strain=strain)) is confirmed
