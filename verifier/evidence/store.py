"""The evidence store: pinned bytes from the cache, a seed, the mirror or the Hub, in that order.

The pin alone decides: whatever a source offers is hashed before it is handed out. Where one source has other
bytes, the next is asked; if none has the pinned ones, the first mismatch is the error, because it tells more
than "missing".
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from verifier.errors import AlloyError, EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.cache import Cache
from verifier.evidence.download import download_url
from verifier.evidence.hashing import Progress, sha256_file
from verifier.evidence.hub import HubClient, RemoteFile
from verifier.evidence.locations import default_cache_dir, mirror_dir, seed_caches
from verifier.evidence.paths import check_digest, check_relative, check_repo, inside
from verifier.runners.model import DatasetPin

MIRROR_FOLDERS = ("hub", "withdrawn")
"""Where a repository's files may lie in a mirror; ``withdrawn`` has versions that the publisher replaced."""


class EvidenceStore:
    """Finds pinned bytes.

    Args:
        cache: where downloads go, and the first place to look.
        seeds: read-only caches, looked through next.
        mirror: a folder with ``hub/<owner>/<repo>/<path>`` and ``datasets/<file>``; None if there is none.
        hub: the Hub; None means offline.
    """

    def __init__(
        self, cache: Cache, seeds: Sequence[Cache], mirror: Path | None, hub: HubClient | None
    ) -> None:
        """Name the sources; none is touched yet."""
        self.cache = cache
        self.seeds = tuple(seeds)
        self.mirror = mirror
        self.hub = hub
        self._listings: dict[tuple[str, str | None], tuple[RemoteFile, ...]] = {}

    def fetch(
        self,
        *,
        repo: str | None,
        revision: str | None,
        path: str,
        sha256: str,
        size: int | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """A local file with exactly the pinned bytes.

        A file of the mirror is handed out where it lies; what comes from the Hub is stored in the cache.

        Args:
            repo: ``owner/name``; None for an artifact that has no repository.
            revision: the pinned commit.
            path: path in the repository.
            sha256: the pinned digest.
            size: the pinned size in bytes, if known.
            on_progress: called with the path, bytes done and bytes in all, during a download.

        Raises:
            DocumentError: a malformed digest, id, revision or path.
            EvidenceMissingError: no source has it; the message names each.
            EvidenceMismatchError: a source has other bytes, and no other has the pinned ones.
        """
        check_digest(sha256)
        check_relative(path)
        if repo is not None:
            check_repo(repo)
        search = _Search(f"{path} of {repo}" if repo else path, sha256)
        if found := self._stored(sha256, search):
            return found
        if repo is not None:
            if found := self._mirrored([f"{top}/{repo}/{path}" for top in MIRROR_FOLDERS], search):
                return found
            if self.hub is None:
                search.note("Hub: not asked (offline)")
            elif found := self._from_hub(self.hub, repo, revision, path, size, search, on_progress):
                return found
        raise search.failure()

    def fetch_dataset(self, pin: DatasetPin, *, on_progress: Progress | None = None) -> Path:
        """A local file with a benchmark's pinned dataset.

        Raises:
            DocumentError: a malformed pin.
            EvidenceMissingError: no source has it; the message names each.
            EvidenceMismatchError: a source has other bytes, and no other has the pinned ones.
        """
        check_digest(pin.sha256)
        check_relative(pin.filename)
        search = _Search(pin.filename, pin.sha256)
        if found := self._stored(pin.sha256, search) or self._mirrored([f"datasets/{pin.filename}"], search):
            return found
        if pin.url is None:
            search.note("download: no address in the pin")
        elif self.hub is None:
            search.note(f"download from {pin.url}: not tried (offline)")
        else:
            url = pin.url

            def download(folder: Path) -> Path:
                target = folder / "dataset"
                download_url(url, target, size=pin.size, on_progress=on_progress)
                return target

            if found := self._downloaded(url, download, search):
                return found
        raise search.failure()

    def remote_files(self, repo: str, revision: str | None) -> tuple[RemoteFile, ...]:
        """Sizes and LFS digests of a revision's files, asked once per store, nothing downloaded.

        Raises:
            DocumentError: a malformed id or revision.
            EvidenceMissingError: offline, or the Hub does not tell.
        """
        check_repo(repo)
        if self.hub is None:
            raise EvidenceMissingError(
                f"{repo}: expected LFS metadata of the Hub, found that it may not be asked (offline)",
                remedy="run without --offline",
            )
        key = (repo, revision)
        if key not in self._listings:
            self._listings[key] = self.hub.files(repo, revision)
        return self._listings[key]

    def cached(self, sha256: str) -> Path | None:
        """The blob with this digest from the cache or a seed, hashed anew; no other source is asked.

        Raises:
            DocumentError: a malformed digest.
        """
        for cache in (self.cache, *self.seeds):
            if found := cache.get(sha256):
                return found
        return None

    def _stored(self, sha256: str, search: "_Search") -> Path | None:
        if found := self.cached(sha256):
            return found
        search.note(f"cache {self.cache.root}: absent")
        if self.seeds:
            search.note("reference seed: absent")
        return None

    def _mirrored(self, names: Sequence[str], search: "_Search") -> Path | None:
        if self.mirror is None:
            search.note("mirror: ALLOY_MIRROR is not set")
            return None
        for name in names:
            target = inside(self.mirror, name)
            if target is None:
                search.note(f"mirror {name}: a symbolic link that leads out of the mirror, not followed")
            elif not target.is_file():
                search.note(f"mirror {name}: absent")
            elif search.accepts(target, f"mirror {name}"):
                return target
        return None

    def _from_hub(
        self,
        hub: HubClient,
        repo: str,
        revision: str | None,
        path: str,
        size: int | None,
        search: "_Search",
        on_progress: Progress | None,
    ) -> Path | None:
        def download(folder: Path) -> Path:
            return hub.download(
                repo, revision, path, folder, size=size, sha256=search.sha256, on_progress=on_progress
            )

        return self._downloaded(f"Hub {repo}", download, search)

    def _downloaded(self, source: str, download: Callable[[Path], Path], search: "_Search") -> Path | None:
        with self.cache.scratch() as folder:
            try:
                target = download(folder)
            except (EvidenceMissingError, EvidenceMismatchError) as error:
                search.failed(error)
                return None
            if not search.accepts(target, source):
                return None
            return self.cache.adopt_file(target, search.sha256)


class _Search:
    """One search: what every source said."""

    def __init__(self, what: str, sha256: str) -> None:
        self.what = what
        self.sha256 = sha256
        self._notes: list[str] = []
        self._remedy = "run without --offline, point ALLOY_MIRROR to a mirror, or run: alloy fetch"
        self._mismatch: EvidenceMismatchError | None = None

    def note(self, text: str) -> None:
        self._notes.append(text)

    def failed(self, error: AlloyError) -> None:
        self._notes.append(str(error))
        self._remedy = error.remedy or self._remedy
        if isinstance(error, EvidenceMismatchError):
            self._mismatch = self._mismatch or error

    def accepts(self, path: Path, source: str) -> bool:
        """Whether a file hashes to the pin."""
        try:
            found = sha256_file(path)
        except OSError as error:
            self.note(f"{source}: unreadable ({error.strerror or error})")
            return False
        if found == self.sha256:
            return True
        self.failed(
            EvidenceMismatchError(
                f"{source}: expected sha256 {self.sha256}, found {found}",
                expected=self.sha256,
                found=found,
                source=source,
                remedy="the pin names other bytes than this source has: find out which version is meant",
            )
        )
        return False

    def failure(self) -> AlloyError:
        said = "; ".join(self._notes)
        if self._mismatch is not None:
            return EvidenceMismatchError(
                f"{self.what}: expected bytes with sha256 {self.sha256}, found others: {said}",
                expected=self.sha256,
                found=self._mismatch.found,
                source=self._mismatch.source,
                remedy=self._mismatch.remedy,
            )
        return EvidenceMissingError(
            f"{self.what}: expected bytes with sha256 {self.sha256}, found none: {said}", remedy=self._remedy
        )


def open_store(offline: bool) -> EvidenceStore:
    """The store that ``ALLOY_CACHE``, ``ALLOY_MIRROR``, ``HF_ENDPOINT`` and ``HF_TOKEN`` describe.

    Args:
        offline: never ask the network.

    Raises:
        UsageError: ``ALLOY_MIRROR`` names no folder.
    """
    return EvidenceStore(
        Cache(default_cache_dir()), seed_caches(), mirror_dir(), None if offline else HubClient()
    )
