"""A run's folder as one ZIP file: what a card can name and attest with a single digest."""

import contextlib
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verifier.errors import DocumentError, UsageError
from verifier.evidence.hashing import sha256_file

MAX_MEMBERS = 200_000
MAX_TOTAL = 8 << 30
MAX_NAME = 1000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """Samples as a runner reads them.

    Attributes:
        path: a folder or file.
        sha256: of the archive; None if the samples are none.
        notes: remarks: members that were left out.
    """

    path: Path
    sha256: str | None = None
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def opened(samples: Path, wanted: Callable[[str], bool], limit: int) -> Iterator[Opened]:
    """Unpack an archive for as long as it is needed; anything else is given back as it is.

    Args:
        samples: a folder, or a file that may be an archive.
        wanted: tells by its last name whether a member is of use; others are not unpacked.
        limit: the most bytes of a member; of a larger one so many and one more are unpacked, so that
            whoever reads it finds it too large.

    Raises:
        UsageError: it cannot be read.
        DocumentError: a member leads out of the folder, is there twice or encrypted, or there is too much.
    """
    try:
        if not samples.is_file() or not zipfile.is_zipfile(samples):
            yield Opened(samples)
            return
    except OSError as error:
        raise UsageError(f"samples {samples}: expected a readable file, found: {error.strerror}") from error
    with tempfile.TemporaryDirectory(prefix="alloy-run-") as scratch:
        links = _unpack(samples, Path(scratch), wanted, limit)
        notes = (f"{links} symbolic link(s) in the archive were left out",) if links else ()
        yield Opened(Path(scratch), sha256_file(samples), notes)


def _unpack(samples: Path, folder: Path, wanted: Callable[[str], bool], limit: int) -> int:
    """Unpack what is wanted; how many symbolic links there were."""
    links = 0
    try:
        with zipfile.ZipFile(samples) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(min(m.file_size, limit) for m in members) > MAX_TOTAL:
                raise DocumentError(
                    f"{samples.name}: expected at most {MAX_MEMBERS} members of {MAX_TOTAL} bytes, found more"
                )
            seen: set[PurePosixPath] = set()
            for member in members:
                place = _place(samples, member)
                if member.is_dir():
                    continue
                if place in seen:
                    raise DocumentError(f"{samples.name}: expected each member once, found {place} twice")
                seen.add(place)
                if stat.S_ISLNK(member.external_attr >> 16):
                    links += 1
                elif wanted(place.name):
                    _write(archive, member, folder / place, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise DocumentError(f"{samples.name}: expected a sound ZIP file, found: {error}") from error
    return links


def _place(samples: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    name = member.filename
    place = PurePosixPath(name)
    odd = "\\" in name or not name.isprintable() or len(name) > MAX_NAME
    if odd or place.is_absolute() or not place.parts or ".." in place.parts:
        raise DocumentError(f"{samples.name}: expected members below its folder, found {name[:120]!r}")
    if member.flag_bits & 1:
        raise DocumentError(f"{samples.name}: expected no encryption, found {name[:120]!r} encrypted")
    return place


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, limit: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = limit + 1
    with archive.open(member) as source, path.open("xb") as target:
        if member.file_size <= limit:
            shutil.copyfileobj(source, target, _CHUNK)
            return
        while left and (data := source.read(min(_CHUNK, left))):
            target.write(data)
            left -= len(data)
