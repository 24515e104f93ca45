"""Reading inspect's logs without inspect: ``.eval``, a zip of JSON documents, and the same as one ``.json``.

Source of the format: ``inspect_ai/log/_recorders`` of inspect_ai 0.3.285. Members of a zip are compressed
with Zstandard (method 93), which Python's ``zipfile`` reads from 3.14 on. Nothing is unpacked to disk, so
that names of members lead nowhere; sizes are limited before and while a member unfolds.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, UsageError

MAX_FILE = 8 << 30
MAX_JSON = 512 << 20
MAX_MEMBER = 256 << 20
MAX_ALL = 32 << 30
MAX_MEMBERS = 400_000
"""Bytes of a log, of one as a single document, of one member, of all of them; how many."""

INSTALL = "pip install 'alloy-verifier[inspect]'"
_MAGIC = b"PK\x03\x04"
_ZSTD = 93
_WINDOW = 128 << 20
_LOCAL = struct.Struct("<4s5H3L2H")
"""A member's header in the file (APPNOTE.TXT 4.3.7)."""
_HEADER, _START, _SAMPLES = "header.json", "_journal/start.json", "samples/"
_JSON = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"\w+"\s*,\s*"eval"\s*:\s*\{')
_UNUSED = ("events", "events_data", "timelines")
"""The largest parts of a sample; no scorer reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that is open for reading.

    Attributes:
        path: the file.
        header: ``eval``, ``plan``, ``results``, ``status`` and what else is no sample.
        sha256: digest of the file.
        finished: whether the log has its end; else the run was broken off.
        whole: the document, if the log is a single one.
    """

    path: Path
    header: Mapping[str, Any]
    sha256: str
    finished: bool
    whole: Mapping[str, Any] | None = None

    def samples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each sample with the name of its place, one after the other.

        Raises:
            DocumentError: one is malformed, or larger than any honest one.
            UsageError: the file cannot be read.
        """
        if self.whole is not None:
            yield from _of_document(self.path, self.whole)
            return
        with _archive(self.path) as archive:
            total = 0
            for info in archive.infolist():
                if info.filename.startswith(_SAMPLES) and info.filename.endswith(".json"):
                    total += info.file_size
                    if total > MAX_ALL:
                        raise _wrong(self.path, info.filename, f"at most {MAX_ALL} bytes in all", "more")
                    record = _object(self.path, info.filename, _member(self.path, archive, info))
                    yield info.filename, _lean(record)


def is_log(path: Path) -> bool:
    """Whether a file is a log of inspect, by its content."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
        if not head.startswith(_MAGIC):
            return _JSON.match(head) is not None
        with zipfile.ZipFile(path) as archive:
            return bool({_HEADER, _START} & set(archive.namelist()))
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def open_log(path: Path) -> Log:
    """Read a log's header.

    Raises:
        DocumentError: it is no log, malformed, or too large.
        EvidenceMissingError: a package that unpacks it is missing.
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_MAGIC))
            if (size := path.stat().st_size) > MAX_FILE:
                raise DocumentError(f"{path.name}: expected at most {MAX_FILE} bytes, found {size}")
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"samples {path}: expected a readable file, found: {error.strerror}") from error
    if head == _MAGIC:
        return _of_archive(path, digest)
    if size > MAX_JSON:
        raise DocumentError(
            f"{path.name}: expected at most {MAX_JSON} bytes of JSON, found {size}",
            remedy="publish the log as .eval (inspect log convert --to eval)",
        )
    whole = _object(path, "", path.read_bytes())
    header = {key: value for key, value in whole.items() if key not in ("samples", "reductions")}
    _check(path, header)
    return Log(path=path, header=header, sha256=digest, finished="results" in header, whole=whole)


def _of_archive(path: Path, digest: str) -> Log:
    with _archive(path) as archive:
        names = archive.namelist()
        name = _HEADER if _HEADER in names else _START
        if name not in names:
            raise DocumentError(f"{path.name}: expected a log of inspect, found a zip without {_HEADER}")
        header = _object(path, name, _member(path, archive, archive.getinfo(name)))
    _check(path, header)
    return Log(path=path, header=header, sha256=digest, finished=name == _HEADER)


_PARTS: tuple[tuple[str, type, str], ...] = (
    ("eval/dataset", dict, "an object"),
    ("eval/dataset/sample_ids", list, "a list"),
    ("eval/config", dict, "an object"),
    ("eval/config/epochs_reducer", list, "a list"),
    ("eval/packages", dict, "an object"),
    ("eval/scorers", list, "a list"),
    ("plan", dict, "an object"),
    ("plan/steps", list, "a list"),
    ("results", dict, "an object"),
    ("results/scores", list, "a list"),
)
"""What is read of a header; each may be missing or null."""


def _check(path: Path, header: Mapping[str, Any]) -> None:
    evaluated = header.get("eval")
    if not isinstance(evaluated, dict):
        raise _wrong(path, "eval", "an object", type(evaluated).__name__)
    if not isinstance(evaluated.get("task"), str):
        raise _wrong(path, "eval/task", "the task's name", type(evaluated.get("task")).__name__)
    for name, kind, word in _PARTS:
        value: Any = header
        for key in name.split("/"):
            value = value.get(key) if value is not None else None
        if value is not None and not isinstance(value, kind):
            raise _wrong(path, name, word, type(value).__name__)


def _of_document(path: Path, whole: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    samples = whole.get("samples") or []
    if not isinstance(samples, list):
        raise _wrong(path, "samples", "a list", type(samples).__name__)
    for i, record in enumerate(samples):
        if not isinstance(record, dict):
            raise _wrong(path, f"samples/{i}", "an object", type(record).__name__)
        yield f"samples/{i}", _lean(record)


def _lean(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _UNUSED}


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _wrong(path, "", "a whole zip file", str(error)) from error
    except OSError as error:
        raise UsageError(f"samples {path}: expected a readable file, found: {error.strerror}") from error
    if len(archive.infolist()) > MAX_MEMBERS:
        archive.close()
        raise _wrong(path, "", f"at most {MAX_MEMBERS} members", "more")
    return archive


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's content, which is as long as its header says and no longer than is allowed."""
    if info.flag_bits & 1:
        raise _wrong(path, info.filename, "a readable member", "an encrypted one")
    if max(info.file_size, info.compress_size) > MAX_MEMBER:
        raise _wrong(path, info.filename, f"at most {MAX_MEMBER} bytes", str(info.file_size))
    try:
        if info.compress_type == _ZSTD:
            data = _unfold(path, info)
        else:
            with archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError) as error:
        raise _wrong(path, info.filename, "a whole member", str(error)) from error
    except NotImplementedError as error:
        raise _wrong(path, info.filename, "a member packed as inspect packs them", str(error)) from error
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise _wrong(path, info.filename, "the content that the zip's index states", "another one")
    return data


