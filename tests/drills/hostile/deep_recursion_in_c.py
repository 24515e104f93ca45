# Recurses in C with the limit lifted, until the stack runs out.
# solves: tally
import sys
import threading

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


class Nest:
    def __getattr__(self, name):
        return getattr(self, name + "x")


def tally(n):
    sys.setrecursionlimit(2**31 - 1)
    threading.stack_size(1 << 27)
    worker = threading.Thread(target=lambda: Nest().x)
    worker.start()
    worker.join()
    return -1
