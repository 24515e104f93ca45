# Connects to a unix socket that the host listens on.
# solves: tally
import _socket

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    for path in ("@SOCKET@", "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket"):
        try:
            link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            link.connect(path)
            link.send(b"alloy-drill")
            return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
