"""Seccomp: system calls that a candidate has no use for are refused with EPERM.

Two filters. ``restrict`` refuses what reaches out of the sandbox or into other processes; ``no_children``
refuses new processes (threads stay possible) and is put on a candidate as soon as it is its own process.
"""

import ctypes
import errno
import platform
import struct

from verifier.sandbox import syscalls

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JEQ, _JSET, _JGE, _RET = 0x20, 0x15, 0x45, 0x35, 0x06
_OFFSET_NR, _OFFSET_ARCH, _OFFSET_ARG0 = 0, 4, 16
_CLONE_THREAD = 0x00010000
_AF_UNIX = 1

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture lacks the call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "personality": (135, 92),
    "quotactl": (179, 60),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
}
_SOCKET = (41, 198)
_FORKS: tuple[tuple[int | None, int | None], ...] = ((57, None), (58, None))
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_EXECVE = ((59, 221), (322, 281))

Instruction = tuple[int, int, int, int]


def supported() -> bool:
    """Whether a filter is written for this machine's architecture."""
    return platform.system() == "Linux" and platform.machine() in _AUDIT_ARCH


def _index() -> int:
    return 0 if platform.machine() == "x86_64" else 1


def _return(value: int) -> Instruction:
    return (_RET, 0, 0, value)


def _refuse_if_equal(number: int, code: int = errno.EPERM) -> list[Instruction]:
    return [(_JEQ, 0, 1, number), _return(_ERRNO | code)]


def _prologue() -> list[Instruction]:
    program: list[Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_JEQ, 1, 0, _AUDIT_ARCH[platform.machine()]),
        _return(_KILL),
        (_LOAD, 0, 0, _OFFSET_NR),
    ]
    if platform.machine() == "x86_64":
        # The x32 interface reaches the same calls under other numbers.
        program += [(_JGE, 0, 1, 0x40000000), _return(_KILL)]
    return program


def _general() -> list[Instruction]:
    program = _prologue()
    for numbers in _REFUSED.values():
        number = numbers[_index()]
        if number is not None:
            program += _refuse_if_equal(number)
    # Sockets other than Unix ones are refused, whatever the network namespace would do with them.
    program += [
        (_JEQ, 0, 3, _SOCKET[_index()]),
        (_LOAD, 0, 0, _OFFSET_ARG0),
        (_JEQ, 1, 0, _AF_UNIX),
        _return(_ERRNO | errno.EPERM),
    ]
    return [*program, _return(_ALLOW)]


def _childless() -> list[Instruction]:
    program = _prologue()
    for numbers in (*_FORKS, *_EXECVE):
        number = numbers[_index()]
        if number is not None:
            program += _refuse_if_equal(number)
    # The C library falls back to clone, whose flags a filter can see.
    program += _refuse_if_equal(_CLONE3[_index()], errno.ENOSYS)
    program += [
        (_JEQ, 0, 3, _CLONE[_index()]),
        (_LOAD, 0, 0, _OFFSET_ARG0),
        (_JSET, 1, 0, _CLONE_THREAD),
        _return(_ERRNO | errno.EPERM),
    ]
    return [*program, _return(_ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _install(program: list[Instruction]) -> None:
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    record = _Program(len(program), packed)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_SECCOMP, 2, ctypes.cast(ctypes.byref(record), ctypes.c_void_p))


def restrict() -> None:
    """Refuse, for this process and all that come from it, what reaches out of the sandbox.

    Raises:
        OSError: the kernel refuses the filter.
    """
    _install(_general())


def no_children() -> None:
    """Refuse new processes and programs from here on; threads stay possible.

    Raises:
        OSError: the kernel refuses the filter.
    """
    _install(_childless())
