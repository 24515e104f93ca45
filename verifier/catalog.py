"""The pinned catalog: lock entries, one file per artifact, facts alone.

A lock entry holds names, numbers, hashes and pointers, never a publisher's prose. The bytes come from the
evidence store and are accepted only if they hash to the pin.
"""

import difflib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from verifier.alloy.parse import parse_json
from verifier.claims.model import Claim
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON, Tier

SCHEMA = "alloy-lock/1"
CATALOGS = ("published", "reference")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """A file of an artifact.

    Attributes:
        path: relative path in the repository, POSIX form.
        sha256: 64 hex digits.
        size: bytes.
        role: ``alloy``, ``samples``, ``weights``, ``card``, ``corpus``, ``selection`` or ``base``.
    """

    path: str
    sha256: str
    size: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEntry:
    """The pinned facts of one artifact.

    Attributes:
        name: unique in the catalog; starts every claim id.
        catalog: ``published`` or ``reference``.
        repo: ``owner/name`` on the Hub; None for artifacts that live in this project.
        revision: commit that the files are pinned to; None if only digests pin them.
        alloy: the alloy file.
        files: samples, weights and whatever else the alloy points to.
        claims: every claim of the alloy, as facts: no inputs, no parameters.
        reasons: why pins or expectations were changed, oldest first.
        path: where the lock file lies.
    """

    name: str
    catalog: str
    repo: str | None
    revision: str | None
    alloy: PinnedFile
    files: tuple[PinnedFile, ...]
    claims: tuple[Claim, ...]
    reasons: tuple[str, ...]
    path: Path

    def file(self, path: str) -> PinnedFile | None:
        """The pin of a path, or None."""
        return next((f for f in (self.alloy, *self.files) if f.path == path), None)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A folder with one sub-folder of lock entries for each catalog."""

    root: Path

    @staticmethod
    def find(start: Path | None = None) -> "Catalog":
        """The catalog of ``ALLOY_CATALOG``, of the checkout around ``start``, or of the installation.

        Raises:
            UsageError: there is none.
        """
        named = os.environ.get("ALLOY_CATALOG")
        here = (start or Path.cwd()).resolve()
        beside = Path(__file__).resolve().parent
        candidates = (
            [Path(named)]
            if named
            else [
                *(folder / "catalog" for folder in (here, *here.parents)),
                beside.parent / "catalog",
                beside / "_data" / "catalog",
            ]
        )
        for candidate in candidates:
            if any((candidate / which).is_dir() for which in CATALOGS):
                return Catalog(candidate.resolve())
        raise UsageError(
            f"catalog: expected a folder with {' or '.join(CATALOGS)}, found none in"
            f" {named or 'this folder, its parents or the installation'}",
            remedy="run from a checkout, or set ALLOY_CATALOG",
        )

    def entries(self, which: str | None = None) -> tuple[LockEntry, ...]:
        """Lock entries by name, of one catalog or of all.

        Raises:
            UsageError: no such catalog.
            DocumentError: a lock file is malformed.
        """
        if which is not None and which not in CATALOGS:
            raise UsageError(f"catalog: expected one of {', '.join(CATALOGS)}, found {which!r}")
        paths = [p for c in CATALOGS if which in (None, c) for p in (self.root / c).glob("*.lock.json")]
        return tuple(sorted((load_entry(p) for p in paths), key=lambda e: e.name))

    def get(self, name: str) -> LockEntry:
        """One entry.

        Raises:
            UsageError: no such entry; names close ones.
        """
        for which in CATALOGS:
            path = self.root / which / f"{name}.lock.json"
            if _NAME.match(name) and path.is_file():
                return load_entry(path)
        names = [
            p.name.removesuffix(".lock.json") for c in CATALOGS for p in (self.root / c).glob("*.lock.json")
        ]
        close = difflib.get_close_matches(name, names, 3)
        raise UsageError(
            f"catalog entry: expected one of {len(names)} names, found {name[:80]!r}",
            remedy=f"did you mean {' or '.join(close)}?" if close else "list them: alloy verify",
        )

    def verdicts_path(self, entry: LockEntry) -> Path:
        """The reviewed verdicts of an entry's claims."""
        return self.root / entry.catalog / "verdicts" / f"{entry.name}.json"


