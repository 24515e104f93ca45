"""Untrusted values as harmless text.

Names, claims and reasons come out of documents that strangers wrote. Everything that a renderer
prints passes through :func:`clean` or :func:`value`, so that no terminal escape, direction override
or line break survives, and nothing grows without bound.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii

from verifier.verdicts import JSON

LIMIT = 200
"""Longest text, in characters, that a table cell or a one-line explanation shows."""

_MAX_DEPTH = 200


def clean(text: object, limit: int | None = LIMIT) -> str:
    r"""Return ``text`` on one line, with everything invisible spelled out.

    Args:
        text: any value; its ``str`` is taken.
        limit: longest result in characters, the ellipsis included; None for no limit.

    Example:
        >>> clean("a\x1b[31mb\nc")
        'a\\x1b[31mb\\x0ac'
    """
    raw = str(text)
    if limit is not None and len(raw) > limit:
        raw = raw[: limit - 1] + "…"
    spelled = raw if raw.isascii() and raw.isprintable() else "".join(map(_visible, raw))
    if limit is not None and len(spelled) > limit:
        spelled = spelled[: limit - 1] + "…"
    return spelled


def _visible(char: str) -> str:
    # Cc control, Cf format (among them direction overrides), Cs surrogates, Co private, Cn unassigned.
    category = unicodedata.category(char)
    if category[0] != "C" and category not in ("Zl", "Zp"):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def value(item: JSON, limit: int | None = LIMIT) -> str:
    """Return a JSON value as it would stand in a document, on one harmless line.

    Strings lose their quotes, as claimed and found values are mostly read by people.

    Example:
        >>> value(Decimal("88.40")), value(None), value([1, "a"])
        ('88.40', 'nothing', '[1, "a"]')
    """
    if item is None:
        return "nothing"
    if isinstance(item, str):
        return clean(item, limit)
    return clean("".join(encode(item, indent=None)), limit)


def encode(item: JSON, *, indent: int | None, depth: int = 0) -> Iterator[str]:
    """Yield the pieces of a JSON text, in pure ASCII and with every number exactly as given.

    The standard library's encoder cannot write a Decimal as a number; a float in its place would
    report another value than the card states.

    Args:
        item: None, bool, int, float, Decimal, str, an Enum of such a value, a mapping with string
            keys, or a sequence.
        indent: spaces per level; None for one line.
        depth: current level.

    Raises:
        TypeError: ``item`` is of another type; a bug in whatever built the report.
        ValueError: ``item`` nests deeper than any document that the parser lets in.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"report value nests deeper than {_MAX_DEPTH} levels")
    if isinstance(item, Enum):
        item = item.value
    if isinstance(item, Mapping):
        yield from _object(item, indent, depth)
    elif isinstance(item, Sequence) and not isinstance(item, str | bytes):
        yield from _array(item, indent, depth)
    else:
        yield _scalar(item)


def _object(item: Mapping[str, JSON], indent: int | None, depth: int) -> Iterator[str]:
    if not item:
        yield "{}"
        return
    start, between, end = _spacing(indent, depth)
    yield "{" + start
    for number, (key, member) in enumerate(item.items()):
        if not isinstance(key, str):
            raise TypeError(f"report key must be a string, found {type(key).__name__}")
        yield (between if number else "") + _scalar(key) + ": "
        yield from encode(member, indent=indent, depth=depth + 1)
    yield end + "}"


def _array(item: Sequence[JSON], indent: int | None, depth: int) -> Iterator[str]:
    if not item:
        yield "[]"
        return
    start, between, end = _spacing(indent, depth)
    yield "[" + start
    for number, member in enumerate(item):
        if number:
            yield between
        yield from encode(member, indent=indent, depth=depth + 1)
    yield end + "]"


def _spacing(indent: int | None, depth: int) -> tuple[str, str, str]:
    if indent is None:
        return "", ", ", ""
    inner, outer = " " * (indent * (depth + 1)), " " * (indent * depth)
    return f"\n{inner}", f",\n{inner}", f"\n{outer}"


def _scalar(item: JSON) -> str:
    if item is None or item is True or item is False:
        return {None: "null", True: "true", False: "false"}[item]
    if isinstance(item, str):
        # DEL is ASCII, yet no character to send to a terminal.
        return encode_basestring_ascii(item).replace("\x7f", "\\u007f")
    if isinstance(item, int):
        # By way of Decimal: the interpreter refuses to print an int of more than 4300 digits.
        return str(int(item)) if abs(item) < 10**4000 else f"{Decimal(item):f}"
    if isinstance(item, float):
        item = Decimal(repr(item))
    if isinstance(item, Decimal):
        # JSON has no NaN; as a string it stays what it is, as null it would become "nothing".
        return str(item) if item.is_finite() else f'"{item}"'
    raise TypeError(f"report value must be JSON, found {type(item).__name__}")
