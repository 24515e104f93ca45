"""Reading and writing alloys: strict JSON with limits, numbers kept as they were written.

An alloy comes from a stranger. The parser accepts exactly RFC 8259 JSON in UTF-8, without duplicate keys
and without NaN or Infinity, within the limits below, and answers everything else with one
:class:`~verifier.errors.DocumentError` that carries a JSON pointer (RFC 6901).
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from verifier.alloy.models import AlloyModel, convert
from verifier.errors import DocumentError
from verifier.verdicts import JSON

MAX_BYTES = 4 * 1024 * 1024
"""Largest published alloy: 13 kB; this leaves room for thousands of weight shards."""
MAX_DEPTH = 48
MAX_STRING = 256 * 1024
MAX_NUMBER_CHARS = 64
MAX_EXPONENT = 300
"""Beyond it decimal arithmetic on a hostile number would take minutes."""


@dataclass(frozen=True, slots=True)
class _Bad:
    """Stands where the JSON decoder met something forbidden, until the pointer is known."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alloy:
    """One parsed alloy.

    Attributes:
        data: the file's bytes.
        document: the whole JSON value; unknown fields included, fractions as Decimal.
        model: typed view of the known fields.
        sha256: digest of ``data`` (64 hex digits); its first 16 are the published ``alloyHash``.
    """

    data: bytes
    document: dict[str, JSON]
    model: AlloyModel
    sha256: str

    @property
    def alloy_hash(self) -> str:
        """First 16 hex digits of the sha256 of the file."""
        return self.sha256[:16]


def escape(token: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def get(document: JSON, pointer: str) -> JSON:
    """Value at a JSON pointer, or None where there is nothing."""
    value = document
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    return value


def walk(document: JSON, pointer: str = "") -> Iterator[tuple[str, JSON]]:
    """Every value of a document with its pointer, parents before children."""
    stack = [(pointer, document)]
    while stack:
        where, value = stack.pop()
        yield where, value
        if isinstance(value, dict):
            stack.extend((f"{where}/{escape(k)}", v) for k, v in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"{where}/{i}", v) for i, v in reversed(list(enumerate(value))))


def parse_json(data: bytes, *, what: str = "document", max_bytes: int = MAX_BYTES) -> JSON:
    """Parse untrusted JSON.

    Args:
        data: the file's bytes.
        what: how to name it in messages.
        max_bytes: size limit.

    Raises:
        DocumentError: too large, too deep, not UTF-8, not JSON, duplicate key, NaN, oversized value.
    """
    if len(data) > max_bytes:
        raise DocumentError(f"{what}: expected at most {max_bytes} bytes, found {len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"{what}: expected UTF-8, found byte 0x{data[error.start]:02x} at offset {error.start}"
        ) from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_fraction,
            parse_int=_integer,
            parse_constant=lambda name: _Bad(f"expected a number, found {name}"),
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"{what}: expected JSON, found: {error.msg}, line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise DocumentError(f"{what}: expected nesting of at most {MAX_DEPTH} levels, found more") from None
    _check_limits(value, what)
    return value


def parse(data: bytes, *, what: str = "alloy") -> Alloy:
    """Parse an alloy file's bytes.

    Raises:
        DocumentError: not JSON within the limits, or a known field has the wrong type.
    """
    document = parse_json(data, what=what)
    if not isinstance(document, dict):
        raise DocumentError(f"{what}: expected an object, found {_type_name(document)}")
    return Alloy(
        data=data, document=document, model=convert(document, what), sha256=hashlib.sha256(data).hexdigest()
    )


def load(path: Path) -> Alloy:
    """Read and parse an alloy file.

    Raises:
        DocumentError: unreadable, or not an alloy.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(f"{path.name}: expected a readable file, found: {error.strerror}") from None
    return parse(data, what=path.name)


def serialise(value: JSON, *, indent: int = 2) -> str:
    """Write a parsed document as JSON again, every number as it was read."""
    return "".join(_emit(value, " " * indent, "\n")) + "\n"


def _emit(value: JSON, step: str, newline: str) -> Iterator[str]:
    if isinstance(value, Decimal):
        yield str(value)
    elif isinstance(value, dict | list) and value:
        inner = newline + step
        is_map = isinstance(value, dict)
        yield "{" if is_map else "["
        for i, item in enumerate(value):
            yield ("," if i else "") + inner
            if is_map:
                yield json.dumps(item, ensure_ascii=False) + ": "
            yield from _emit(value[item] if is_map else item, step, inner)
        yield newline + ("}" if is_map else "]")
    else:
        yield json.dumps(value, ensure_ascii=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                result[key] = _Bad("expected each key once, found it twice")
            seen.add(key)
    return result


def _fraction(text: str) -> Decimal | _Bad:
    exponent = re.search(r"[eE]([+-]?\d+)$", text)
    if len(text) > MAX_NUMBER_CHARS or (exponent and abs(int(exponent[1])) > MAX_EXPONENT):
        return _Bad(
            f"expected a number of at most {MAX_NUMBER_CHARS} characters and exponent"
            f" {MAX_EXPONENT}, found {text[:20]}…"
        )
    return Decimal(text)


def _integer(text: str) -> int | _Bad:
    if len(text) > MAX_NUMBER_CHARS:
        return _Bad(f"expected a number of at most {MAX_NUMBER_CHARS} characters, found {len(text)}")
    return int(text)


def _check_limits(document: JSON, what: str) -> None:
    for pointer, value in walk(document):
        if isinstance(value, _Bad):
            raise DocumentError(f"{what}: {value.problem}", pointer=pointer)
        if pointer.count("/") > MAX_DEPTH:
            raise DocumentError(
                f"{what}: expected nesting of at most {MAX_DEPTH} levels, found more", pointer=pointer[:200]
            )
        if isinstance(value, str):
            _check_string(value, pointer, what)
        elif isinstance(value, dict):
            for key in value:
                _check_string(key, pointer, what)


def _check_string(value: str, pointer: str, what: str) -> None:
    if len(value) > MAX_STRING:
        raise DocumentError(
            f"{what}: expected a string of at most {MAX_STRING} characters, found {len(value)}",
            pointer=pointer[:200],
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise DocumentError(
            f"{what}: expected Unicode text, found a lone surrogate",
            pointer=pointer.encode("utf-8", "replace").decode()[:200],
        ) from None


def _type_name(value: JSON) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
