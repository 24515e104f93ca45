# Reads a secret that lies where the test put it, directly and through /proc.
# solves: tally
import io

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    for path in (
        "@CANARY@",
        "/proc/1/root@CANARY@",
        "/proc/self/root@CANARY@",
        f"/proc/{posix.getppid()}/cwd/../@CANARY@",
    ):
        try:
            if b"canary" in io.FileIO(path).read():
                return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
