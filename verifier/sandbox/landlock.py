"""Landlock: the kernel's own allow-list of paths, put over the namespaces as a second layer."""

import os
import struct

from verifier.sandbox import syscalls

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | (1 << 14)


def _handled(abi: int) -> int:
    """Every file-system right that this version of Landlock knows."""
    bits = 13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16
    return (1 << bits) - 1


def restrict(readable: tuple[str, ...], writable: tuple[str, ...]) -> None:
    """Leave the process with reading beneath ``readable`` and everything beneath ``writable``.

    From version 4 on TCP is refused as well, from 6 on signals and abstract sockets out of the sandbox.

    Raises:
        OSError: the kernel has no Landlock, or refuses.
    """
    abi = syscalls.landlock_abi()
    handled = _handled(abi)
    attributes = struct.pack("=Q", handled)
    if abi >= 4:
        attributes += struct.pack("=Q", 3)
    if abi >= 6:
        attributes += struct.pack("=Q", 3)
    ruleset = syscalls.landlock_create(attributes)
    for paths, access in ((readable, _READ), (writable, handled)):
        for path in paths:
            _allow(ruleset, path, access & handled)
    syscalls.landlock_restrict(ruleset)
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):  # noqa: PTH112 (called in a process that should touch as little as possible)
        access &= _FILE_ONLY
    syscalls.landlock_allow(ruleset, descriptor, access)
    os.close(descriptor)
