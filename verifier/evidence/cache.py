"""The content-addressed cache: ``<root>/sha256/<first 2 digits>/<64 digits>``.

How it stays right under concurrent processes and ``kill -9``:

1. Bytes are written to ``<root>/tmp/<random>``, a file that its writer holds locked (``flock``), then
   synced and renamed to their digest's name. A blob is therefore there completely or not at all. The
   temporary folder is one for all, because the digest is known only when the last byte is written; it lies
   under the same root, so that the rename never crosses file systems.
2. A killed writer leaves a temporary file whose lock the kernel has released: that, and not its age, is how
   :meth:`Cache.prune` tells a leftover from work in progress.
3. Nothing is believed for having the right name: :meth:`Cache.get` hashes the blob on every call.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import EvidenceMissingError
from verifier.evidence.hashing import BUFFER_BYTES
from verifier.evidence.paths import check_digest, is_digest

BLOB_MODE = 0o444
"""Blobs are read-only: an edit in place would only make them worthless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheProblem:
    """Something in a cache that should not be there.

    Attributes:
        path: the file.
        kind: ``corrupt`` (bytes do not hash to the name), ``misplaced`` (the name is no digest, lies in the
            wrong folder, or is no plain file) or ``leftover`` (of a killed writer).
        detail: what was expected and what was found.
    """

    path: Path
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What :meth:`Cache.prune` removed, or would remove.

    Attributes:
        blobs: digests of the blobs.
        leftovers: temporary files and folders of killed processes.
        size: bytes freed.
    """

    blobs: tuple[str, ...]
    leftovers: tuple[Path, ...]
    size: int


class Cache:
    """A folder of blobs named by their sha256.

    Args:
        root: the folder; made when the first blob is put.
        read_only: never write to or remove from it (a seed that came with the project).
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        """Name the folder; nothing is touched yet."""
        self.root = Path(root)
        self.read_only = read_only

    def path(self, sha256: str) -> Path:
        """Where the blob with this digest lies, or would lie.

        Raises:
            DocumentError: ``sha256`` is not 64 lower-case hex digits.
        """
        check_digest(sha256)
        return self.root / "sha256" / sha256[:2] / sha256

    def get(self, sha256: str) -> Path | None:
        """The blob with this digest, hashed anew, or None.

        A blob whose bytes do not hash to its name is removed (unless the cache is read-only).

        Raises:
            DocumentError: ``sha256`` is not 64 lower-case hex digits.
        """
        path = self.path(sha256)
        try:
            found, identity = _hash_no_follow(path)
        except FileNotFoundError:
            return None
        except OSError:
            # A link, a folder or an unreadable file under a blob's name is no evidence.
            found, identity = "", None
        if found == sha256:
            return path
        if not self.read_only:
            self._remove_if_same(path, identity)
        return None

    def put_bytes(self, data: bytes) -> str:
        """Store ``data`` and return its sha256.

        Raises:
            EvidenceMissingError: the folder cannot be written.
        """
        with self._storing(), self._claim() as (temporary, descriptor):
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(data)
            return self._publish(temporary, descriptor, hashlib.sha256(data).hexdigest())

    def put_file(self, path: Path) -> str:
        """Store a copy of a file, hashed as it is copied, and return its sha256.

        Raises:
            EvidenceMissingError: the file cannot be read or the folder cannot be written.
        """
        digest = hashlib.sha256()
        with self._storing(), self._claim() as (temporary, descriptor):
            buffer = bytearray(BUFFER_BYTES)
            view = memoryview(buffer)
            with path.open("rb", buffering=0) as source, os.fdopen(os.dup(descriptor), "wb") as file:
                while count := source.readinto(buffer):
                    digest.update(view[:count])
                    file.write(view[:count])
            return self._publish(temporary, descriptor, digest.hexdigest())

    def adopt_file(self, path: Path, sha256: str) -> Path:
        """Move a file out of a :meth:`scratch` folder to its digest's name, without a copy.

        Args:
            path: a file that the caller has just hashed and that nobody else writes.
            sha256: its digest.
        """
        with self._storing():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                self._publish(path, descriptor, sha256)
            finally:
                os.close(descriptor)
        return self.path(sha256)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the cache's file system, removed at the end; a killed process's is pruned.

        Raises:
            EvidenceMissingError: the folder cannot be made.
        """
        with contextlib.ExitStack() as stack:
            with self._storing():
                temporary, _ = stack.enter_context(self._claim())
                folder = temporary.with_name(temporary.name + ".d")
                folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def blobs(self) -> Iterator[Path]:
        """Every well-named blob, unhashed, in order of digest."""
        for path in self._files():
            if is_digest(path.name) and path == self.path(path.name):
                yield path

    def verify(self) -> list[CacheProblem]:
        """Hash every blob and list what is wrong; changes nothing."""
        problems = [problem for path in self._files() if (problem := self._problem(path))]
        leftovers = [] if self.read_only else self._leftovers(remove=False)
        return problems + [
            CacheProblem(
                path=path, kind="leftover", detail="expected no temporary file, found one of a dead process"
            )
            for path in leftovers
        ]

    def prune(self, keep: set[str], *, dry_run: bool = False) -> Pruned:
        """Remove every blob whose digest is not in ``keep``, and what killed processes left.

        A process that is writing at the same time loses nothing; one that is about to read a blob outside
        ``keep`` may have to fetch it again.

        Args:
            keep: digests to leave alone.
            dry_run: only say what would go.
        """
        if self.read_only:
            return Pruned(blobs=(), leftovers=(), size=0)
        doomed = [path for path in self.blobs() if path.name not in keep]
        size = sum(path.lstat().st_size for path in doomed)
        if not dry_run:
            for path in doomed:
                path.unlink(missing_ok=True)
        leftovers = self._leftovers(remove=not dry_run)
        return Pruned(blobs=tuple(path.name for path in doomed), leftovers=tuple(leftovers), size=size)

    def remove(self, problem: CacheProblem) -> None:
        """Remove what :meth:`verify` found, unless somebody mended it meanwhile."""
        if self.read_only or problem.kind == "leftover":
            return
        if is_digest(problem.path.name) and problem.path == self.path(problem.path.name):
            self.get(problem.path.name)
        elif problem.path.is_file() or problem.path.is_symlink():
            problem.path.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        top = self.root / "sha256"
        if top.is_dir():
            for parent, folders, names in os.walk(top):
                folders.sort()
                yield from (Path(parent, name) for name in sorted(names))

    def _problem(self, path: Path) -> CacheProblem | None:
        if not is_digest(path.name) or path != self.path(path.name):
            return CacheProblem(path=path, kind="misplaced", detail="expected a digest in its own folder")
        try:
            found, _ = _hash_no_follow(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            detail = f"expected a readable plain file, found {error.strerror or error}"
            return CacheProblem(path=path, kind="misplaced", detail=detail)
        if found == path.name:
            return None
        return CacheProblem(path=path, kind="corrupt", detail=f"expected sha256 {path.name}, found {found}")

    def _publish(self, temporary: Path, descriptor: int, sha256: str) -> str:
        os.fchmod(descriptor, BLOB_MODE)
        os.fsync(descriptor)
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            temporary.replace(target)
        _sync_folder(target.parent)
        return sha256

    def _remove_if_same(self, path: Path, identity: tuple[int, int] | None) -> None:
        # Between the hashing and now another process may have put good bytes under this name.
        with self._locked(), contextlib.suppress(FileNotFoundError):
            now = path.lstat()
            if identity is None or identity == (now.st_dev, now.st_ino):
                if stat.S_ISDIR(now.st_mode):
                    return
                path.unlink()

    @contextlib.contextmanager
    def _claim(self) -> Iterator[tuple[Path, int]]:
        """A new temporary file, locked until the block ends, and its descriptor."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / secrets.token_hex(16)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Between creation and lock a prune may have taken it for a leftover: then make another.
            if path.exists():
                break
            os.close(descriptor)
        try:
            yield path, descriptor
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclusive over all processes, for the moment of a rename or a removal."""
        # The folder itself is the lock, so that a cache holds nothing but blobs.
        descriptor = os.open(self.root / "sha256", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        if self.read_only:
            raise EvidenceMissingError(f"{self.root}: expected a writable cache, found a read-only seed")
        try:
            yield
        except OSError as error:
            raise EvidenceMissingError(
                f"cache {self.root}: expected to store a file, found {error.strerror or error}",
                remedy="free space or point ALLOY_CACHE to a writable folder",
            ) from error

    def _leftovers(self, *, remove: bool) -> list[Path]:
        folder = self.root / "tmp"
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        # A folder's owner makes its file first and removes it last: a folder alone has no owner.
        orphans = [path for path in paths if path.suffix == ".d" and path.with_suffix("") not in paths]
        if remove:
            for orphan in orphans:
                shutil.rmtree(orphan, ignore_errors=True)
        dead = [path for path in paths if path.suffix != ".d" and _abandoned(path, remove=remove)]
        return sorted(dead + orphans)


def _abandoned(path: Path, *, remove: bool) -> bool:
    """Whether no living process holds the temporary file ``path``; remove it (and its folder) if asked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        if remove:
            shutil.rmtree(path.with_name(path.name + ".d"), ignore_errors=True)
            path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _hash_no_follow(path: Path) -> tuple[str, tuple[int, int]]:
    """Digest and identity (device, inode) of a plain file; a symbolic link is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("no plain file")
        digest = hashlib.file_digest(file, "sha256")
    return digest.hexdigest(), (status.st_dev, status.st_ino)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
