"""What a user's words mean: a catalog name, a folder, an alloy file or a Hub repository."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.catalog import Catalog, LockEntry
from verifier.errors import UsageError

REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One artifact to verify.

    Attributes:
        name: starts every claim id.
        entry: its lock entry, if it was named through the catalog.
        path: its alloy file, if it was named through the file system.
        repo: ``owner/name`` on the Hub, if known.
    """

    name: str
    entry: LockEntry | None = None
    path: Path | None = None
    repo: str | None = None


def resolve_targets(targets: str | Path | Sequence[str | Path] | None, which: str | None) -> list[Target]:
    """Turn words into targets; None is the whole catalog.

    Raises:
        UsageError: a word means nothing.
        DocumentError: a lock entry is malformed.
    """
    if targets is None:
        entries = Catalog.find().entries(which)
        if not entries:
            raise UsageError(f"catalog {which or ''}: expected at least one entry, found none")
        return [of_entry(entry) for entry in entries]
    words = [targets] if isinstance(targets, str | Path) else list(targets)
    return [_one(word) for word in words]


def of_entry(entry: LockEntry) -> Target:
    """The target of a lock entry."""
    return Target(name=entry.name, entry=entry, repo=entry.repo)


def _one(word: str | Path) -> Target:
    path, text = Path(word), str(word)
    if path.is_dir():
        return _of_file(find_alloy(path))
    if path.is_file():
        return _of_file(path)
    if REPO.match(text):
        return Target(name=text.rpartition("/")[2], repo=text)
    if isinstance(word, Path) or "/" in text or text.endswith(".json"):
        raise UsageError(
            f"target: expected a catalog name, folder, alloy file or owner/name, found {text[:200]!r},"
            " which does not exist",
            remedy="check the path",
        )
    return of_entry(Catalog.find().get(text))


def _of_file(path: Path) -> Target:
    name = path.name.removesuffix(".json").removesuffix(".alloy")
    if name == "forge-alloy":
        name = path.resolve().parent.name
    return Target(name=name, path=path)


def find_alloy(folder: Path) -> Path:
    """The one alloy of a folder.

    Raises:
        UsageError: none, or several.
    """
    found = sorted({*folder.glob("*.alloy.json"), *folder.glob("forge-alloy.json")})
    if len(found) == 1:
        return found[0]
    listed = ", ".join(p.name for p in found[:5]) or "none"
    raise UsageError(
        f"{folder}: expected exactly one *.alloy.json or forge-alloy.json, found {listed}",
        remedy="name the alloy file itself",
    )
