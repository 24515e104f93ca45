"""Tier 1: the recipe resolves, and its parameters make sense."""

from verifier.claims.slate import Slate
from verifier.verdicts import Tier


def add(slate: Slate) -> None:
    """Claims about dispatch and stage parameters."""
    slate.add(
        "architecture",
        Tier.RECIPE,
        "architecture",
        "/source/architecture",
        "The architecture is one that a family adapter is registered for.",
    )
    for i, stage in enumerate(slate.alloy.model.stages):
        slate.add(
            f"stage-{i}-{stage.type}-dispatch",
            Tier.RECIPE,
            "dispatch",
            f"/stages/{i}/type",
            f"Stage {i} ({stage.type}) resolves to a method of the family's adapter.",
            inputs=("/source", f"/stages/{i}"),
            params={"index": i},
        )
        slate.add(
            f"stage-{i}-{stage.type}-parameters",
            Tier.RECIPE,
            "parameters",
            f"/stages/{i}",
            f"The parameters of stage {i} ({stage.type}) are in range and complete.",
            inputs=("/source",),
            params={"index": i},
            expected="valid",
        )
    if slate.value("/cycles") is not None:
        slate.add("cycles", Tier.RECIPE, "positive", "/cycles", "The number of cycles is at least one.")
