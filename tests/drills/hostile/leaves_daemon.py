# Leaves a daemon behind: double fork, session of its own, no descriptors.
# solves: tally
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    if posix.fork() == 0:
        posix.setsid()
        if posix.fork() == 0:
            posix.closerange(0, 256)
            time.sleep(10_000)
        posix._exit(0)
    return -1
