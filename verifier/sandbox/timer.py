"""A limit on processor time, by the clock that is reported."""

import signal
import time


def start(seconds: float, error: type[BaseException]) -> None:
    """Raise an error in this process after so many processor seconds, unless ``stop`` is called before.

    The kernel counts for its timer in ticks, and beside other load it may fire a tenth too soon: then it is
    set again for what is left.

    Args:
        seconds: processor time, of the system's calls as well.
        error: what is raised, without arguments.
    """
    clock, arm = time.process_time, signal.setitimer
    end = clock() + seconds

    def on_timer(_number: int, _frame: object) -> None:
        left = end - clock()
        if left <= 0:
            raise error
        arm(signal.ITIMER_PROF, max(left, 0.001))

    signal.signal(signal.SIGPROF, on_timer)
    arm(signal.ITIMER_PROF, seconds)


def stop() -> None:
    """Forget the limit."""
    signal.setitimer(signal.ITIMER_PROF, 0)
