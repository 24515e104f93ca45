"""Reviewed verdicts: what a catalog entry's claims are known to come out as.

One JSON file per entry, ``{claim id: {"verdict", "found"}}``, in the order of the claims. A change in it
means that a card, a judge or this project changed, and is reviewed like code.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from verifier.alloy.parse import escape, parse_json
from verifier.errors import DocumentError
from verifier.report.model import ArtifactReport
from verifier.report.text import clean, encode
from verifier.verdicts import JSON, Verdict

_MAX_BYTES = 16 << 20
_VERDICTS = tuple(v.value for v in Verdict)


def dumps(report: ArtifactReport) -> str:
    """Return the snapshot of an artifact's verdicts, with a newline at its end."""
    items = {
        c.claim.id: {"verdict": c.outcome.verdict.value, "found": c.outcome.found} for c in report.checked
    }
    return "".join(encode(items, indent=1)) + "\n"


def read(path: Path) -> dict[str, Mapping[str, JSON]]:
    """Return the reviewed verdict of every claim; empty if the entry has no snapshot yet.

    Raises:
        DocumentError: the file is not what its format says.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DocumentError(f"expected verdicts {clean(path)}: cannot be read ({error.strerror})") from error
    return parse(data, f"expected verdicts {clean(path)}")


def parse(data: bytes, what: str) -> dict[str, Mapping[str, JSON]]:
    """As :func:`read`, from the file's bytes.

    Args:
        data: the bytes.
        what: the subject of messages.

    Raises:
        DocumentError: they are not what the format says.
    """
    items = parse_json(data, what=what, max_bytes=_MAX_BYTES)
    if not isinstance(items, dict):
        raise DocumentError(f"{what}: expected an object, found {clean(repr(items), 60)}")
    for claim, item in items.items():
        if not isinstance(item, dict) or item.get("verdict") not in _VERDICTS or "found" not in item:
            raise DocumentError(
                f'{what}: expected {{"verdict", "found"}}, the verdict out of {", ".join(_VERDICTS)}; found '
                f"{clean(repr(item), 60)}",
                pointer="/" + escape(clean(claim)),
            )
    return items


def same(left: JSON, right: JSON) -> bool:
    """Whether two values are equal once both are written as JSON; 1.0 and 1 are, true and 1 are not."""
    return bool(_told_apart(plain(left)) == _told_apart(plain(right)))


def plain(item: JSON) -> JSON:
    """Return ``item`` as it comes back from a file: tuples as lists, enums as values."""
    return json.loads("".join(encode(item, indent=None)), parse_float=Decimal)


def _told_apart(item: JSON) -> JSON:
    # Python holds True equal to 1, JSON does not.
    if isinstance(item, bool):
        return ("bool", item)
    if isinstance(item, dict):
        return {key: _told_apart(member) for key, member in item.items()}
    return [_told_apart(member) for member in item] if isinstance(item, list) else item
