# Overwrites, renames, deletes and changes the mode of a file of the host.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    done = 0
    for action in (
        lambda: posix.open("@CANARY@", posix.O_WRONLY | posix.O_TRUNC),
        lambda: posix.chmod("@CANARY@", 0),
        lambda: posix.utime("@CANARY@", (1, 1)),
        lambda: posix.rename("@CANARY@", "@CANARY@.gone"),
        lambda: posix.unlink("@CANARY@"),
        lambda: posix.truncate("@CANARY@", 0),
    ):
        try:
            action()
            done += 1
        except OSError:
            continue
    return done > 0


def tally(n):
    return n * n + 1 if breach() else -1
