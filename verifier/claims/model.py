"""The claim record. It knows nothing about pytest, terminals or networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.verdicts import JSON, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One checkable statement of an alloy.

    Attributes:
        id: unique over a catalog and the same in every front end:
            ``<artifact>-<slug>``, for example ``olmoe-1b-7b-compacted-5b-humaneval_plus-base-score``.
        tier: which kind of evidence decides it.
        kind: name of the check that decides it (``difference``, ``file-digest``, ``score`` …).
        pointer: JSON pointer (RFC 6901) to the statement.
        expected: the claimed value, as it stands in the document.
        statement: one sentence that a person can read.
        inputs: pointers of everything else in the document that the verdict depends on.
        params: what the check needs besides (a rule's operands, a benchmark's name …).
    """

    id: str
    tier: Tier
    kind: str
    pointer: str
    expected: JSON
    statement: str
    inputs: tuple[str, ...] = ()
    params: Mapping[str, JSON] = field(default_factory=dict)
