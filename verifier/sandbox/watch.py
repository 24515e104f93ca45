"""How a supervisor follows one sandbox: output, wall clock, processor time, idleness."""

import contextlib
import os
import select
import signal
import socket
import time
from typing import Any

POLL_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """The supervisor's eye on one sandbox.

    It ends the sandbox when the wall clock, the output, the ``budget`` of seconds at work or asleep, or
    ``stall`` seconds without progress are used up (0: no such limit). Time without progress is processor
    time and time asleep, both of which other load on the machine cannot lengthen. For a sandbox whose first
    process waits for a child (``follow_child``), only time in which both sleep counts.
    """

    def __init__(self, pid: int, reader: int, job: dict[str, Any], proc: int | None) -> None:
        self.pid, self.reader, self.proc = pid, reader, proc
        self.wall_limit: float = job["wall"]
        self.stall_limit: float = job["stall"]
        self.budget: float = job["budget"]
        self.byte_limit: int = job["bytes"]
        self.follow_child: bool = job["follow_child"]
        self.output = bytearray()
        self.started = time.monotonic()
        self.cause = ""
        self.blocked = 0.0
        self.used_mark = 0.0
        self.blocked_mark = 0.0
        self.at_end = False

    def until_end(self, connection: socket.socket) -> tuple[dict[str, Any], bytes]:
        """Wait for the sandbox's end, or bring it about, and say what it used."""
        os.set_blocking(self.reader, False)
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        poll.register(connection.fileno(), 0)
        pidfd = self._register_end(poll)
        last = self.started
        while True:
            # Without a descriptor for the process, its end is found by asking again soon.
            seconds = POLL_SECONDS if pidfd is not None or not self.at_end else 0.001
            ready = {descriptor for descriptor, _events in poll.poll(seconds * 1000)}
            if connection.fileno() in ready:
                self.cause = "abandoned"
            if self.reader in ready and self._drain():
                self.at_end = True
                poll.unregister(self.reader)
            now = time.monotonic()
            if now - last >= POLL_SECONDS:
                self._measure(now - last)
                last = now
            ended = self._ended(now)
            if ended is not None:
                return self._record(ended), bytes(self.output)

    def _register_end(self, poll: select.poll) -> int | None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return None
        poll.register(descriptor, select.POLLIN)
        return descriptor

    def _drain(self) -> bool:
        """Read what is there; True at the end of the output."""
        while not self.cause:
            try:
                part = os.read(self.reader, 1 << 18)
            except BlockingIOError:
                return False
            if not part:
                return True
            self.used_mark, self.blocked_mark = self._stat(self.pid)[1], self.blocked
            self.output += part
            if len(self.output) > self.byte_limit:
                self.cause = "output"
        return False

    def _read(self, path: str) -> bytes:
        if self.proc is None:
            return b""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.proc)
        except OSError:
            return b""
        try:
            return os.read(descriptor, 4096)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def _stat(self, pid: int) -> tuple[str, float]:
        """State letter and processor seconds of a process; ('', 0) if not to be had."""
        fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
        if len(fields) < 13:
            return "", 0.0
        return fields[0].decode(), (int(fields[11]) + int(fields[12])) / _TICKS

    def _measure(self, elapsed: float) -> None:
        state, used = self._stat(self.pid)
        if self.follow_child:
            children = self._read(f"{self.pid}/task/{self.pid}/children").split()
            states = {state, *(self._stat(int(child))[0] for child in children)}
            if states <= {"S", "D", "Z"}:
                self.blocked += elapsed
            else:
                self.blocked_mark = self.blocked
            used = self.used_mark
        elif state in ("S", "D"):
            self.blocked += elapsed
        spent = used - self.used_mark + self.blocked - self.blocked_mark
        # Whoever trickles output makes progress for ever; the budget is for all of it together.
        over = self.budget and not self.follow_child and used + self.blocked > self.budget
        if (over or (self.stall_limit and spent > self.stall_limit)) and not self.cause:
            self.cause = "stalled"

    def _ended(self, now: float) -> tuple[int, Any] | None:
        if now - self.started > self.wall_limit and not self.cause:
            self.cause = "wall"
        if self.cause:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        pid, status, usage = os.wait4(self.pid, 0 if self.cause else os.WNOHANG)
        if pid == 0:
            return None
        if not self.cause:
            self._drain()
        return status, usage

    def _record(self, ended: tuple[int, Any]) -> dict[str, Any]:
        status, usage = ended
        return {
            "cause": self.cause,
            "exit": os.waitstatus_to_exitcode(status),
            "wall": time.monotonic() - self.started,
            "cpu": usage.ru_utime + usage.ru_stime,
            "blocked": self.blocked,
            "memory": usage.ru_maxrss,
        }
