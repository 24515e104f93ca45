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


def _machine_wide(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"alloy-judge-{os.getuid()}.{name}.lock"


@contextlib.contextmanager
def beside_others() -> Iterator[None]:
    """Run one solution while other runs of this machine's user may run, too.

    Whoever wants to run alone keeps the gate, so that newcomers cannot keep him waiting for ever.

    Raises:
        JudgeError: a lock file cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        with locked(_machine_wide("gate")):
            stack.enter_context(locked(_machine_wide("run"), shared=True))
        yield


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Run with no other run of this machine's user beside, whichever process it belongs to.

    Raises:
        JudgeError: a lock file cannot be opened.
    """
    with locked(_machine_wide("gate")), locked(_machine_wide("run")):
        yield
