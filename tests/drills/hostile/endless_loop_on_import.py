# Never even finishes defining its function, and swallows every exception.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

while True:
    try:
        while True:
            pass
    except BaseException:
        continue


def tally(n):
    return -1
