"""Devices that a card says the result was run on. Nobody can check a run without its log."""

from verifier.claims.slate import Slate
from verifier.verdicts import Tier


def add(slate: Slate) -> None:
    """One claim for each device listed under hardwareVerified."""
    for i, device in enumerate(slate.value("/results/hardwareVerified") or ()):
        where = f"/results/hardwareVerified/{i}"
        slate.add(
            f"device-{i}-{device['device']}",
            Tier.SCORES,
            "device-run",
            f"{where}/device",
            f"The result was run on {device['device'][:60]}.",
            inputs=(
                f"{where}/verified",
                f"{where}/vramGb",
                f"{where}/format",
                "/results/integrity/fileHashes",
            ),
        )
