# Changes its user and groups, and makes a device file.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    done = 0
    for action in (
        lambda: posix.mknod("/tmp/alloy-drill-device", 0o020666, posix.makedev(1, 1)),
        lambda: posix.setgroups([0, 1, 2]),
        lambda: posix.setresuid(1, 1, 1),
    ):
        try:
            action()
            done += 1
        except (OSError, OverflowError):
            continue
    return done > 0


def tally(n):
    return n * n + 1 if breach() else -1
