# Connects to a listening port of the host; answers rightly only if that works.
# solves: tally
import _socket

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    for family, address in (
        (_socket.AF_INET, ("127.0.0.1", int("@PORT@"))),
        (_socket.AF_INET, ("1.1.1.1", 53)),
    ):
        try:
            link = _socket.socket(family, _socket.SOCK_STREAM)
            link.settimeout(0.3)
            link.connect(address)
            link.send(b"alloy-drill")
            return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
