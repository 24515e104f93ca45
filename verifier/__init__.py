"""Tells whether a published language model is what its card says.

The one entry point is :func:`verify`; everything it returns is plain data.

Example:
    >>> import verifier
    >>> report = verifier.verify("some/folder", tiers=(1, 3))  # doctest: +SKIP
    >>> report.artifacts[0].counts()  # doctest: +SKIP
"""

from typing import Any

__all__ = ["Report", "Tier", "Verdict", "verify"]

_WHERE = {
    "verify": "verifier.engine",
    "Report": "verifier.report.model",
    "Verdict": "verifier.verdicts",
    "Tier": "verifier.verdicts",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``import verifier`` stays cheap (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("alloy-verifier")
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
