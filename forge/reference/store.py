"""Writing the reference artifacts: as folders, or as lock entries with content-addressed blobs."""

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path

from forge.reference.bench import charts
from forge.reference.bench.files import dataset
from forge.reference.card import Artifact
from verifier.alloy.parse import parse
from verifier.catalog import LockEntry, PinnedFile, dumps, load_entry
from verifier.claims.extract import extract
from verifier.errors import EvidenceMissingError
from verifier.evidence.cache import Cache

CATALOG = "reference"


def write_folder(artifact: Artifact, parent: Path) -> Path:
    """Write one artifact as a folder that ``alloy verify FOLDER`` understands; returns the folder."""
    folder = parent / artifact.name
    for path, data in {artifact.alloy_path: artifact.alloy, **artifact.files}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def blobs(artifacts: Iterable[Artifact]) -> dict[str, bytes]:
    """Everything that the reference catalog rests on, by sha256: alloys, files and data sets."""
    parts = [dataset(), charts.dataset()]
    for artifact in artifacts:
        parts += [artifact.alloy, *artifact.files.values()]
    return {hashlib.sha256(data).hexdigest(): data for data in parts}


def lock_entry(artifact: Artifact, catalog: Path, reasons: tuple[str, ...] = ()) -> LockEntry:
    """The artifact's lock entry: it has no repository, so its name and digests are all there is."""
    alloy = parse(artifact.alloy, what=artifact.name)
    files = [_pin(path, data, artifact.roles[path]) for path, data in artifact.files.items()]
    return LockEntry(
        name=artifact.name,
        catalog=CATALOG,
        repo=None,
        revision=None,
        alloy=_pin(artifact.alloy_path, artifact.alloy, "alloy"),
        files=tuple(sorted(files, key=lambda f: f.path)),
        claims=extract(alloy, artifact.name, pinned=alloy.sha256, repo=None),
        reasons=reasons,
        path=catalog / CATALOG / f"{artifact.name}.lock.json",
    )


def load(name: str, catalog: Path, seed: Path) -> Artifact:
    """An artifact as the catalog has it, for those that are not made anew each time.

    Args:
        name: of its lock entry.
        catalog: root of the catalogs.
        seed: the cache with its blobs.

    Raises:
        DocumentError: the lock file is malformed.
        EvidenceMissingError: the catalog or the cache does not have it.
    """
    path = catalog / CATALOG / f"{name}.lock.json"
    if not path.is_file():
        raise EvidenceMissingError(
            f"{name}: expected {path.name} in the catalog; found none",
            remedy="make it: python -m forge.reference --device-class",
        )
    entry = load_entry(path)
    return Artifact(
        name=name,
        alloy=_blob(seed, entry.alloy),
        files={file.path: _blob(seed, file) for file in entry.files},
        roles={file.path: file.role for file in entry.files},
    )


def _blob(seed: Path, file: PinnedFile) -> bytes:
    path = seed / "sha256" / file.sha256[:2] / file.sha256
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise EvidenceMissingError(
            f"{file.path}: expected the pinned bytes in {seed}; found {'others' if data else 'none'}",
            remedy="restore the cache, or make it again: python -m forge.reference --device-class",
        )
    return data


def write_catalog(artifacts: Iterable[Artifact], catalog: Path, seed: Path) -> tuple[Path, ...]:
    """Write lock entries below ``catalog/reference`` and blobs below ``seed``; drop what is no longer made.

    Reasons that a lock file already gives are kept.

    Returns:
        The lock files, in the order of the artifacts.
    """
    made = tuple(artifacts)
    wanted = blobs(made)
    names = {artifact.name for artifact in made}
    for lock in sorted((catalog / CATALOG).glob("*.lock.json")):
        if lock.name.removesuffix(".lock.json") not in names:
            lock.unlink()
    cache = Cache(seed)
    for data in wanted.values():
        cache.put_bytes(data)
    for stale in sorted(seed.glob("sha256/*/*")):
        if stale.name not in wanted:
            stale.unlink()
            with contextlib.suppress(OSError):  # the folder has other blobs
                stale.parent.rmdir()
    locks = []
    for artifact in made:
        entry = lock_entry(artifact, catalog, _old_reasons(catalog, artifact.name))
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        entry.path.write_text(dumps(entry), encoding="utf-8")
        locks.append(entry.path)
    return tuple(locks)


def _pin(path: str, data: bytes, role: str) -> PinnedFile:
    return PinnedFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data), role=role)


def _old_reasons(catalog: Path, name: str) -> tuple[str, ...]:
    path = catalog / CATALOG / f"{name}.lock.json"
    return load_entry(path).reasons if path.is_file() else ()
