"""A bounded parse of a safetensors header: names, dtypes, shapes and places of tensors, without the data.

Format: 8 bytes little-endian length N, N bytes of JSON, then the data
(https://github.com/huggingface/safetensors, section "Format"). The rules are those of the reference
implementation, and what it accepts is accepted here, with three exceptions where it is looser than safe:

1. A tensor name that occurs twice; the reference keeps the last.
2. A tensor described by a JSON list in place of an object.
3. More than :data:`MAX_CONTAINERS` JSON lists and objects, or a header above :data:`MAX_HEADER_BYTES`.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from verifier.errors import DocumentError

MAX_HEADER_BYTES = 32 * 1024 * 1024
"""Longest accepted header; the format's own limit is 100 MB, real ones stay below 1 MB."""

MAX_CONTAINERS = 2_000_000
"""Most JSON lists and objects in a header (three for each tensor); bounds the memory of the parse."""

MAX_DEPTH = 127
"""Deepest accepted nesting, that of the reference implementation's JSON parser."""

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits of one element, by dtype name (safetensors 0.8)."""

_WORD = 2**64
_JSON = str | int | float | bool | None | list["_JSON"] | dict[str, "_JSON"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of a safetensors file.

    Attributes:
        name: as in the header.
        dtype: a key of :data:`DTYPE_BITS`.
        shape: dimensions; empty for a scalar.
        begin: offset of its first byte from the start of the data.
        end: offset behind its last byte.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsHeader:
    """What a safetensors file says of itself.

    Attributes:
        tensors: in the order of their data.
        metadata: the free text entries under ``__metadata__``.
        data_start: offset of the data from the start of the file.
        data_bytes: length of the data.
    """

    tensors: tuple[TensorEntry, ...]
    metadata: Mapping[str, str]
    data_start: int
    data_bytes: int

    @property
    def parameters(self) -> int:
        """Number of elements over all tensors."""
        return sum(tensor.elements for tensor in self.tensors)


def read_header(path: str | Path) -> SafetensorsHeader:
    """Read and check the header of a file; the data are not read.

    Raises:
        DocumentError: it is no safetensors file, or its header contradicts itself or the file's size.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
        length = _header_length(prefix, size)
        return parse_header(prefix + file.read(length), size)


def parse_header(head: bytes, file_size: int) -> SafetensorsHeader:
    """Check the first bytes of a safetensors file.

    Args:
        head: at least the 8 length bytes and the header.
        file_size: size of the whole file in bytes.

    Raises:
        DocumentError: see :func:`read_header`.
    """
    length = _header_length(head[:8], file_size)
    raw = head[8 : 8 + length]
    if len(raw) != length:
        _refuse(f"safetensors header: expected {length} bytes, found {len(raw)}")
    document = _load(raw)
    metadata = _metadata(document.pop("__metadata__", None))
    entries = [_entry(name, value) for name, value in document.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    data_bytes = file_size - 8 - length
    _check_places(entries, data_bytes)
    return SafetensorsHeader(
        tensors=tuple(entries), metadata=metadata, data_start=8 + length, data_bytes=data_bytes
    )


def _refuse(message: str, pointer: str = "") -> NoReturn:
    raise DocumentError(
        message, pointer=pointer, remedy="the file is damaged or was not written as safetensors"
    )


def _pointer(*parts: str) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1")[:200] for part in parts)


def _header_length(prefix: bytes, file_size: int) -> int:
    if len(prefix) < 8:
        _refuse(f"safetensors header: expected at least 8 bytes, found {len(prefix)}")
    length = int.from_bytes(prefix, "little")
    if length > MAX_HEADER_BYTES:
        _refuse(f"safetensors header: expected at most {MAX_HEADER_BYTES} bytes, found a length of {length}")
    if length > file_size - 8:
        _refuse(f"safetensors header: expected {length} bytes, found a file of {file_size}")
    return length


def _load(raw: bytes) -> dict[str, _JSON]:
    containers = raw.count(b"[") + raw.count(b"{")
    if containers > MAX_CONTAINERS:
        _refuse(
            f"safetensors header: expected at most {MAX_CONTAINERS} lists and objects, found {containers}"
        )
    try:
        text = raw.decode()
        document: _JSON = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError) as error:
        # A DocumentError of the hooks is no ValueError and passes.
        _refuse(f"safetensors header: expected a JSON object in UTF-8, found {str(error)[:200] or 'nesting'}")
    if not isinstance(document, dict):
        _refuse(f"safetensors header: expected a JSON object, found {type(document).__name__}")
    _check_values(document)
    return document


