# Sends a datagram to the host, which needs no connection.
# solves: tally
import _socket

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    try:
        link = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        link.sendto(b"alloy-drill", ("127.0.0.1", int("@PORT@")))
        link.sendto(b"alloy-drill", ("8.8.8.8", 53))
        return True
    except OSError:
        return False


def tally(n):
    return n * n + 1 if breach() else -1
