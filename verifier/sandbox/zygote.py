"""A small helper process that starts candidates: one supervisor and one sandbox for each job.

It is started once per kind, loads what its candidates need, moves behind the walls of ``jail``, and
then forks for every job. Per job there are a supervisor, which is trusted, keeps the clock and writes
the record of what the sandbox used, and below it the sandbox, whose first process does the work of
``work``. When that process ends, everything in its pid namespace ends with it.
Messages between trusted processes use ``marshal``; what a sandbox writes is passed on as bare bytes.
"""

import array
import contextlib
import gc
import json
import marshal
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from verifier.sandbox import jail, syscalls, work
from verifier.sandbox.watch import Watch

HEADER = struct.Struct("!Q")
WALLS_UP, WALLS_DOWN = b"\x01", b"\x00"


def main(control_fd: int, config_json: str) -> None:
    """Serve jobs that arrive on the control socket until it closes.

    Args:
        control_fd: inherited descriptor of a Unix socket.
        config_json: kind, layers and paths, as ``launch`` writes them.
    """
    control = socket.socket(fileno=control_fd)
    config = json.loads(config_json)
    try:
        work.preload(config["kind"])
        config["proc"] = _prepare(config)
        _drop_own_folders(config)
    except Exception as error:  # noqa: BLE001 (whatever is wrong here is told to the one who can act)
        control.sendall(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.sendall(b'{"ready": true}')
    while True:
        job = _receive(control)
        if job is None:
            return
        if os.fork() == 0:
            control.close()
            _supervise(job, config)
        job.close()


def _prepare(config: dict[str, Any]) -> int | None:
    if not config["linux"]:
        return None
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if config["root"] == "own":
        paths = (tuple(config[name]) for name in ("readable", "hidden", "scratch"))
        jail.enter(proc, config["new_root"], *paths)
    elif config["root"] == "outer":
        jail.become_nobody()
    return proc


def _drop_own_folders(config: dict[str, Any]) -> None:
    hidden = tuple(str(Path(path).parent) for path in config["hidden"])
    sys.path[:] = [entry for entry in sys.path if entry not in hidden or entry in config["readable"]]


def _receive(control: socket.socket) -> socket.socket | None:
    descriptors = array.array("i")
    message, ancillary, _flags, _address = control.recvmsg(1, socket.CMSG_LEN(descriptors.itemsize))
    if not message:
        return None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: descriptors.itemsize])
    return socket.socket(fileno=descriptors[0])


def read_message(connection: socket.socket) -> bytes:
    """Read one length-prefixed message.

    Raises:
        EOFError: the other side closed before the message was complete.
    """
    (length,) = HEADER.unpack(_read_exactly(connection, HEADER.size))
    return _read_exactly(connection, length)


def _read_exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(1 << 20, length - len(parts)))
        if not part:
            raise EOFError("the connection closed in the middle of a message")
        parts += part
    return bytes(parts)


def _supervise(connection: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Run one job and report it; the process ends here whatever happens."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job = marshal.loads(read_message(connection))  # noqa: S302 (written by the verifier itself)
        record, output = _run(job, config, connection)
        head = json.dumps(record).encode()
        connection.sendall(HEADER.pack(len(head)) + head + HEADER.pack(len(output)) + output)
    except BaseException as error:  # noqa: BLE001 (the verifier must hear of it)
        with contextlib.suppress(OSError):
            head = json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()
            connection.sendall(HEADER.pack(len(head)) + head + HEADER.pack(0))
    finally:
        os._exit(0)


def _run(
    job: dict[str, Any], config: dict[str, Any], connection: socket.socket
) -> tuple[dict[str, Any], bytes]:
    scratch: str | None = None
    if config["nested"]:
        jail.isolate(config["proc"], tuple(config["scratch"]))
    elif config["root"] == "none":
        scratch = tempfile.mkdtemp(prefix="alloy-judge-")
    try:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            _candidate(job, config, writer, scratch)
        os.close(writer)
        return Watch(pid, reader, job, config["proc"]).until_end(connection)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _candidate(job: dict[str, Any], config: dict[str, Any], writer: int, scratch: str | None) -> NoReturn:
    """First process of the sandbox: put the walls up, then do the work."""
    try:
        os.dup2(writer, 3)
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(4, 4096)
        if config["linux"]:
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        places = (scratch,) if scratch else tuple(config["scratch"])
        tempfile.tempdir = places[0]
        os.chdir(places[0])
        jail.confine({**config, "limits": job["limits"], "scratch": places})
    except BaseException as error:  # noqa: BLE001 (reported as the sandbox's own failure)
        os.write(3, WALLS_DOWN + f"{type(error).__name__}: {error}".encode()[:500])
        os._exit(1)
    try:
        os.write(3, WALLS_UP)
        work.perform(job, 3, childless=config["seccomp"])
    except BaseException:  # noqa: BLE001 (whatever a candidate raises, its process ends here)
        os._exit(1)
    finally:
        os._exit(0)
