"""A file in the making: bytes go out in large writes while a second thread digests them.

``hashlib`` and ``os.write`` both release the interpreter lock, so reading and writing on one core overlap
with sha256 on another. Memory is a few buffers, used in turn, whatever the size of the file.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

BUFFER_BYTES = 8 * 1024 * 1024
"""Size of one write."""

BUFFERS = 3
"""One that is filled, one that is digested, one to spare."""


class Sink:
    """Writes a descriptor and digests what it writes. A context manager.

    Args:
        descriptor: open for writing; stays the caller's to close.
        on_bytes: told how many bytes each write added.
        buffer_bytes: size of one write.

    Attributes:
        buffer_bytes: as above; more room than that cannot be asked for.
    """

    def __init__(
        self,
        descriptor: int,
        on_bytes: Callable[[int], None] = lambda count: None,
        *,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.buffer_bytes = buffer_bytes
        self._descriptor = descriptor
        self._on_bytes = on_bytes
        self._digest = hashlib.sha256()
        self._hasher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sha256")
        self._ring = deque((memoryview(bytearray(buffer_bytes)), _done()) for _ in range(BUFFERS))
        self._filled = 0
        self._written = 0
        self._scratch: bytearray | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hasher.shutdown(wait=True, cancel_futures=True)

    def room(self, least: int = 1) -> memoryview:
        """A place for the next bytes, at least so many; :meth:`advance` says how many were put there."""
        buffer, _ = self._ring[0]
        if self.buffer_bytes - self._filled < least:
            self._flush()
            buffer, _ = self._ring[0]
        return buffer[self._filled :]

    def advance(self, count: int) -> None:
        """The first ``count`` bytes of the last :meth:`room` are part of the file."""
        self._filled += count

    def scratch(self, size: int) -> bytearray:
        """Memory for the caller, the same each time."""
        if self._scratch is None or len(self._scratch) < size:
            self._scratch = bytearray(size)
        return self._scratch

    def finish(self) -> tuple[str, int]:
        """Write what is left; return sha256 (64 hex digits) and size.

        Raises:
            OSError: it cannot be written.
        """
        self._flush()
        for _, pending in self._ring:
            pending.result()
        return self._digest.hexdigest(), self._written

    def _flush(self) -> None:
        buffer, _ = self._ring.popleft()
        view = buffer[: self._filled]
        self._ring.append((buffer, self._hasher.submit(self._digest.update, view)))
        done = 0
        while done < len(view):
            done += os.write(self._descriptor, view[done:])
        self._written += done
        self._filled = 0
        self._on_bytes(done)
        # The next buffer may be filled only once its last contents are digested.
        self._ring[0][1].result()


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
