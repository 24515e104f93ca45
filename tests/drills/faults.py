"""Planting one fault at a time into an artifact, and saying which claims may notice."""

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from verifier.alloy.parse import Alloy, get, parse, serialise
from verifier.claims.model import Claim
from verifier.tiers.recipe import hex_digest
from verifier.verdicts import JSON

ROOT_ONLY = frozenset({"alloy-digest", "receipt-hash"})
"""Kinds that depend on every byte of the file."""


@dataclass(frozen=True)
class Fault:
    """A changed value in the document.

    Attributes:
        pointer: where.
        value: the planted value.
    """

    pointer: str
    value: JSON


def flipped(digest: str) -> str:
    """The same digest with its last digit changed."""
    return digest[:-1] + ("0" if digest[-1] != "0" else "1")


def planted(value: JSON) -> JSON:
    """A wrong value of the same type, beyond any rounding; None if this value attests nothing."""
    if isinstance(value, bool):
        return not value
    if hex_digest(value) is not None:
        return flipped(value)
    if isinstance(value, int):
        return value + 2
    if isinstance(value, Decimal):
        return value + Decimal("2.7").quantize(value if value.as_tuple().exponent < 0 else Decimal(1))
    return None


def faults(document: JSON, claims: tuple[Claim, ...]) -> Iterator[Fault]:
    """One fault for each attested value: hashes, scores, links, sizes, derived numbers and their operands."""
    pointers = {p for c in claims if c.kind not in ("dispatch", "parameters") for p in (c.pointer, *c.inputs)}
    for pointer in sorted(pointers):
        value = planted(get(document, pointer))
        if value is not None:
            yield Fault(pointer, value)


def with_fault(alloy: Alloy, fault: Fault) -> Alloy:
    """The alloy with one value changed."""
    document = copy.deepcopy(alloy.document)
    holder, _, token = fault.pointer.rpartition("/")
    container = get(document, holder)
    key = int(token) if isinstance(container, list) else token.replace("~1", "/").replace("~0", "~")
    container[key] = fault.value
    return parse(serialise(document).encode(), what="planted fault")


def depends(claim: Claim, pointer: str) -> bool:
    """Whether a claim states that its verdict rests on a place of the document."""
    if claim.kind in ROOT_ONLY:
        return True
    places = (claim.pointer, *claim.inputs)
    return any(_related(place, pointer) for place in places)


def _related(place: str, pointer: str) -> bool:
    return place == pointer or place.startswith(pointer + "/") or pointer.startswith(place + "/")


def flip_byte(path: Path, offset: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 1
    path.write_bytes(data)


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


__all__ = ["Fault", "depends", "faults", "flip_byte", "flipped", "planted", "sha256", "with_fault"]
