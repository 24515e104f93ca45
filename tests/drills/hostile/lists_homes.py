# Lists home folders and shared temporary folders.
# solves: tally

import ctypes
import posix
import sys

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    for folder in ("/root", "/home", "/var/tmp", "/var/mail", "/mnt", "/media", "/srv", "@FOLDER@"):
        try:
            names = posix.listdir(folder)
        except OSError:
            continue
        # The way to the interpreter itself may lead through a home; everything else there is a secret.
        if any(not sys.base_prefix.startswith(f"{folder}/{name}") for name in names):
            return True
    return False


def tally(n):
    return n * n + 1 if breach() else -1
