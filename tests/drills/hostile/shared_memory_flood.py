# Fills shared memory and anonymous memory files, which no heap limit counts.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

chunk = b"x" * (1 << 20)


def fill(number):
    try:
        for _ in range(4096):
            posix.write(number, chunk)
    except OSError:
        return


def tally(n):
    for path in ("/dev/shm/alloy-drill-flood", "/run/alloy-drill-flood"):
        try:
            fill(posix.open(path, posix.O_CREAT | posix.O_RDWR))
        except OSError:
            continue
    try:
        fill(posix.memfd_create("alloy-drill"))
    except OSError:
        pass
    return -1
