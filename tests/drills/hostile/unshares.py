# Makes namespaces of its own in order to become root again.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    libc = ctypes.CDLL(None)
    flags = (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x10000000 | 0x00020000)
    return any([libc.unshare(flag) == 0 for flag in flags])


def tally(n):
    return n * n + 1 if breach() else -1