def _object(pairs: list[tuple[str, _JSON]]) -> dict[str, _JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DocumentError(f"safetensors header: expected unique names, found {twice!r:.100} twice")
    return found


def _integer(text: str) -> int | float:
    # The reference reads "-0" and whatever does not fit in 64 bits as a floating-point number.
    if text == "-0" or len(text) > 20:
        return _float(text)
    value = int(text)
    return value if -(2**63) <= value < _WORD else float(value)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"a number out of range ({text[:40]})")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is no JSON")


def _check_values(document: dict[str, _JSON]) -> None:
    """Refuse lone surrogates and deep nesting, anywhere."""
    pending: list[tuple[_JSON, int]] = [(document, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                _refuse(f"safetensors header: expected at most {MAX_DEPTH} levels, found more")
            if isinstance(value, dict):
                for key in value:
                    _check_text(key)
                pending.extend((item, depth + 1) for item in value.values())
            else:
                pending.extend((item, depth + 1) for item in value)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse("safetensors header: expected Unicode text, found half of a surrogate pair")


def _metadata(value: _JSON) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        _refuse(f"metadata: expected an object, found {type(value).__name__}", "/__metadata__")
    texts = {}
    for key, text in value.items():
        if not isinstance(text, str):
            _refuse(f"metadata: expected text, found {type(text).__name__}", _pointer("__metadata__", key))
        texts[key] = text
    return texts


def _entry(name: str, value: _JSON) -> TensorEntry:
    if not isinstance(value, dict):
        _refuse(f"tensor: expected an object, found {type(value).__name__}", _pointer(name))
    dtype = value.get("dtype")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse(
            f"tensor dtype: expected one of {', '.join(DTYPE_BITS)}, found {dtype!r:.100}", _pointer(name)
        )
    shape = _words(value.get("shape"), _pointer(name, "shape"))
    offsets = _words(value.get("data_offsets"), _pointer(name, "data_offsets"))
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        _refuse(
            f"tensor place: expected [begin, end], found {list(offsets[:4])!r:.100}",
            _pointer(name, "data_offsets"),
        )
    bits = _product((*shape, DTYPE_BITS[dtype]), _pointer(name, "shape"))
    if bits % 8 or bits // 8 != offsets[1] - offsets[0]:
        _refuse(
            f"tensor size: expected {bits} bits by dtype and shape, found {offsets[1] - offsets[0]} bytes",
            _pointer(name, "data_offsets"),
        )
    return TensorEntry(name=name, dtype=dtype, shape=shape, begin=offsets[0], end=offsets[1])


def _words(value: _JSON, pointer: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        _refuse(f"expected a list of whole numbers, found {type(value).__name__}", pointer)
    words = []
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int) or item < 0:
            _refuse(f"expected whole numbers of 64 bits, found {item!r:.100}", pointer)
        words.append(item)
    return tuple(words)


def _product(factors: tuple[int, ...], pointer: str) -> int:
    """The product, refused as soon as it leaves 64 bits (also where a later zero would bring it back)."""
    product = 1
    for factor in factors:
        product *= factor
        if product >= _WORD:
            _refuse("tensor size: expected a size within 64 bits, found more", pointer)
    return product


def _check_places(entries: list[TensorEntry], data_bytes: int) -> None:
    """The tensors must cover the data without hole, overlap or rest."""
    place = 0
    for entry in entries:
        if entry.begin != place:
            kind = "an overlap" if entry.begin < place else "a hole"
            _refuse(
                f"tensor place: expected to begin at {place}, found {kind}: {entry.begin}",
                _pointer(entry.name, "data_offsets"),
            )
        place = entry.end
    if place != data_bytes:
        _refuse(f"data: expected {place} bytes by the header, found {data_bytes}")
