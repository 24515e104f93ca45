"""The Linux system calls that Python's standard library does not offer, by ctypes.

Each function raises ``OSError`` with the call's errno. Nothing here is called on other systems.
Numbers above 423 are the same on every architecture (unified table); older ones are looked up.
"""

import ctypes
import os
import platform
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_MOUNT_SETATTR = 442
_SYS_LANDLOCK_CREATE, _SYS_LANDLOCK_ADD, _SYS_LANDLOCK_RESTRICT = 444, 445, 446
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Move the calling process into new namespaces."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, fstype: str | None, flags: int, data: str | None = None) -> None:
    """Mount or bind ``source`` at ``target``."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        fstype.encode() if fstype else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _checked(result, f"mount {target}")


def read_only(target: str, *, recursive: bool = True) -> None:
    """Make a mount (and those below it) read-only, without set-user-id programs and devices."""
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    result = _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, attributes, len(attributes))
    _checked(result, f"mount_setattr {target}")


def enter_root(new_root: str) -> None:
    """Make ``new_root`` (a mount point) the root and let the old root go."""
    os.chdir(new_root)
    _checked(_libc.syscall(_SYS_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount old root")
    os.chdir("/")


def prctl(option: int, value: int, pointer: ctypes.c_void_p | None = None) -> None:
    """Call ``prctl`` with one number and, for seccomp, one pointer."""
    result = _libc.prctl(option, ctypes.c_ulong(value), pointer or ctypes.c_ulong(0), 0, 0)
    _checked(result, f"prctl {option}")


def drop_capabilities() -> None:
    """Give up every capability for good."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break
    header = struct.pack("=II", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


def landlock_abi() -> int:
    """Version of Landlock that the kernel offers; 0 for none."""
    return max(0, int(_libc.syscall(_SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def landlock_create(attributes: bytes) -> int:
    """Make a Landlock rule set; returns its file descriptor."""
    size = ctypes.c_size_t(len(attributes))
    return _checked(_libc.syscall(_SYS_LANDLOCK_CREATE, attributes, size, 0), "landlock_create_ruleset")


def landlock_allow(ruleset: int, path_fd: int, access: int) -> None:
    """Allow ``access`` beneath the folder or on the file that ``path_fd`` names."""
    rule = struct.pack("=Qi", access, path_fd)
    _checked(_libc.syscall(_SYS_LANDLOCK_ADD, ruleset, 1, rule, 0), "landlock_add_rule")


def landlock_restrict(ruleset: int) -> None:
    """Put the calling thread under the rule set."""
    _checked(_libc.syscall(_SYS_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")
