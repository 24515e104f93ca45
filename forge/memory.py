"""How much memory there is, and how fast this machine digests and multiplies: what a plan rests on."""

import hashlib
import importlib.util
import time
from pathlib import Path

_PROBE = 16 << 20


def available(device: str = "cpu") -> int | None:
    """Bytes that may be allocated now on ``device``; None where the system does not tell."""
    if device.startswith("cuda"):
        return _on_gpu(device)
    limits = [b for b in (_meminfo(), _control_group()) if b is not None]
    return min(limits) if limits else None


def hash_rate() -> float:
    """Bytes a second that one core puts through sha256, measured now on 16 MiB in memory."""
    data = bytes(_PROBE)
    begin = time.perf_counter()
    hashlib.sha256(data).digest()
    return _PROBE / max(time.perf_counter() - begin, 1e-9)


def compute_rate(device: str) -> float | None:
    """Operations a second, measured now on a 512 x 512 float32 product; None without torch."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    try:
        a = torch.ones(512, 512, device=device)
        (a @ a).sum().item()  # the first product also pays for setting up
        begin = time.perf_counter()
        (a @ a).sum().item()
    except (RuntimeError, AssertionError):
        return None
    return 2 * 512**3 / max(time.perf_counter() - begin, 1e-9)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_group() -> int | None:
    """What is left of the container's own limit."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text(encoding="utf-8").strip()
        used = int((root / "memory.current").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return max(int(limit) - used, 0) if limit.isdigit() else None


def _on_gpu(device: str) -> int | None:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    free, _ = torch.cuda.mem_get_info(torch.device(device))
    return int(free)
