"""Making and updating lock entries from evidence."""

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from verifier.alloy.parse import Alloy, get, load, walk
from verifier.catalog import CATALOGS, Catalog, LockEntry, PinnedFile, save
from verifier.claims.extract import extract
from verifier.claims.samples import paths
from verifier.errors import EvidenceMismatchError, EvidenceMissingError, UsageError
from verifier.evidence.hashing import sha256_file
from verifier.evidence.store import EvidenceStore, open_store
from verifier.runners import registry
from verifier.runners.model import Accompanied
from verifier.sources import FolderFiles, HubFiles, PinnedFiles
from verifier.targets import Target, resolve_targets
from verifier.tiers.context import BASE_FOLDER, Files

_PATHS = {
    "samplesPath": "samples",
    "baseSamplesPath": "samples",
    "resultsPath": "samples",
    "baseResultsPath": "samples",
    "calibrationCorpusFile": "corpus",
    "datasetFile": "corpus",
    "calibrationDatasetFile": "corpus",
    "selectionFile": "selection",
}


def pin(
    target: str | Path,
    catalog: Catalog,
    which: str,
    reason: str = "",
    *,
    name: str | None = None,
    repo: str | None = None,
    offline: bool = False,
) -> LockEntry:
    """Make or update the lock entry of an artifact.

    Args:
        target: a folder or alloy file, a catalog name, or a Hub repository id.
        catalog: where the entry goes.
        which: ``published`` or ``reference``.
        reason: why; required where an existing pin, claim or file changes.
        name: the entry's name; by default the target's.
        repo: ``owner/name`` that the files belong to, for a folder.
        offline: never ask the network.

    Raises:
        UsageError: no such target or catalog, or a change without a reason.
        DocumentError: the alloy cannot be read.
        EvidenceMissingError: the alloy is not to be had.
    """
    if which not in CATALOGS:
        raise UsageError(f"catalog: expected one of {', '.join(CATALOGS)}, found {which!r}")
    item = resolve_targets(target, None)[0]
    store = open_store(offline)
    with TemporaryDirectory(prefix="alloy-") as scratch:
        alloy, path, files, revision = _open(item, store, Path(scratch))
        entry = LockEntry(
            name=name or item.name,
            catalog=which,
            repo=repo or item.repo,
            revision=revision,
            alloy=PinnedFile(path=path, sha256=alloy.sha256, size=len(alloy.data), role="alloy"),
            files=tuple(_files(alloy, files, store)),
            claims=(),
            reasons=(),
            path=catalog.root / which / f"{name or item.name}.lock.json",
        )
        store.cache.put_bytes(alloy.data)
    claims = extract(alloy, entry.name, pinned=alloy.sha256, repo=entry.repo)
    entry = _with_reasons(dataclasses.replace(entry, claims=claims), catalog, reason)
    save(entry)
    return entry


def _open(item: Target, store: EvidenceStore, scratch: Path) -> tuple[Alloy, str, Files, str | None]:
    if item.path is not None:
        return load(item.path), item.path.name, FolderFiles(item.path.parent), None
    if item.entry is not None:
        pinned = PinnedFiles(item.entry, store)
        path = item.entry.alloy.path
        return load(pinned.open(path)), path, pinned, item.entry.revision
    if store.hub is None or item.repo is None:
        raise EvidenceMissingError(
            f"{item.name} lies on the Hub, and the run is offline", remedy="run without --offline"
        )
    revision = store.hub.revision(item.repo)
    remote = HubFiles(item.repo, revision, store, scratch)
    path = store.hub.find_alloy(item.repo, revision)
    return load(remote.open(path)), path, remote, revision


def _files(alloy: Alloy, files: Files, store: EvidenceStore) -> Iterator[PinnedFile]:
    """Pins of everything that the alloy points to; weights may be pinned as the alloy attests them."""
    seen: set[str] = set()
    for pointer, value in walk(alloy.document):
        role = _PATHS.get(re.sub(r"/\d+$", "", pointer).rpartition("/")[2])
        if role is None or not isinstance(value, str) or value in seen:
            continue
        seen.add(value)
        try:
            local = files.open(value)
        except (EvidenceMissingError, EvidenceMismatchError):
            continue
        store.cache.put_file(local)
        yield PinnedFile(path=value, sha256=sha256_file(local), size=local.stat().st_size, role=role)
    for path in _accompanying(alloy):
        if path in seen:
            continue
        try:
            local = files.open(path)
        except (EvidenceMissingError, EvidenceMismatchError):
            continue
        seen.add(path)
        store.cache.put_file(local)
        yield PinnedFile(path=path, sha256=sha256_file(local), size=local.stat().st_size, role="samples")
    yield from _base_files(files, store)
    results = alloy.model.results
    for file in (results.integrity.file_hashes or ()) if results and results.integrity else ():
        if len(file.sha256) == 64 and file.size is not None and file.filename not in seen:
            seen.add(file.filename)
            yield PinnedFile(path=file.filename, sha256=file.sha256, size=file.size, role="weights")


def _accompanying(alloy: Alloy) -> Iterator[str]:
    """Where the accounts of the runs lie whose samples the results name, if they are published."""
    for item in get(alloy.document, "/results/benchmarks") or ():
        runner = registry.find(item["name"])
        if isinstance(runner, Accompanied):
            for key in ("samplesPath", "baseSamplesPath"):
                yield from runner.beside(paths(item.get(key)))


def _base_files(files: Files, store: EvidenceStore) -> Iterator[PinnedFile]:
    """Pins of a base model that the artifact brings along."""
    try:
        paths = files.below(BASE_FOLDER)
    except EvidenceMissingError:
        return
    for path in paths:
        try:
            local = files.open(path)
        except (EvidenceMissingError, EvidenceMismatchError):
            continue
        store.cache.put_file(local)
        yield PinnedFile(path=path, sha256=sha256_file(local), size=local.stat().st_size, role="base")


def _with_reasons(entry: LockEntry, catalog: Catalog, reason: str) -> LockEntry:
    try:
        old = catalog.get(entry.name)
    except UsageError:
        return dataclasses.replace(entry, reasons=(reason,) if reason else ())
    facts = ("repo", "revision", "alloy", "files")
    changed = [f for f in facts if getattr(old, f) != getattr(entry, f)]
    if changed and not reason:
        raise UsageError(
            f"{entry.name}: expected a reason for the change of {', '.join(changed)}, found none",
            remedy="alloy pin … --reason 'why it changes'",
        )
    return dataclasses.replace(entry, reasons=(*old.reasons, reason) if reason else old.reasons)


def materialise(entry: LockEntry, store: EvidenceStore, folder: Path) -> list[str]:
    """Copy an entry's pinned files into a folder; returns the paths that could not be had.

    Raises:
        EvidenceMissingError: the alloy itself is not to be had.
    """
    files, missing = PinnedFiles(entry, store), []
    for pin_ in (entry.alloy, *entry.files):
        try:
            local = files.open(pin_.path)
        except (EvidenceMissingError, EvidenceMismatchError):
            if pin_ is entry.alloy:
                raise
            missing.append(pin_.path)
            continue
        target = folder / pin_.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local, target)
    return missing
