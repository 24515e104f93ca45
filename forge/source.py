"""Where the base model comes from: a folder that the user names, one beside the recipe, or the Hub.

Hub snapshots lie in the evidence cache under ``models/<owner>--<name>/<commit>``, as plain files, each
checked against the digest that the Hub states for it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from forge.fetching import MANIFEST, fetch, reference
from forge.folders import digests_of, files_of, is_weights
from forge.recipe import Recipe
from forge.stages.base import Progress, silent
from forge.stages.rules import as_number
from forge.tensors.documents import INDEX_FILE
from forge.tensors.model import open_model
from forge.tensors.sidefiles import is_weights as is_weights_file
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError
from verifier.evidence.hashing import model_hash
from verifier.evidence.paths import check_relative, check_repo, check_revision, inside
from verifier.verdicts import JSON

_REPO = re.compile(r"[^/\\]+/[^/\\]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a base model is, before anything is fetched.

    Attributes:
        folder: its folder; where it would be fetched to, if it is not there yet.
        present: it is there, complete.
        repo: ``owner/name``, if it comes from the Hub.
        revision: as the recipe states it.
        named_by: for messages: the option or the field that names it.
    """

    folder: Path
    present: bool
    repo: str | None = None
    revision: str | None = None
    named_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base model at hand.

    Attributes:
        folder: its folder.
        digests: sha256 of every file, by relative path.
        sizes: bytes of every file.
        repo, revision: of the Hub (the commit, if it was fetched); None for a folder.
    """

    folder: Path
    digests: Mapping[str, str]
    sizes: Mapping[str, int]
    repo: str | None = None
    revision: str | None = None

    @property
    def weights(self) -> list[dict[str, JSON]]:
        """``fileHashes`` of the base."""
        return [
            {"filename": path, "sha256": self.digests[path], "size": self.sizes[path]}
            for path in sorted(self.digests)
            if is_weights(path)
        ]

    @property
    def model_hash(self) -> str:
        """``modelHash`` of the base."""
        return model_hash(self.weights)


def locate(recipe: Recipe, base: Path | None) -> Location:
    """Where the recipe's base model is; asks nobody.

    Args:
        recipe: its ``source.baseModel`` is ``owner/name`` or a folder below the recipe's own.
        base: a folder that the user named instead.

    Raises:
        UsageError: the user's folder does not exist.
        DocumentError: the recipe's name leads out of its folder, or is neither.
    """
    if base is not None:
        if not base.is_dir():
            raise UsageError(f"--base: expected a folder with a model; found none at {str(base)[:200]!r}")
        return Location(folder=base.resolve(), present=True, named_by="--base")
    named = str(recipe.source["baseModel"])
    if _REPO.match(named) and not named.startswith("."):
        return _on_hub(recipe, named)
    return _beside(recipe, named)


def _beside(recipe: Recipe, named: str) -> Location:
    pointer = "/source/baseModel"
    remedy = "give the folder with --base FOLDER, or name a Hub repository (owner/name)"
    try:
        folder = inside(recipe.folder, check_relative(named.removeprefix("./").rstrip("/")))
    except DocumentError:
        folder = None
    if folder is None:
        raise DocumentError(
            f"base model: expected owner/name or a folder below the recipe's own; found {named!r:.200}",
            pointer=pointer,
            remedy=remedy,
        )
    if not folder.is_dir():
        raise EvidenceMissingError(
            f"base model: expected the folder {named!r:.200} beside the recipe; found none", remedy=remedy
        )
    return Location(folder=folder, present=True, named_by="source.baseModel")


def _on_hub(recipe: Recipe, repo: str) -> Location:
    from verifier.evidence.locations import default_cache_dir

    check_repo(repo)
    revision = recipe.source.get("revision")
    revision = check_revision(revision) if isinstance(revision, str) else None
    store = default_cache_dir() / "models" / repo.replace("/", "--")
    known = reference(store, revision)
    commit = known.read_text(encoding="utf-8").strip() if known.is_file() else revision or "main"
    folder = store / check_revision(commit).replace("/", "--")
    present = (folder / MANIFEST).is_file()
    return Location(folder=folder, present=present, repo=repo, revision=revision, named_by="source.baseModel")


def obtain(recipe: Recipe, location: Location, *, offline: bool, on_progress: Progress = silent) -> Base:
    """The base model, fetched if need be, with the digests of all its files.

    Raises:
        EvidenceMissingError: it is not here and cannot be fetched; says the command and the size.
        EvidenceMismatchError: it is not the one whose digest the recipe states.
        DocumentError: the folder holds no model.
    """
    if location.present:
        base = _here(location, on_progress)
    elif offline:
        raise missing(recipe, location)
    else:
        base = _fetch(location, on_progress)
    _check_stated(recipe, base)
    return base


def missing(recipe: Recipe, location: Location) -> EvidenceMissingError:
    """The error that says what is needed: which model, how large, and which command brings it."""
    size = stated_bytes(recipe)
    about = "of unstated size" if size is None else f"about {size / 1e9:.1f} GB at 16 bits a parameter"
    repo, revision = location.repo, location.revision
    at = f" --revision {revision}" if revision else ""
    return EvidenceMissingError(
        f"base model: expected {repo}{f' at {revision[:12]}' if revision else ''} ({about}) in the cache; "
        "found none, and the run is offline",
        remedy=(
            f"run again without --offline, or: hf download {repo}{at} --local-dir FOLDER, and then "
            "--base FOLDER"
        ),
    )


def stated_bytes(recipe: Recipe) -> int | None:
    """Bytes of the base at 16 bits a parameter, by the recipe's own parameter count."""
    count = as_number(recipe.source.get("totalParamsB"))
    return None if count is None or not 0 < count < 10**6 else int(count * 2 * 10**9)


