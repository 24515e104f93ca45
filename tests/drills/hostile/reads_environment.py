# Reads environment variables, its own and those of every process that it sees.
# solves: tally
import io

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    if any("ALLOY_DRILL_SECRET" in name or "TOKEN" in name for name in map(str, posix.environ)):
        return True
    for name in posix.listdir("/proc"):
        try:
            if name.isdigit() and b"ALLOY_DRILL_SECRET" in io.FileIO(f"/proc/{name}/environ").read():
                return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
