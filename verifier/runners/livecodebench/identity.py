"""What identifies the judge: everything that can change a status, found without importing the harness."""

import functools

from verifier.runners import identity as shared
from verifier.runners import installed, policy
from verifier.runners.judges import GENEROSITY
from verifier.runners.livecodebench import judges
from verifier.sandbox import jail
from verifier.sandbox.launch import Plan
from verifier.verdicts import JSON

PACKAGE = "nvidia-livecodebench"
VERSION = "26.3"
# The harness's own requirements are clients of a dozen services; none of them is needed for scoring.
INSTALL = f"pip install 'alloy-verifier[livecodebench]' && pip install --no-deps {PACKAGE}=={VERSION}"


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    return installed.missing({PACKAGE: VERSION, "numpy": None, "tqdm": None}, INSTALL)


@functools.cache
def sources_digest() -> str:
    """sha256 over the sources of the harness's checking and counting code."""
    root = installed.folder("livecodebench")
    return installed.sources_digest(installed.named(root, sorted((root / "evaluation").glob("*.py"))))


def judge(dataset_sha256: str, plan: Plan) -> dict[str, JSON]:
    """Identify the pair of judges.

    Args:
        dataset_sha256: digest over the problems.
        plan: the sandbox's layers.
    """
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": installed.version(PACKAGE),
        "sources": sources_digest(),
        "dataset": dataset_sha256,
        **shared.environment(),
        "livecodebenchRevision": judges.REVISION,
        "limits": {
            "testSeconds": judges.TIMEOUT,
            "isolatedFactor": GENEROSITY,
            "stretch": policy.STRETCH,
            "scratchBytes": jail.SCRATCH_BYTES,
            **{name: value for name, value in judges.LIMITS.items() if name != "cpu"},
        },
        "sandbox": {"outer": plan.mode, "landlock": plan.landlock, "seccomp": plan.seccomp},
    }