def _here(location: Location, on_progress: Progress) -> Base:
    folder = location.folder
    manifest = folder / MANIFEST
    paths = model_files(folder)
    stated = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    return Base(
        folder=folder,
        digests=digests_of(folder, paths, on_progress),
        sizes={path: (folder / path).stat().st_size for path in paths},
        repo=location.repo,
        revision=stated.get("commit", location.revision),
    )


def model_files(folder: Path) -> tuple[str, ...]:
    """Relative paths of what a model consists of, sorted: its weights, their index, its side files.

    Weights in other formats beside them are no part of it.

    Raises:
        DocumentError: no model, or a link that leads out of the folder. Links into the blobs of the Hub cache
            that the folder belongs to are fine.
    """
    model = open_model(folder)
    index = [INDEX_FILE] if len(model.files) > 1 else []
    root = folder.resolve()
    allowed = (root, root.parent.parent / "blobs") if root.parent.name == "snapshots" else (root,)
    paths = sorted({*model.files, *index, *(p for p in files_of(folder) if not is_weights_file(p))})
    for path in paths:
        if not any((folder / path).resolve().is_relative_to(place) for place in allowed):
            raise DocumentError(
                f"base model: {path!r:.200}: expected a file of {folder}; found a link that leads out of it",
                remedy="replace the link by a copy of the file, if it belongs to the model",
            )
    return tuple(paths)


def _fetch(location: Location, on_progress: Progress) -> Base:
    folder, commit = fetch(str(location.repo), location.revision, location.folder.parent, on_progress)
    return _here(replace(location, folder=folder, present=True, revision=commit), on_progress)


def _check_stated(recipe: Recipe, base: Base) -> None:
    """A digest of the base that the recipe states must be the base's own."""
    single = base.weights[0]["sha256"] if len(base.weights) == 1 else None
    stated = (
        ("baseModelHash", recipe.source.get("baseModelHash"), base.model_hash),
        ("weightsSha256", recipe.source.get("weightsSha256"), single),
    )
    for name, expected, found in stated:
        if not isinstance(expected, str) or found is None:
            continue
        if expected.removeprefix("sha256:") != str(found).removeprefix("sha256:"):
            raise EvidenceMismatchError(
                f"base model: expected {name} {expected:.80}, as source.{name} states; found {found}",
                expected=expected.removeprefix("sha256:"),
                found=str(found).removeprefix("sha256:"),
                source=str(base.folder),
                remedy="use the base model that the recipe means",
            )
