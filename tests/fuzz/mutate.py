"""Mutations of documents and files: structure-aware first, bytes afterwards.

Everything is drawn from one ``random.Random``, so that a case is reproduced by its seed alone.
"""

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from verifier.alloy.parse import escape, get, serialise

WEIRD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**60, 0.1, -0.0, 1e300, 5e-324,
    "", " ", "\x00", "\x1b[31m", "<script>alert(1)</script>", "[link](x)", "[bold]", "..", "../../etc/passwd",
    "/etc/passwd", "a/../b", "C:\\x", "file:///etc/passwd", "%s%n", "{0.__class__}", "sha256:",
    "sha256:" + "0" * 64,
    "0" * 64, "NaN", "Infinity", "1e999", "9" * 40, "\u202e", "\U0001f600", "a" * 300, "x" * 5000,
    [], {}, [[]], [None], {"": None}, {"type": None}, [1, "2", 3.5], {"__proto__": {}}, {"sha256": 1},
)  # fmt: skip
"""Values that have broken parsers: wrong types, limits, escapes, path escapes, markup, almost-hashes."""

BYTES: tuple[bytes, ...] = (
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"NaN", b"-Infinity", b"1e9999", b"[" * 200,
    b'{"a":' * 100, b'"', b"\\", b"\\ud800", b",", b"}", b"]", b"\n", b"\r", b"9" * 5000, b'"a":1,"a":2,',
)  # fmt: skip


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found, stack = [], [value]
    while stack:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for key in keys:
            found.append((item, key))
            stack.append(item[key])
    return found


def document(rng: Random, original: Any) -> Any:
    """A copy of a JSON document with one to four mutations."""
    value = copy.deepcopy(original)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = nodes(value)
        if not places:
            return rng.choice(WEIRD)
        where, key = rng.choice(places)
        rng.choice(_OPERATIONS)(rng, where, key, places)
    return value


def _drop(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    del where[key]


def _replace(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    where[key] = copy.deepcopy(rng.choice(WEIRD))


def _transplant(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    other, its = rng.choice(places)
    where[key] = copy.deepcopy(other[its])


def _nudge(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    where[key] = other_value(rng, where[key])


def _repeat(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    if isinstance(where, list):
        where[key:key] = [copy.deepcopy(where[key]) for _ in range(rng.choice((1, 2, 50)))]
    else:
        where[str(key) + rng.choice(("2", "\x00", " ", "/", "~"))] = copy.deepcopy(where[key])


def _bury(rng: Random, where: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    value = where[key]
    for _ in range(rng.choice((1, 3, 30, 60))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    where[key] = value


_OPERATIONS: tuple[Callable[[Random, Any, Any, list[tuple[Any, Any]]], None], ...] = (
    _drop, _replace, _replace, _transplant, _nudge, _nudge, _repeat, _bury,
)  # fmt: skip


def other_value(rng: Random, value: Any) -> Any:
    """A value of the same type that says something else, as a forger would write it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-1, 1, 10, -value - 1))
    if isinstance(value, Decimal):
        return value + Decimal((0, (rng.choice((1, 2, 5)),), int(value.as_tuple().exponent)))
    if isinstance(value, float):
        return value + rng.choice((0.1, -0.1, 1.0))
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice([c for c in "0123456789abcdef" if c != value[at]]) + value[at + 1 :]
    return rng.choice([w for w in WEIRD if w != value])


def encode(value: Any) -> bytes:
    """A document as JSON bytes; numbers keep their digits, lone surrogates become escapes."""
    try:
        return serialise(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=float).encode()


def raw(rng: Random, data: bytes) -> bytes:
    """A copy of a file with a few bytes changed, cut, repeated or put in."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del out[at : at + rng.choice((1, 8, 1000))]
        elif kind == 2:
            out[at:at] = rng.choice(BYTES)
        elif kind == 3:
            out[at:at] = out[at : at + rng.choice((1, 8, 200))]
        elif at < len(out):
            out[at] = rng.randrange(256)
    return bytes(out)


def forge(rng: Random, document: Any, pointer: str) -> tuple[Any, Any, Any]:
    """A copy of a document with one attested value changed.

    Returns:
        The copy, the old value and the new one.
    """
    value = copy.deepcopy(document)
    parent, _, last = pointer.rpartition("/")
    container = get(value, parent)
    key: Any = int(last) if isinstance(container, list) else last.replace("~1", "/").replace("~0", "~")
    assert escape(str(key)) == last
    old = container[key]
    container[key] = other_value(rng, old)
    return value, old, container[key]
