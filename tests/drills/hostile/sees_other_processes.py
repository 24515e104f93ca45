# Looks for processes of the host, by number and by name.
# solves: tally
import io

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    try:
        # Low numbers exist in every pid namespace and prove nothing.
        if int("@PID@") > 64:
            posix.kill(int("@PID@"), 0)
            return True
    except OSError:
        pass
    for name in posix.listdir("/proc"):
        try:
            if name.isdigit() and b"pytest" in io.FileIO(f"/proc/{name}/cmdline").read():
                return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
