"""The verifier's side: hand a job to a helper process, get its record and output back."""

import array
import json
import marshal
import socket
import threading
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

    Args:
        kind: ``official`` or ``isolated``.
        plan: which layers to use.

    Raises:
        SandboxError: the helper process does not come up.
    """

    def __init__(self, kind: str, plan: launch.Plan) -> None:
        self._kind, self._plan = kind, plan
        self._lock = threading.Lock()
        self._helper: launch.Helper | None = None
        if plan.mode != "bwrap-each":
            self._helper = launch.start(kind, plan)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the helper process."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None

    def run(self, job: dict[str, Any]) -> Reply:
        """Run one job in a sandbox of its own and wait for its end.

        Args:
            job: the work of ``work.perform``, with ``limits``, ``wall``, ``stall``, ``bytes`` and
                ``follow_child`` for the supervisor.

        Raises:
            SandboxError: the sandbox could not be set up; the code was not run.
        """
        helper = self._helper or launch.start(self._kind, self._plan)
        try:
            with self._send(helper, {**job, "kind": self._kind}) as connection:
                record = json.loads(read_message(connection))
                output = read_message(connection)
        except (OSError, EOFError) as error:
            raise SandboxError(
                f"the {self._kind} helper process was expected to answer, found: {error}"
            ) from error
        finally:
            if self._helper is None:
                helper.close()
        if "error" in record:
            raise SandboxError(
                f"a sandbox was expected, found: {record['error']}", remedy="run `alloy doctor`"
            )
        if output[:1] != WALLS_UP and not record["cause"]:
            found = output[1:].decode(errors="replace") or f"exit status {record['exit']}"
            raise SandboxError(f"a sandbox was expected, found: {found}", remedy="run `alloy doctor`")
        return Reply(output=output[1:], **record)

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
