# Starts threads for ever.
# solves: tally
import _thread
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    while True:
        try:
            _thread.start_new_thread(time.sleep, (1000,))
        except RuntimeError:
            time.sleep(0.01)
