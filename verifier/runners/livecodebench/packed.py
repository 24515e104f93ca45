"""Private tests as the dataset packs them: base64 over zlib over a pickle of one text.

A pickle is a program. Nothing here runs it: its instructions are listed by ``pickletools``, and only a pickle
that does nothing but state one text is read. The harness itself calls ``pickle.loads``.
"""

import base64
import binascii
import pickletools
import zlib

MAX_TEXT = 1 << 30
"""Bytes of one problem's private tests, unpacked. The largest known ones take about a tenth of it."""
_TEXTS = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_HARMLESS = frozenset({"PROTO", "FRAME", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "STOP"})
_MAX_INSTRUCTIONS = 16


def unpack(packed: str) -> str:
    """The JSON text of packed private tests.

    Raises:
        ValueError: it is not such a text, or larger than allowed; the message says what was found.
    """
    try:
        data = base64.b64decode(packed.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(f"no base64: {error}") from error
    return text_of_pickle(_inflate(data))


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, MAX_TEXT + 1)
    except zlib.error as error:
        raise ValueError(f"no zlib stream: {error}") from error
    if len(found) > MAX_TEXT:
        raise ValueError(f"more than {MAX_TEXT} bytes when unpacked")
    if not stream.eof or stream.unused_data:
        raise ValueError("a zlib stream that is cut off, or goes on after its end")
    return found


def text_of_pickle(data: bytes) -> str:
    """The text that a pickle states, if it does nothing else. The pickle is not executed.

    Raises:
        ValueError: it has any other instruction, or more or less than one text.
    """
    texts: list[str] = []
    try:
        for number, (instruction, argument, position) in enumerate(pickletools.genops(data)):
            if instruction.name in _TEXTS:
                texts.append(str(argument))
            elif instruction.name not in _HARMLESS or number > _MAX_INSTRUCTIONS:
                raise ValueError(f"a pickle with the instruction {instruction.name}; a text alone is read")
            end = (position or 0) + 1
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        raise ValueError(str(error)[:200] or type(error).__name__) from error
    if len(texts) != 1 or end != len(data):
        raise ValueError(f"a pickle of {len(texts)} texts, or with something after its end")
    return texts[0]
