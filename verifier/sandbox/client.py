"""The verifier's side: hand a job to a helper process, get its record and output back."""

import array
import json
import marshal
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from verifier.errors import SandboxError
from verifier.sandbox import launch
from verifier.sandbox.zygote import HEADER, WALLS_UP, read_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one sandbox left behind.

    Attributes:
        output: the bytes it wrote; untrusted.
        cause: why the supervisor ended it: ``wall``, ``stalled``, ``output``; empty if it ended itself.
        exit: exit status of its first process, negative for a signal.
        wall: seconds from start to end.
        cpu: processor seconds of all its processes.
        blocked: seconds during which it slept.
        memory: largest resident size, in KiB on Linux.
    """

    output: bytes
    cause: str
    exit: int
    wall: float
    cpu: float
    blocked: float
    memory: int


class Sandbox:
    """Runs jobs of one kind; safe to use from several threads at once.

    The helper process starts at once and is waited for when it is needed, or on entering a ``with`` block.

    Args:
        kind: ``official`` or ``isolated``.
        plan: which layers to use.
    """

    def __init__(self, kind: str, plan: launch.Plan) -> None:
        self._kind, self._plan = kind, plan
        self._lock = threading.Lock()
        # A helper dies with the thread that started it, so that thread has to live as long as this object.
        self._starter = ThreadPoolExecutor(1)
        self._starting: Future[launch.Helper] | None = None
        if plan.mode != "bwrap-each":
            self._starting = self._starter.submit(launch.start, kind, plan)

    def __enter__(self) -> "Sandbox":
        if self._starting is not None:
            self._starting.result()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the helper process."""
        if self._starting is not None and self._starting.exception() is None:
            self._starting.result().close()
        self._starting = None
        self._starter.shutdown()

    def run(self, job: dict[str, Any]) -> Reply:
        """Run one job in a sandbox of its own and wait for its end.

        Args:
            job: the work of ``work.perform``, with ``limits``, ``wall``, ``stall``, ``bytes`` and
                ``follow_child`` for the supervisor.

        Raises:
            SandboxError: the helper process or the sandbox could not be set up; the code was not run, or not
                to its end.
        """
        helper = self._living_helper()
        try:
            with self._send(helper, {**job, "kind": self._kind}) as connection:
                record = json.loads(read_message(connection))
                output = read_message(connection)
        except (OSError, EOFError) as error:
            raise SandboxError(
                f"the {self._kind} helper process was expected to answer, found: {error}"
            ) from error
        finally:
            if self._plan.mode == "bwrap-each":
                helper.close()
        if helper.process.poll() is not None and self._plan.mode != "bwrap-each":
            # Whatever ended the helper may have ended the sample as well; its reply proves nothing.
            raise SandboxError(f"the {self._kind} helper process was expected to live, found it ended")
        if "error" in record:
            raise SandboxError(
                f"a sandbox was expected, found: {record['error']}", remedy="run `alloy doctor`"
            )
        if output[:1] != WALLS_UP and not record["cause"]:
            found = output[1:].decode(errors="replace") or f"exit status {record['exit']}"
            raise SandboxError(f"a sandbox was expected, found: {found}", remedy="run `alloy doctor`")
        return Reply(output=output[1:], **record)

    def _living_helper(self) -> launch.Helper:
        """The helper process; a new one if it died, of a shortage of memory for instance."""
        if self._plan.mode == "bwrap-each":
            return launch.start(self._kind, self._plan)
        with self._lock:
            if self._starting is None:
                raise SandboxError(f"the {self._kind} sandbox was expected to be open, found it closed")
            helper = self._starting.result()
            if helper.process.poll() is None:
                return helper
            helper.close()
            self._starting = self._starter.submit(launch.start, self._kind, self._plan)
            return self._starting.result()

    def _send(self, helper: launch.Helper, job: dict[str, Any]) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with self._lock:
                rights = array.array("i", [theirs.fileno()])
                helper.control.sendmsg([b"j"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            theirs.close()
            data = marshal.dumps(job)
            ours.sendall(HEADER.pack(len(data)) + data)
        except BaseException:
            ours.close()
            raise
        return ours
