"""What identifies a judge: everything that can change a status."""

import functools
import platform

from verifier.runners import installed, judges, policy
from verifier.sandbox import jail
from verifier.sandbox.launch import Plan, machine
from verifier.verdicts import JSON

PACKAGE = "evalplus"
VERSION = "0.3.1"


@functools.cache
def package_digest() -> str:
    """sha256 over the sources of evalplus's checking code, found without importing it."""
    root = installed.folder(PACKAGE)
    files = (*sorted((root / "eval").glob("*.py")), root / "config.py")
    return installed.sources_digest(installed.named(root, files))


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    wanted = {PACKAGE: VERSION, "numpy": None, "psutil": None}
    return installed.missing(wanted, "pip install 'alloy-verifier[scores]'")


def environment() -> dict[str, JSON]:
    """What the results of trusted code depend on besides the dataset."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        **installed.versions(["numpy"]),
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
        "version": installed.version(PACKAGE),
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