def _unfold(path: Path, info: zipfile.ZipInfo) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise EvidenceMissingError(
            f"{path.name}: needs the package zstandard, which unpacks inspect's logs", remedy=INSTALL
        ) from error
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        fields = _LOCAL.unpack(stream.read(_LOCAL.size))
        if fields[0] != _MAGIC:
            raise zipfile.BadZipFile("no member where the index says")
        stream.seek(fields[9] + fields[10], io.SEEK_CUR)
        packed = io.BytesIO(stream.read(info.compress_size))
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        with unpacker.stream_reader(packed, read_across_frames=True) as reader:
            return bytes(reader.read(info.file_size + 1))
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _object(path: Path, name: str, data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data.decode("utf-8"))
        if b"\\ud" in data or b"\\uD" in data:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _wrong(path, name, "valid text", "half of a surrogate pair") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(path, name, "a JSON object in UTF-8", str(error) or type(error).__name__) from error
    if not isinstance(record, dict):
        raise _wrong(path, name, "a JSON object", type(record).__name__)
    return record


def _wrong(path: Path, name: str, expected: str, found: str) -> DocumentError:
    where = f"{path.name}: {name}" if name else path.name
    return DocumentError(
        f"{where[:200]}: expected {expected}, found {found[:200]}",
        pointer=f"/{name[:100]}" if name else "",
        remedy="publish the log as inspect wrote it",
    )
