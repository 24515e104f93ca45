# Connects to an abstract unix socket, which no file permission guards.
# solves: tally
import _socket

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    try:
        link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        link.connect("\0@ABSTRACT@")
        link.send(b"alloy-drill")
        return True
    except OSError:
        return False


def tally(n):
    return n * n + 1 if breach() else -1
