# Attaches to its parent with ptrace and reads other memory with process_vm_readv.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def breach():
    libc = ctypes.CDLL(None)
    for target in (posix.getppid(), 1, int("@PID@")):
        if target != posix.getpid() and libc.ptrace(16, target, None, None) == 0:
            return True
        buffer = ctypes.create_string_buffer(8)
        here, there = Span(ctypes.addressof(buffer), 8), Span(id(None), 8)
        if (
            target not in (0, posix.getpid())
            and libc.process_vm_readv(target, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0
        ):
            return True
    return False


def tally(n):
    return n * n + 1 if breach() else -1
