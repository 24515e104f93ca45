# Writes a file into every folder that a host has.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

FOLDERS = (
    "/",
    "/etc",
    "/usr/bin",
    "/usr/lib",
    "/root",
    "/home",
    "/opt",
    "/var/tmp",
    "/run",
    "/srv",
    "@FOLDER@",
    "@CHECKOUT@",
)


def breach():
    wrote = False
    for folder in FOLDERS:
        try:
            number = posix.open(folder + "/alloy-drill-was-here", posix.O_CREAT | posix.O_WRONLY, 0o666)
            wrote = wrote or folder in {"@FOLDER@", "@CHECKOUT@", "/usr/bin"}
            posix.close(number)
        except OSError:
            continue
    return wrote


def tally(n):
    return n * n + 1 if breach() else -1
