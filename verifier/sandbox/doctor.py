"""Which sandbox layers work on this machine, found out by using them."""

import functools
import shutil
import sys
from dataclasses import dataclass

from verifier.errors import SandboxError
from verifier.sandbox.launch import MODES, Plan, landlock_works, seccomp_works

_NAMES = {
    "bwrap": "bubblewrap around own namespaces",
    "own": "own namespaces",
    "bwrap-each": "one bubblewrap per candidate",
}
_PROBE = "def answer(number):\n    return number + 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of the sandbox.

    Attributes:
        name: what it is called.
        available: whether it works here.
        detail: what it gives, or why it does not work.
    """

    name: str
    available: bool
    detail: str


@functools.cache
def _trouble(mode: str) -> str:
    """Why an outer wall does not work here; empty if it does."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if mode.startswith("bwrap") and shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    from verifier.sandbox.client import Sandbox

    job = {
        "code": _PROBE,
        "entry_point": "answer",
        "inputs": [(1,)],
        "cpu_limits": [5.0],
        "load_limit": 5.0,
        "not_none": "",
        "limits": {"cpu": 20},
        "wall": 60.0,
        "stall": 0,
        "budget": 0,
        "bytes": 1 << 16,
        "follow_child": False,
    }
    try:
        with Sandbox("probe", _plan(mode)) as sandbox:
            reply = sandbox.run(job)
    except SandboxError as error:
        return str(error)
    return (
        ""
        if reply.exit == 0 and not reply.cause
        else f"the probe ended with status {reply.exit} {reply.cause}"
    )


def _plan(mode: str) -> Plan:
    return Plan(mode=mode, landlock=landlock_works(), seccomp=seccomp_works())


def layers() -> tuple[Layer, ...]:
    """Every layer and whether it works here."""
    outer = []
    for mode, name in _NAMES.items():
        trouble = _trouble(mode)
        detail = trouble or "user, pid, mount, network, ipc and uts namespaces; read-only system, own /tmp"
        outer.append(Layer(name=name, available=not trouble, detail=detail))
    landlock = "allow-list of paths" if landlock_works() else "this kernel does not offer it"
    seccomp = "filter of system calls" if seccomp_works() else "no filter for this machine"
    return (
        *outer,
        Layer(name="Landlock", available=landlock_works(), detail=landlock),
        Layer(name="seccomp", available=seccomp_works(), detail=seccomp),
        Layer(name="resource limits", available=True, detail="processor time, memory, processes, files"),
    )


def sufficient() -> bool:
    """Whether untrusted code may be run here: namespaces and a system call filter work."""
    return seccomp_works() and any(not _trouble(mode) for mode in _NAMES)


def choose(*, unsafe_no_sandbox: bool = False) -> Plan:
    """The best layers that work here.

    Args:
        unsafe_no_sandbox: go on without a sandbox if there is none.

    Raises:
        SandboxError: too few layers work, and it was not allowed to go on without.
    """
    if seccomp_works():
        for mode in MODES:
            if mode in _NAMES and not _trouble(mode):
                return _plan(mode)
    if unsafe_no_sandbox:
        return Plan(mode="none", landlock=False, seccomp=False)
    found = "; ".join(f"{name}: {_trouble(mode)}" for mode, name in _NAMES.items() if _trouble(mode))
    raise SandboxError(
        f"sandbox: expected namespaces and a system call filter, found: {found or 'no system call filter'}",
        remedy="run `alloy doctor`; install bubblewrap, or pass --unsafe-no-sandbox on a throw-away machine",
    )
