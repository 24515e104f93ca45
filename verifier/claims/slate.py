"""Collects the claims of one alloy, keeps their ids unique, and names them the same way every time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.alloy.parse import Alloy, get
from verifier.claims.model import Claim
from verifier.verdicts import JSON, Tier

_AT_POINTER: JSON = object()


def slug(text: str) -> str:
    """A claim id's part: letters, digits, ``_``, ``.``, ``+`` and ``-`` only, at most 80 characters."""
    return re.sub(r"[^A-Za-z0-9_.+]+", "-", text).strip("-")[:80] or "unnamed"


@dataclass(slots=True)
class Slate:
    """Claims under construction.

    Attributes:
        alloy: the document.
        artifact: name that starts every claim id.
        pinned: sha256 that a catalog pins the alloy file to; None outside of a catalog.
        repo: repository that the artifact is published in, if known.
    """

    alloy: Alloy
    artifact: str
    pinned: str | None = None
    repo: str | None = None
    claims: list[Claim] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _next: dict[str, int] = field(default_factory=dict)

    def value(self, pointer: str) -> JSON:
        """Value in the document, or None."""
        return get(self.alloy.document, pointer)

    def add(
        self,
        name: str,
        tier: Tier,
        kind: str,
        pointer: str,
        statement: str,
        *,
        inputs: tuple[str, ...] = (),
        params: Mapping[str, JSON] | None = None,
        expected: JSON = _AT_POINTER,
    ) -> None:
        """Add one claim; its expected value is read at ``pointer`` unless given."""
        wanted = f"{self.artifact}-{slug(name)}"
        claim_id, n = wanted, self._next.get(wanted, 2)
        while claim_id in self._taken:
            claim_id, n = f"{wanted}-{n}", n + 1
        self._taken.add(claim_id)
        self._next[wanted] = n
        self.claims.append(
            Claim(
                id=claim_id,
                tier=tier,
                kind=kind,
                pointer=pointer,
                statement=statement,
                inputs=inputs,
                params=params or {},
                expected=self.value(pointer) if expected is _AT_POINTER else expected,
            )
        )
