# Takes all memory that it can get, and touches it.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

held = []


def tally(n):
    size = 1 << 28
    while size > 4096:
        try:
            held.append(bytearray(b"x") * size)
        except MemoryError:
            size //= 2
    return -1
