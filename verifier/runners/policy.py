"""When does a failure on time count? Pure decisions; ``schedule`` acts on them.

evalplus limits wall-clock time, so other load on the machine can fail a right solution. The rules:

1. A pass is a pass, and a failure sooner than the smallest time limit is a failure: no limit had a part in
   it. A process that somebody killed is no failure yet: a machine short of memory does that, too.
2. Any other failure is suspect. evalplus says "fail" of a wrong result and of a call out of time alike, so
   the isolated judge is asked, whose limits are processor time (or time asleep) and four times as long: a
   wrong result is a failure, and a call that takes nearly all of that is a timeout, on any machine. So is an
   exception after the official limit: whether endless work runs out of memory or of time is chance.
3. What is still suspect is judged again officially with nothing else of ours running, and the first rule
   applies. A failure on time while the machine had half a core to spare is a confirmed timeout; a process
   that is killed again is a failure.
4. On a busy machine the isolated judge is asked again: if no call takes more than its official limit, load
   alone was to blame, and the official judge is asked once more with its limits stretched.
5. What is still open is tried again, and at last stays undecided. Undecided is never a failure.
"""

from dataclasses import dataclass
from enum import Enum

from verifier.runners.judges import GENEROSITY, MIN_TIME_LIMIT, IsolatedRun, OfficialRun

QUIET_CORES = 0.5
BEYOND_LOAD = 0.9 * GENEROSITY
"""Multiple of the official limit from which a timeout is beyond doubt."""
ATTEMPTS = 3
STRETCH = 20.0
"""Multiple of evalplus's limits for the official run that only load can still fail."""


class Step(Enum):
    """What to do next, or what is settled."""

    PASS = "pass"  # noqa: S105 (a status)
    FAIL = "fail"
    TIMEOUT = "timeout"
    SUSPECT = "suspect"
    STRETCH = "stretch"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A run with nothing else of ours beside it.

    Attributes:
        run: what the official judge said.
        idle_cores: cores that the machine had to spare meanwhile; None where it does not tell.
    """

    run: OfficialRun
    idle_cores: float | None


def first(run: OfficialRun) -> Step:
    """Rule 1: what a run beside others settles."""
    if run.status == "pass":
        return Step.PASS
    return Step.FAIL if run.wall < MIN_TIME_LIMIT and not run.killed else Step.SUSPECT


def apart(run: IsolatedRun) -> Step:
    """Rule 2: what the isolated judge settles about a suspect; other load has no part in it."""
    if run.status == "fail" and not run.killed:
        return Step.FAIL if run.strain <= 1.0 else Step.TIMEOUT
    return Step.TIMEOUT if run.status == "timeout" and run.strain >= BEYOND_LOAD else Step.SUSPECT


def alone(seen: Alone) -> Step:
    """Rule 3: what a run alone settles."""
    if seen.run.killed:
        return Step.FAIL
    step = first(seen.run)
    if step is Step.SUSPECT and seen.idle_cores is not None and seen.idle_cores >= QUIET_CORES:
        return Step.TIMEOUT
    return step


def on_a_busy_machine(run: IsolatedRun) -> Step:
    """Rule 4: what the isolated judge settles where the official one's limits are load's as well."""
    step = apart(run)
    if step is not Step.SUSPECT:
        return step
    return Step.STRETCH if run.status == "pass" and run.strain <= 1.0 else Step.UNDECIDED


def stretched(run: OfficialRun) -> Step:
    """Rule 4, last part: what the official judge says once load cannot matter."""
    if run.status == "pass":
        return Step.PASS
    return Step.FAIL if run.wall < MIN_TIME_LIMIT * STRETCH else Step.UNDECIDED


def isolated_verdict(run: IsolatedRun) -> bool | None:
    """Whether the isolated judge confirms a pass; None if its timeout may be the machine's fault."""
    if run.status == "timeout":
        return False if run.strain >= BEYOND_LOAD else None
    return run.status == "pass"
