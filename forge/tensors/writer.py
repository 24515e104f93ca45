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

BUFFER_BYTES = 256 * 1024
"""Size of one write. It should stay in a core's cache between being read and being written: with 8 MiB the
copies to and from it took two to five times as long."""

MAX_BUFFERS = 16
"""How far digesting may fall behind writing. The buffer that came free last is used next, for the cache."""


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
        self._buffer = memoryview(bytearray(buffer_bytes))
        self._free: list[memoryview] = []
        self._pending: deque[tuple[memoryview, Future[None]]] = deque()
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
        if self.buffer_bytes - self._filled < least:
            self._flush()
        return self._buffer[self._filled :]

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
        for _, digested in self._pending:
            digested.result()
        return self._digest.hexdigest(), self._written

    def _flush(self) -> None:
        view = self._buffer[: self._filled]
        self._pending.append((self._buffer, self._hasher.submit(self._digest.update, view)))
        done = 0
        while done < len(view):
            done += os.write(self._descriptor, view[done:])
        self._written += done
        self._filled = 0
        self._on_bytes(done)
        self._buffer = self._next_buffer()

    def _next_buffer(self) -> memoryview:
        """One whose contents are digested; it is written already."""
        while self._pending and (self._pending[0][1].done() or len(self._pending) >= MAX_BUFFERS):
            buffer, digested = self._pending.popleft()
            digested.result()
            self._free.append(buffer)
        return self._free.pop() if self._free else memoryview(bytearray(self.buffer_bytes))
