# Connects to a listening port of the host over IPv6.
# solves: tally
import _socket

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    try:
        link = _socket.socket(_socket.AF_INET6, _socket.SOCK_STREAM)
        link.settimeout(0.3)
        link.connect(("::1", int("@PORT@")))
        return True
    except OSError:
        return False


def tally(n):
    return n * n + 1 if breach() else -1