def load_entry(path: Path) -> LockEntry:
    """Read one lock file.

    Raises:
        DocumentError: unreadable or malformed; carries the pointer.
    """
    what = path.name
    try:
        raw = parse_json(path.read_bytes(), what=what)
    except OSError as error:
        raise DocumentError(f"{what}: expected a readable lock file, found: {error.strerror}") from None
    _expect(isinstance(raw, dict), what, "an object", "")
    _expect(raw.get("schema") == SCHEMA, what, SCHEMA, "/schema")
    name = raw.get("name")
    _expect(isinstance(name, str) and bool(_NAME.match(name)), what, "a plain name", "/name")
    _expect(path.name == f"{name}.lock.json", what, "the file's name to be that of the entry", "/name")
    for key in ("repo", "revision"):
        _expect(raw.get(key) is None or isinstance(raw[key], str), what, "text or null", f"/{key}")
    for key in ("files", "claims", "reasons"):
        _expect(isinstance(raw.get(key), list), what, "a list", f"/{key}")
    _expect(all(isinstance(r, str) for r in raw["reasons"]), what, "texts", "/reasons")
    return LockEntry(
        name=name,
        catalog=path.parent.name,
        repo=raw.get("repo"),
        revision=raw.get("revision"),
        alloy=_file(raw.get("alloy"), what, "/alloy", "alloy"),
        files=tuple(_file(f, what, f"/files/{i}") for i, f in enumerate(raw["files"])),
        claims=tuple(_claim(c, what, f"/claims/{i}") for i, c in enumerate(raw["claims"])),
        reasons=tuple(raw["reasons"]),
        path=path,
    )


def _expect(holds: bool, what: str, expected: str, pointer: str) -> None:
    if not holds:
        raise DocumentError(
            f"{what}: expected {expected}",
            pointer=pointer,
            remedy="make the lock entry again: alloy pin TARGET",
        )


def _file(raw: JSON, what: str, pointer: str, role: str | None = None) -> PinnedFile:
    _expect(isinstance(raw, dict), what, "an object", pointer)
    role = role or raw.get("role")
    _expect(isinstance(raw.get("path"), str), what, "text", f"{pointer}/path")
    digest, size = raw.get("sha256"), raw.get("size")
    _expect(
        isinstance(digest, str) and bool(_DIGEST.match(digest)), what, "64 hex digits", f"{pointer}/sha256"
    )
    _expect(
        isinstance(size, int) and not isinstance(size, bool) and size >= 0,
        what,
        "a size in bytes",
        f"{pointer}/size",
    )
    _expect(isinstance(role, str), what, "a role", f"{pointer}/role")
    return PinnedFile(path=raw["path"], sha256=raw["sha256"], size=raw["size"], role=str(role))


def _claim(raw: JSON, what: str, pointer: str) -> Claim:
    _expect(isinstance(raw, dict), what, "an object", pointer)
    for key in ("id", "kind", "pointer"):
        _expect(isinstance(raw.get(key), str), what, "text", f"{pointer}/{key}")
    tiers = [t.value for t in Tier]
    _expect(
        isinstance(raw.get("tier"), int) and raw["tier"] in tiers, what, f"one of {tiers}", f"{pointer}/tier"
    )
    _expect("claimed" in raw, what, "the claimed value", f"{pointer}/claimed")
    return Claim(
        id=raw["id"],
        tier=Tier(raw["tier"]),
        kind=raw["kind"],
        pointer=raw["pointer"],
        expected=raw["claimed"],
        statement="",
    )


def claim_facts(claims: Iterable[Claim]) -> list[dict[str, JSON]]:
    """Claims as a lock entry states them."""
    return [
        {"id": c.id, "tier": c.tier.value, "kind": c.kind, "pointer": c.pointer, "claimed": c.expected}
        for c in claims
    ]


def dumps(entry: LockEntry) -> str:
    """The lock file's text: stable, one fact a line."""

    def file(f: PinnedFile) -> dict[str, JSON]:
        return {"path": f.path, "sha256": f.sha256, "size": f.size}

    document = {
        "schema": SCHEMA,
        "name": entry.name,
        "repo": entry.repo,
        "revision": entry.revision,
        "alloy": file(entry.alloy),
        "files": [{**file(f), "role": f.role} for f in entry.files],
        "claims": claim_facts(entry.claims),
        "reasons": list(entry.reasons),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=_number) + "\n"


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def save(entry: LockEntry) -> None:
    """Write the lock file, atomically."""
    entry.path.parent.mkdir(parents=True, exist_ok=True)
    temporary = entry.path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(dumps(entry), encoding="utf-8")
    temporary.replace(entry.path)


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
    """Make or update a lock entry; see :func:`verifier.pinning.pin`."""
    from verifier import pinning

    return pinning.pin(target, catalog, which, reason, name=name, repo=repo, offline=offline)
