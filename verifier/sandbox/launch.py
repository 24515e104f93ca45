"""Starting a helper process behind the walls that this machine has."""

import functools
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import SandboxError
from verifier.sandbox.jail import DEVICES, SCRATCH_BYTES, SHARED_MEMORY, SYSTEM

START_SECONDS = 60.0
MODES = ("bwrap", "own", "bwrap-each", "none")
"""Ways to build the outer wall, best first; ``none`` is not a sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which layers a helper process uses.

    Attributes:
        mode: one of ``MODES``; ``bwrap-each`` starts one bubblewrap for each candidate.
        landlock: whether Landlock is put on candidates.
        seccomp: whether system calls of candidates are filtered.
    """

    mode: str
    landlock: bool
    seccomp: bool

    @property
    def isolated(self) -> bool:
        """Whether candidates get namespaces of their own."""
        return self.mode != "none"


def readable_folders() -> tuple[str, ...]:
    """Folders that a candidate may read: the interpreter and its installed packages."""
    names = [sys.base_prefix, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    names += [str(Path(sys.executable).resolve().parent.parent)]
    outermost: list[str] = []
    for name in sorted({str(Path(name)) for name in names if name and name not in ("/", "/usr")}):
        if not any(Path(name).is_relative_to(kept) for kept in (*outermost, "/usr")):
            outermost.append(name)
    return tuple(outermost)


def hidden_folders() -> tuple[str, ...]:
    """This project's own packages: they may carry answers of the reference benchmark."""
    root = Path(__file__).resolve().parents[2]
    return tuple(str(root / name) for name in ("verifier", "forge"))


def scratch_folder() -> str:
    """Where a candidate writes: ``/tmp``, unless the interpreter's own files or this project's lie there."""
    usual = "/tmp"  # noqa: S108 (inside the sandbox)
    taken = (*readable_folders(), *hidden_folders())
    return "/scratch" if any(Path(folder).is_relative_to(usual) for folder in taken) else usual


def _configuration(kind: str, plan: Plan, new_root: str) -> dict[str, Any]:
    root = {"own": "own", "bwrap": "outer", "bwrap-each": "outer", "none": "none"}[plan.mode]
    return {
        "kind": kind,
        "root": root,
        "nested": plan.mode in ("own", "bwrap"),
        "linux": sys.platform == "linux",
        "new_root": new_root,
        "readable": readable_folders(),
        "hidden": hidden_folders(),
        "visible": ("/",)
        if root != "none"
        else (*readable_folders(), "/usr", "/lib", "/lib64", "/etc", "/dev"),
        "scratch": (scratch_folder(), SHARED_MEMORY),
        "landlock": plan.landlock,
        "seccomp": plan.seccomp,
    }


def _command(plan: Plan, control: int, configuration: dict[str, Any]) -> list[str]:
    root = str(Path(__file__).resolve().parents[2])
    code = (
        f"import sys; sys.path.insert(0, {root!r}); "
        f"from verifier.sandbox.zygote import main; main({control}, sys.argv[1])"
    )
    inner = [sys.executable, "-I", "-B", "-c", code, json.dumps(configuration)]
    return inner if not plan.mode.startswith("bwrap") else [*_bwrap(), "--", *inner]


def _bwrap() -> list[str]:
    command = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session", "--unshare-pid"]
    command += ["--unshare-net", "--unshare-ipc", "--unshare-uts", "--proc", "/proc", "--clearenv"]
    if os.geteuid() == 0:
        command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    binds = [("--ro-bind-try", path) for path in (*SYSTEM, *readable_folders())]
    binds += [("--dev-bind", path) for path in DEVICES]
    sandbox = Path(__file__).resolve().parent
    # The helper reads its own source before it forks a candidate; whatever lies beside it stays out.
    own = [str(path) for path in (sandbox, sandbox.parent / "errors.py", sandbox.parent / "__init__.py")]
    if sys.prefix != sys.base_prefix:
        own += [f"{sys.prefix}/bin", f"{sys.prefix}/pyvenv.cfg"]
    covered = [path for path in hidden_folders() if _inside(path, readable_folders())]
    for folder in _ancestors([path for _, path in binds] + own + covered):
        command += ["--perms", "0755", "--dir", folder]
    for folder in (scratch_folder(), SHARED_MEMORY):
        command += ["--size", str(SCRATCH_BYTES), "--perms", "1777", "--tmpfs", folder]
    for option, path in binds:
        command += [option, path, path]
    for folder in covered:
        command += ["--perms", "0755", "--tmpfs", folder]
    for path in own:
        command += ["--ro-bind-try", path, path]
    return command


def _inside(path: str, folders: tuple[str, ...]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _ancestors(paths: list[str]) -> list[str]:
    """Folders above the paths that bubblewrap has to make: left to itself it makes them for root alone."""
    above = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(
        folder for folder in above if folder != "/" and not _inside(folder, (*SYSTEM, *readable_folders()))
    )


@dataclass(slots=True)
class Helper:
    """A running helper process and the socket on which it takes jobs."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    new_root: str

    def close(self) -> None:
        """End the helper; sandboxes that still run end with their supervisors."""
        self.control.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        Path(self.new_root).rmdir()


def start(kind: str, plan: Plan) -> Helper:
    """Start a helper process.

    Args:
        kind: ``official`` or ``isolated``.
        plan: which layers to use.

    Raises:
        SandboxError: it did not come up; the message carries its own words.
    """
    ours, theirs = socket.socketpair()
    new_root = tempfile.mkdtemp(prefix="alloy-root-")
    configuration = _configuration(kind, plan, new_root)
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 (this interpreter, behind bubblewrap if there is one)
            _command(plan, theirs.fileno(), configuration),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(theirs.fileno(),),
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        theirs.close()
        helper = Helper(process, ours, new_root)
        ours.settimeout(START_SECONDS)
        try:
            answer = json.loads(ours.recv(65536) or b'{"error": ""}')
        except (OSError, ValueError) as error:
            answer = {"error": str(error)}
        ours.settimeout(None)
        if "error" in answer:
            helper.close()
            errors.seek(0)
            said = answer["error"] or errors.read(4000).decode(errors="replace").strip().rpartition("\n")[2]
            raise SandboxError(
                f"the {kind} judge's helper process ({plan.mode}) was expected to start, found: {said}",
                remedy="run `alloy doctor`; install bubblewrap or allow user namespaces",
            )
    return helper


@functools.cache
def landlock_works() -> bool:
    """Whether this kernel has Landlock."""
    if sys.platform != "linux":
        return False
    from verifier.sandbox import syscalls

    return syscalls.landlock_abi() > 0


@functools.cache
def seccomp_works() -> bool:
    """Whether a system call filter is written for this machine and the kernel takes filters."""
    from verifier.sandbox import seccomp

    status = Path("/proc/self/status")
    return seccomp.supported() and status.exists() and "Seccomp:" in status.read_text()


def machine() -> str:
    """Operating system and architecture, for records."""
    return f"{platform.system()} {platform.machine()}"
