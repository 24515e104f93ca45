"""Alloy -> claims. Every topic is one module with one function; this table is where they are listed."""

from verifier.alloy.parse import Alloy
from verifier.claims import (
    chain,
    criteria,
    deltas,
    digests,
    hardware,
    numbers,
    recipe,
    reforge,
    scores,
    sizes,
)
from verifier.claims.model import Claim
from verifier.claims.slate import Slate
from verifier.verdicts import Tier

TOPICS = (
    recipe.add,
    digests.add,
    chain.add,
    numbers.add,
    sizes.add,
    scores.add,
    deltas.add,
    criteria.add,
    hardware.add,
    reforge.add,
)


def extract(
    alloy: Alloy, artifact: str, *, pinned: str | None = None, repo: str | None = None
) -> tuple[Claim, ...]:
    """Every checkable statement of an alloy, in a stable order.

    Args:
        alloy: the parsed document.
        artifact: name that starts every claim id.
        pinned: sha256 that a catalog pins the file to.
        repo: ``owner/name`` that the artifact is published as, if known.
    """
    slate = Slate(alloy, artifact, pinned, repo)
    for topic in TOPICS:
        topic(slate)
    for tier in (Tier.RECIPE, Tier.BYTES, Tier.SCORES):
        # An empty set of claims must never look like a pass.
        if not any(claim.tier is tier for claim in slate.claims):
            slate.add(
                f"no-tier{tier.value}-claims",
                tier,
                "nothing-claimed",
                "",
                f"The card states nothing that tier {tier.value} could check.",
                expected=False,
            )
    return tuple(sorted(slate.claims, key=lambda c: c.tier))
