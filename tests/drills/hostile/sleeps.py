# Sleeps for a day, again and again, whatever interrupts it.
# solves: tally
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    while True:
        try:
            time.sleep(86400)
        except BaseException:
            continue
