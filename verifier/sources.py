"""Where an artifact's files come from: a folder, a catalog's pins, or a repository on the Hub."""

from dataclasses import dataclass, field
from pathlib import Path

from verifier.catalog import LockEntry
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.paths import check_relative
from verifier.evidence.store import EvidenceStore
from verifier.tiers.context import Attested


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files below a folder; links that lead out of it are refused."""

    root: Path

    def open(self, path: str) -> Path:
        """The file below the folder.

        Raises:
            DocumentError: not a plain relative path.
            EvidenceMissingError: no such file, or it lies outside.
        """
        root = self.root.resolve()
        local = (root / check_relative(path)).resolve()
        if not local.is_relative_to(root):
            raise EvidenceMissingError(f"{path}: expected a file inside the folder, found a link out of it")
        if not local.is_file():
            raise EvidenceMissingError(f"{path} is not in the folder", remedy="put the file beside the alloy")
        return local

    def below(self, folder: str) -> tuple[str, ...]:
        """Plain files below a folder, links that lead out of the root left out."""
        root = self.root.resolve()
        found = []
        for path in (root / check_relative(folder)).rglob("*"):
            if path.is_file() and path.resolve().is_relative_to(root):
                found.append(path.relative_to(root).as_posix())
        return tuple(sorted(found))

    def attested(self, path: str) -> Attested | None:
        """A folder has no host that could state digests."""
        return None


@dataclass(frozen=True, slots=True)
class PinnedFiles:
    """Files of a catalog entry, each accepted only if it hashes to its pin."""

    entry: LockEntry
    store: EvidenceStore
    _opened: dict[str, Path] = field(default_factory=dict)

    def open(self, path: str) -> Path:
        """The pinned bytes.

        Raises:
            EvidenceMissingError: not pinned, or not to be had here.
            EvidenceMismatchError: other bytes were offered.
        """
        if path not in self._opened:
            self._opened[path] = self._fetch(path)
        return self._opened[path]

    def _fetch(self, path: str) -> Path:
        pin = self.entry.file(path)
        if pin is None:
            raise EvidenceMissingError(
                f"{path} is not pinned by the catalog entry {self.entry.name}",
                remedy=f"fetch and pin it: alloy pin {self.entry.name}",
            )
        if pin.role in ("weights", "base") and self.entry.repo is not None:
            raise EvidenceMissingError(
                f"{path} ({pin.size} bytes) is not downloaded; the Hub's metadata decides"
            )
        return self.store.fetch(
            repo=self.entry.repo, revision=self.entry.revision, path=path, sha256=pin.sha256, size=pin.size
        )

    def below(self, folder: str) -> tuple[str, ...]:
        """Pinned paths below a folder."""
        prefix = check_relative(folder) + "/"
        return tuple(sorted(f.path for f in self.entry.files if f.path.startswith(prefix)))

    def attested(self, path: str) -> Attested | None:
        """Digest and size from the Hub's LFS metadata.

        Raises:
            EvidenceMissingError: offline, or the Hub did not answer.
        """
        return hub_metadata(self.store, self.entry.repo, self.entry.revision, path)


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Files of a repository at one commit; small ones are downloaded, weights are not."""

    repo: str
    revision: str
    store: EvidenceStore
    scratch: Path

    def open(self, path: str) -> Path:
        """Download a file that is not weights.

        Raises:
            EvidenceMissingError: weights, or the Hub does not have it.
        """
        check_relative(path)
        if path.endswith((".safetensors", ".gguf")):
            raise EvidenceMissingError(f"{path} is not downloaded; the Hub's metadata decides")
        if self.store.hub is None:
            raise EvidenceMissingError(f"{path}: needs the Hub, and the run is offline")
        return self.store.hub.download(self.repo, self.revision, path, self.scratch)

    def below(self, folder: str) -> tuple[str, ...]:
        """Paths below a folder of the repository.

        Raises:
            EvidenceMissingError: offline, or the Hub did not answer.
        """
        prefix = check_relative(folder) + "/"
        remote = self.store.remote_files(self.repo, self.revision)
        return tuple(sorted(f.path for f in remote if f.path.startswith(prefix)))

    def attested(self, path: str) -> Attested | None:
        """Digest and size from the Hub's LFS metadata."""
        return hub_metadata(self.store, self.repo, self.revision, path)


def hub_metadata(store: EvidenceStore, repo: str | None, revision: str | None, path: str) -> Attested | None:
    """What the Hub states about a file, without a download; None for artifacts outside of the Hub.

    Raises:
        EvidenceMissingError: offline, or the Hub did not answer, or it has no such file.
    """
    if repo is None:
        return None
    if store.hub is None:
        raise EvidenceMissingError(
            f"{path}: neither the file nor the Hub's metadata is at hand (offline)",
            remedy="run without --offline",
        )
    for remote in store.remote_files(repo, revision):
        if remote.path == path:
            return Attested(sha256=remote.sha256, size=remote.size, source=f"{repo} on the Hub")
    raise EvidenceMismatchError(f"{path} is not in {repo}", expected="", found="", source="the Hub")
