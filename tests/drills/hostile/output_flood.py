# Floods standard output and standard error, below Python's own streams.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

chunk = b"alloy-drill flood " * 4096


def tally(n):
    for _ in range(1 << 14):
        for number in (1, 2):
            try:
                posix.write(number, chunk)
            except OSError:
                return -1
    return -1
