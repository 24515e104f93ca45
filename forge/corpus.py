"""Reading a corpus: a JSONL file of texts, bounded and digested on the way."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError

MAX_BYTES = 1 << 30
"""Size of the largest corpus that is read."""
MAX_LINE = 16 << 20
"""Bytes of the longest line that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Texts and what pins them.

    Attributes:
        texts: one per line of the file, in its order; blank lines left out.
        sha256: of the whole file, 64 hex digits.
        size: bytes of the file.
    """

    texts: tuple[str, ...]
    sha256: str
    size: int


def read_corpus(
    path: Path, *, field: str = "text", expected_sha256: str | None = None, limit: int | None = None
) -> Corpus:
    """Read a JSONL corpus.

    Args:
        path: a file with one JSON object a line.
        field: the member of each object that holds its text.
        expected_sha256: what the file has to hash to, with or without ``sha256:`` before it; not compared
            if None.
        limit: at most so many texts, from the start; the digest still covers the whole file.

    Raises:
        EvidenceMissingError: no such file.
        EvidenceMismatchError: it hashes to something else.
        DocumentError: too large, a line is not a JSON object with a text, or there is no text at all.
        UsageError: ``limit`` is not positive.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"corpus {path.name}: limit: expected at least 1; found {limit}")
    if not path.is_file():
        raise EvidenceMissingError(
            f"corpus: expected a JSONL file at {path.name!r}; found none",
            remedy="put the corpus beside the recipe; nothing is profiled, trained or measured without it",
        )
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DocumentError(f"corpus {path.name}: expected at most {MAX_BYTES} bytes; found {size}")
    sha, texts = hashlib.sha256(), list[str]()
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise DocumentError(
                    f"corpus {path.name}: expected lines of at most {MAX_LINE} bytes; found a longer one",
                    pointer=f"/{number}",
                )
            sha.update(line)
            if line.strip() and (limit is None or len(texts) < limit):
                texts.append(_text(line, path.name, number, field))
            number += 1
    digest = sha.hexdigest()
    _compare(digest, expected_sha256, path)
    if not texts:
        raise DocumentError(f"corpus {path.name}: expected at least one text; found none")
    return Corpus(texts=tuple(texts), sha256=digest, size=size)


def _text(line: bytes, name: str, number: int, field: str) -> str:
    pointer = f"/{number}"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DocumentError(
            f"corpus {name}: expected a JSON object a line; found {type(error).__name__}", pointer=pointer
        ) from None
    text = value.get(field) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        found = type(value).__name__ if not isinstance(value, dict) else f"{field} = {str(text)[:40]!r}"
        raise DocumentError(
            f"corpus {name}: expected an object with a text under {field!r}; found {found}", pointer=pointer
        )
    return text


def _compare(digest: str, expected: str | None, path: Path) -> None:
    if expected is None:
        return
    wanted = expected.removeprefix("sha256:").lower()
    if digest != wanted:
        raise EvidenceMismatchError(
            f"corpus {path.name}: expected sha256 {wanted}; found {digest}",
            expected=wanted,
            found=digest,
            source=path.name,
            remedy="use the corpus that the recipe names, or record the new digest in the recipe",
        )
