# Every child takes memory of its own, so that a limit for each process alone is not enough.
# solves: tally
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    for _ in range(12):
        try:
            if posix.fork() == 0:
                held = bytearray(b"x") * (1 << 27)
                time.sleep(1000)
        except (OSError, MemoryError):
            break
    return -1
