"""Locks between processes, by ``flock`` on small files."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from verifier.errors import JudgeError


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock while the block runs; waits for it.

    Args:
        path: the lock file; made if need be, never removed (removing it would let two in at once).
        shared: let other shared holders in beside.

    Raises:
        JudgeError: the lock file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise JudgeError(f"lock file {path}: expected to open it, found: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def quiet_lock() -> Path:
    """The lock of this machine's user that a run alone holds, and that all other runs share."""
    return Path(tempfile.gettempdir()) / f"alloy-judge-{os.getuid()}.lock"
