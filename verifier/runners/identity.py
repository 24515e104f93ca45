"""What identifies a judge: everything that can change a status."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from verifier.runners import judges, policy
from verifier.sandbox import jail
from verifier.sandbox.launch import Plan, machine
from verifier.verdicts import JSON

PACKAGE = "evalplus"
VERSION = "0.3.1"


@functools.cache
def package_digest() -> str:
    """sha256 over the sources of evalplus's checking code, found without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    digest = hashlib.sha256()
    for path in (*sorted((folder / "eval").glob("*.py")), folder / "config.py"):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    extra = "pip install 'alloy-verifier[scores]'"
    for name in (PACKAGE, "numpy", "psutil"):
        if importlib.util.find_spec(name) is None:
            return f"needs the package {name}: {extra}"
    found = importlib.metadata.version(PACKAGE)
    if found != VERSION:
        return f"needs {PACKAGE} {VERSION}, found {found}: {extra}"
    return None


def environment() -> dict[str, JSON]:
    """What the results of trusted code depend on besides the dataset."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "numpy": importlib.metadata.version("numpy"),
        "machine": machine(),
        "revision": judges.REVISION,
    }


def judge(dataset_sha256: str, plan: Plan) -> dict[str, JSON]:
    """Identify the pair of judges.

    Args:
        dataset_sha256: digest of the dataset file.
        plan: the sandbox's layers.
    """
    return {
        "package": PACKAGE,
        "version": importlib.metadata.version(PACKAGE),
        "sources": package_digest(),
        "dataset": dataset_sha256,
        **environment(),
        "limits": {
            "minTimeSeconds": judges.MIN_TIME_LIMIT,
            "timeFactor": judges.TIME_FACTOR,
            "totalSeconds": judges.TOTAL_LIMIT,
            "isolatedFactor": judges.GENEROSITY,
            "stretch": policy.STRETCH,
            "scratchBytes": jail.SCRATCH_BYTES,
            **judges.LIMITS,
        },
        "sandbox": {"outer": plan.mode, "landlock": plan.landlock, "seccomp": plan.seccomp},
    }
