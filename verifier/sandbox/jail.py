"""Two walls: the private root of a helper process, and the confinement of one candidate inside it.

``enter`` is called once per helper process. It makes a root that holds the interpreter, the system
libraries and a handful of device files, all read-only, and forgets the rest of the machine.
``isolate`` and ``confine`` are called once per candidate: new user, pid, mount, network, ipc and uts
namespaces, own ``/tmp`` and ``/dev/shm``; then limits, no capabilities, Landlock and seccomp.
"""

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifier.sandbox import landlock, seccomp, syscalls

NOBODY = 65534
MIB = 1 << 20
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 (a mount point inside the sandbox)
SCRATCH_BYTES = 64 * MIB

_SANDBOX_NAMESPACES = (
    syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
)


def map_identity(proc: int, uid: int, gid: int) -> None:
    """After ``unshare(CLONE_NEWUSER)``: keep the outer ids, and nothing else.

    Args:
        proc: open descriptor of a ``/proc``.
        uid: user id outside.
        gid: group id outside.
    """
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        descriptor = os.open(f"self/{name}", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def become_nobody() -> None:
    """Root gives up being root: limits on processes do not hold for it, and files would be open to it."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        # The change of user closed /proc/self to the process, which has id maps to write there.
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)


def enter(
    proc: int, new_root: str, readable: tuple[str, ...], hidden: tuple[str, ...], scratch: tuple[str, ...]
) -> None:
    """Give this process a private, read-only root.

    Args:
        proc: open descriptor of ``/proc``.
        new_root: an empty folder to build the root on.
        readable: folders that stay visible at their own paths.
        hidden: folders below those which become empty.
        scratch: mount points for what a candidate may write to.

    Raises:
        OSError: the kernel refuses a step.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    except PermissionError:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUSER)
        map_identity(proc, uid, gid)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", new_root, "tmpfs", syscalls.MS_NOSUID, "size=4m,mode=755")
    for path in (*SYSTEM, *DEVICES, *readable):
        _expose(path, new_root)
    for path in (*scratch, "/proc"):
        Path(new_root + path).mkdir(parents=True, exist_ok=True)
    # The official judge reads the machine's memory size; nothing else of /proc is in reach.
    Path(new_root + "/proc/meminfo").write_bytes(Path("/proc/meminfo").read_bytes())
    for path in hidden:
        if Path(new_root + path).is_dir():
            syscalls.mount("tmpfs", new_root + path, "tmpfs", syscalls.MS_NOSUID, "size=4k,mode=755")
            syscalls.read_only(new_root + path, recursive=False)
    syscalls.read_only(new_root, recursive=False)
    syscalls.enter_root(new_root)
    become_nobody()


def _expose(path: str, new_root: str) -> None:
    source, target = Path(path), Path(new_root + path)
    if target.exists() or target.is_symlink() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink() and path in SYSTEM and not source.readlink().is_absolute():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    syscalls.mount(path, str(target), None, syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.read_only(str(target))


def isolate(proc: int, scratch: tuple[str, ...]) -> None:
    """Move into fresh namespaces; the next child is alone in its own pid namespace.

    Args:
        proc: open descriptor of ``/proc``.
        scratch: where the candidate gets empty memory file systems of its own.

    Raises:
        OSError: the kernel refuses a step.
    """
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | _SANDBOX_NAMESPACES)
    map_identity(proc, uid, gid)
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
    for path in scratch:
        syscalls.mount("tmpfs", path, "tmpfs", flags, f"size={SCRATCH_BYTES},nr_inodes=4096,mode=1777")


def limit(limits: Mapping[str, int]) -> None:
    """Set resource limits, soft and hard, as far as this system has them.

    Args:
        limits: ``memory``, ``stack`` and ``file`` in bytes, ``cpu`` in seconds, ``processes``, ``files``.
    """
    names = {
        "cpu": "RLIMIT_CPU",
        "processes": "RLIMIT_NPROC",
        "file": "RLIMIT_FSIZE",
        "files": "RLIMIT_NOFILE",
        "memory": "RLIMIT_AS",
        "stack": "RLIMIT_STACK",
    }
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, value in limits.items():
        which = getattr(resource, names[name], None)
        if which is None or (name == "memory" and sys.platform == "darwin"):
            continue
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(which, (value, value))


def confine(settings: Mapping[str, Any]) -> None:
    """Put limits, Landlock and seccomp on this process; there is no way back.

    Args:
        settings: ``limits``, and of ``landlock``, ``seccomp``, ``nested`` those that apply.

    Raises:
        OSError: the kernel refuses a layer that the settings ask for.
    """
    os.environ.clear()
    os.environ.update({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"})
    os.umask(0o077)
    limit(settings["limits"])
    if settings["nested"]:
        syscalls.drop_capabilities()
    if settings["linux"]:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    if settings["landlock"]:
        landlock.restrict(tuple(settings["visible"]), (*settings["scratch"], "/dev/null"))
    if settings["seccomp"]:
        seccomp.restrict()
