"""A model from the Hub, file by file, each checked against the digest that the Hub states for it."""

import fnmatch
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from forge.folders import digests_of, is_weights, write_atomically
from forge.stages.base import Progress
from forge.tensors.documents import INDEX_FILE, SINGLE_FILE, read_weight_map
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.paths import check_relative

if TYPE_CHECKING:
    from verifier.evidence.hub import HubClient, RemoteFile

WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""What a model folder consists of; weights in other formats, code and pictures stay where they are."""

MANIFEST = ".complete.json"
"""Written last: a folder without it is the rest of a transfer that was interrupted."""


def reference(store: Path, revision: str | None) -> Path:
    """The file in ``store`` that says which commit a revision stood for when it was fetched."""
    return store / f"{(revision or 'main').replace('/', '--')}.ref"


def fetch(repo: str, revision: str | None, store: Path, on_progress: Progress) -> tuple[Path, str]:
    """Fetch what a model consists of; files that are there already are not fetched again.

    Args:
        repo: ``owner/name``.
        revision: commit, branch or tag; None for the main branch.
        store: folder of the repository in the cache.
        on_progress: see :data:`forge.stages.base.Progress`.

    Returns:
        The model's folder and its commit.

    Raises:
        EvidenceMissingError: the Hub does not have it, or there is no room.
        EvidenceMismatchError: a file is not the one that the Hub states.
    """
    from verifier.evidence.hub import HubClient

    client = HubClient()
    commit = client.revision(repo, revision)
    listed = {f.path: f for f in client.files(repo, commit) if _wanted(f.path)}
    folder = store / commit
    folder.mkdir(parents=True, exist_ok=True)
    weights = {SINGLE_FILE}
    if INDEX_FILE in listed and SINGLE_FILE not in listed:
        _fetch_file(client, repo, commit, listed[INDEX_FILE], folder, on_progress)
        weights = set(read_weight_map(folder / INDEX_FILE).values())
    files = [f for f in listed.values() if not f.path.endswith(".safetensors") or f.path in weights]
    if not weights <= set(listed):
        raise EvidenceMissingError(
            f"{repo}: expected {SINGLE_FILE} or {INDEX_FILE} and its files; found "
            f"{', '.join(sorted(p for p in listed if is_weights(p))[:5]) or 'no safetensors'}",
            remedy="convert the model to safetensors, and name the folder with --base",
        )
    _check_space(folder, sum(f.size for f in files if not (folder / f.path).is_file()), repo)
    for file in files:
        _fetch_file(client, repo, commit, file, folder, on_progress)
    write_atomically(folder / MANIFEST, json.dumps({"repo": repo, "commit": commit}).encode())
    write_atomically(reference(store, revision), commit.encode())
    return folder, commit


def _wanted(path: str) -> bool:
    return "/" not in path and any(fnmatch.fnmatch(path, pattern) for pattern in WANTED)


def _fetch_file(
    client: "HubClient", repo: str, commit: str, file: "RemoteFile", folder: Path, on_progress: Progress
) -> None:
    target = folder / check_relative(file.path)
    if target.is_file() and target.stat().st_size == file.size:
        return  # its digest was checked before it was put there
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        got = client.download(
            repo,
            commit,
            file.path,
            Path(scratch),
            size=file.size,
            sha256=file.sha256,
            on_progress=on_progress,
        )
        found = digests_of(got.parent, [got.name])[got.name]
        if file.sha256 is not None and found != file.sha256:
            raise EvidenceMismatchError(
                f"{file.path} of {repo}: expected sha256 {file.sha256}; found {found}",
                expected=file.sha256,
                found=found,
                source=repo,
                remedy="fetch it again; the transfer was damaged, or the file was replaced meanwhile",
            )
        got.replace(target)


def _check_space(folder: Path, needed: int, repo: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise EvidenceMissingError(
            f"{repo}: expected {needed / 1e9:.1f} GB of free disk to fetch it; found {free / 1e9:.1f} GB",
            remedy="make room, or set ALLOY_CACHE to a larger disk",
        )
