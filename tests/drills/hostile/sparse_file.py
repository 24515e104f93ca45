# Makes a file of a petabyte by truncation.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    for folder in (".", "/tmp", "/dev/shm"):
        try:
            number = posix.open(folder + "/alloy-drill-sparse", posix.O_CREAT | posix.O_RDWR)
            posix.ftruncate(number, 1 << 50)
        except OSError:
            continue
    return -1
