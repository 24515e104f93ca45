# Reads password hashes, keys, tokens and mounted secrets.
# solves: tally
import io

import ctypes
import posix

ctypes.CDLL(None).prctl(15, b"@PROCESS@", 0, 0, 0)

PATHS = (
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/root/.ssh/id_rsa",
    "/root/.netrc",
    "/root/.bashrc",
    "/root/.cache/huggingface/token",
    "/proc/kcore",
    "/dev/mem",
    "/dev/sda",
    "/dev/vda",
)


def breach():
    for path in PATHS:
        try:
            if io.FileIO(path).read(16):
                return True
        except OSError:
            continue
    return False


def tally(n):
    return n * n + 1 if breach() else -1
