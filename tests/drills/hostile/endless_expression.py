# Matches a pattern that backtracks for years inside C, where no handler runs.
# solves: tally
import re

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    re.match(r"(a+)+$", "a" * 64 + "b")
    return -1
