"""Reading corpora of strangers: bounded, digested, and every oddity an error that names its line."""

import hashlib
import json

import pytest

from forge import corpus
from forge.corpus import read_corpus
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError


def write(path, *lines):
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_texts_and_digest(tmp_path):
    path = write(tmp_path / "c.jsonl", b'{"text": "a\\u00e9"}', b"", b'{"text": "b", "id": 1}')
    found = read_corpus(path)
    assert found.texts == ("a\u00e9", "b")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_corpus(path, expected_sha256="sha256:" + found.sha256) == found


def test_the_digest_covers_what_a_limit_leaves_out(tmp_path):
    path = write(tmp_path / "c.jsonl", b'{"text": "a"}', b'{"text": "b"}')
    assert read_corpus(path, limit=1).texts == ("a",)
    assert read_corpus(path, limit=1).sha256 == read_corpus(path).sha256
    with pytest.raises(UsageError):
        read_corpus(path, limit=0)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'"text"',
        b"[]",
        b'{"text": 1}',
        b'{"text": ""}',
        b'{"other": "x"}',
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"text": "x"',
    ],
)
def test_lines_that_hold_no_text(tmp_path, line):
    path = write(tmp_path / "c.jsonl", b'{"text": "a"}', line)
    with pytest.raises(DocumentError, match="/1"):
        read_corpus(path)


def test_sizes_are_bounded(tmp_path, monkeypatch):
    path = write(tmp_path / "c.jsonl", json.dumps({"text": "x" * 100}).encode())
    monkeypatch.setattr(corpus, "MAX_LINE", 50)
    with pytest.raises(DocumentError, match="at most 50 bytes"):
        read_corpus(path)
    monkeypatch.setattr(corpus, "MAX_BYTES", 20)
    with pytest.raises(DocumentError, match="at most 20 bytes"):
        read_corpus(path)


def test_missing_empty_and_other(tmp_path):
    with pytest.raises(EvidenceMissingError, match=r"c\.jsonl"):
        read_corpus(tmp_path / "c.jsonl")
    with pytest.raises(DocumentError, match="at least one text"):
        read_corpus(write(tmp_path / "c.jsonl", b""))
    with pytest.raises(EvidenceMismatchError) as error:
        read_corpus(write(tmp_path / "c.jsonl", b'{"text": "a"}'), expected_sha256="0" * 64)
    assert error.value.expected == "0" * 64 != error.value.found
