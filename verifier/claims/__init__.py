"""Claims are data: one checkable statement of an alloy, with the place where it stands."""

from verifier.claims.model import Claim

__all__ = ["Claim"]
