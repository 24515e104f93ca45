"""Links: to the catalog's pin, to the receipt, to a parent artifact."""

from verifier.claims.slate import Slate
from verifier.verdicts import Tier


def add(slate: Slate) -> None:
    """Claims about identity and provenance of the document itself."""
    if slate.pinned is not None:
        slate.add(
            "alloy-digest",
            Tier.BYTES,
            "alloy-digest",
            "",
            "The alloy file is the one that the catalog pins.",
            expected="sha256:" + slate.pinned,
        )
    _add_receipt(slate)
    _add_parent(slate)


def _add_receipt(slate: Slate) -> None:
    receipt = slate.alloy.model.receipt
    if receipt is None:
        return
    if receipt.alloy_hash is not None:
        slate.add(
            "receipt-alloy-hash",
            Tier.RECIPE,
            "receipt-hash",
            "/receipt/alloyHash",
            "The receipt names the hash of this alloy.",
            inputs=("",),
        )
    if receipt.verify_url is not None:
        slate.add(
            "receipt-verify-url",
            Tier.RECIPE,
            "verify-url",
            "/receipt/verifyUrl",
            "The receipt's link carries the alloy hash that the receipt names.",
            inputs=("/receipt/alloyHash",),
        )
    if receipt.card_hash is not None:
        slate.add(
            "receipt-card-hash",
            Tier.BYTES,
            "card-digest",
            "/receipt/cardHash",
            "The model card (README.md) has the digest that the receipt names.",
            params={"path": "README.md"},
        )
    for i, publication in enumerate(receipt.publications or ()):
        if publication.url is not None:
            slate.add(
                f"receipt-publication-{i}",
                Tier.RECIPE,
                "publication",
                f"/receipt/publications/{i}/url",
                "The receipt names the repository that the artifact is in.",
                inputs=("/name",),
                params={"repo": slate.repo},
            )
    completed = slate.value("/results/completedAt")
    if receipt.issued_at is not None and isinstance(completed, str):
        slate.add(
            "receipt-issued-after-completion",
            Tier.RECIPE,
            "not-before",
            "/receipt/issuedAt",
            "The receipt was not issued before the forge was complete.",
            inputs=("/results/completedAt",),
            params={"earlier": "/results/completedAt"},
        )


def _add_parent(slate: Slate) -> None:
    model = slate.alloy.model
    integrity = model.results.integrity if model.results else None
    link = model.derived_from
    if link is None and (integrity is None or integrity.parent_alloy_hash is None):
        return
    pointers = [
        p
        for p in ("/derivedFrom/alloyHash", "/results/integrity/parentAlloyHash")
        if slate.value(p.rpartition("/")[0]) is not None
    ]
    for pointer in pointers:
        slate.add(
            "parent-" + pointer.rpartition("/")[2],
            Tier.BYTES,
            "parent-hash",
            pointer,
            "The parent's alloy has the stated hash.",
            inputs=("/derivedFrom/repo",),
            params={"repo": link.repo if link else None},
        )
    if len(pointers) == 2:
        slate.add(
            "parent-links-agree",
            Tier.RECIPE,
            "equal",
            pointers[1],
            "Both places name the same parent hash.",
            inputs=(pointers[0],),
            params={"other": pointers[0]},
        )
