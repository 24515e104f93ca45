# Raises a number to a power with billions of digits.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    return 7 ** (10**10)
