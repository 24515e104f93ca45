"""Names that come from strangers: digests, repository ids, paths inside a repository.

Everything here refuses rather than repairs: a name that would have to be changed before it is safe
names something else than its author wrote.
"""

import re
from pathlib import Path

from verifier.errors import DocumentError

MAX_PATH_CHARS = 1024
"""Longest accepted path inside a repository; the Hub itself takes less."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_REPO = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,95})/[A-Za-z0-9](?:[A-Za-z0-9._-]{0,95})")
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,199})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_digest(value: object) -> bool:
    """Whether ``value`` is a sha256 as this project writes it: 64 lower-case hex digits."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def check_digest(value: str) -> str:
    """Return ``value`` if it is 64 lower-case hex digits.

    Raises:
        DocumentError: it is anything else.
    """
    if not is_digest(value):
        raise DocumentError(
            f"sha256: expected 64 lower-case hex digits, found {value!r:.100}",
            remedy="correct the digest in the lock entry or alloy",
        )
    return value


def check_repo(repo: str) -> str:
    """Return ``repo`` if it is an ``owner/name`` id without anything that could leave a folder.

    Raises:
        DocumentError: it is anything else.
    """
    if not isinstance(repo, str) or _REPO.fullmatch(repo) is None or ".." in repo:
        raise DocumentError(
            f"repository id: expected owner/name, found {repo!r:.200}",
            remedy="write the id as it stands in the address of the repository's page",
        )
    return repo


def check_revision(revision: str) -> str:
    """Return ``revision`` if it is a commit, branch or tag name that is safe in an address.

    Raises:
        DocumentError: it is anything else.
    """
    if not isinstance(revision, str) or _REVISION.fullmatch(revision) is None or ".." in revision:
        raise DocumentError(
            f"revision: expected a commit, branch or tag, found {revision!r:.200}",
            remedy="use the 40 hex digits of the commit",
        )
    return revision


def check_relative(path: str) -> str:
    """Return ``path`` if it is a plain relative POSIX path: no ``..``, no root, no backslash, no drive.

    Raises:
        DocumentError: it is anything else.
    """
    reason = _refusal(path)
    if reason:
        raise DocumentError(
            f"path: expected a relative path inside the artifact, found {path!r:.200} ({reason})",
            remedy="name the file relative to the artifact's folder, with forward slashes",
        )
    return path


def _refusal(path: object) -> str:
    """Why ``path`` is no safe relative path, or an empty string."""
    if not isinstance(path, str) or not path:
        return "empty or no text"
    if len(path) > MAX_PATH_CHARS:
        return f"longer than {MAX_PATH_CHARS} characters"
    if _CONTROL.search(path) or "\\" in path or ":" in path.split("/", 1)[0]:
        return "control character, backslash or drive letter"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "absolute, or with an empty, '.' or '..' part"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "not encodable as UTF-8"
    return ""


def inside(root: Path, relative: str) -> Path | None:
    """The file ``relative`` under ``root``, or None where a symbolic link leads out of ``root``.

    The file need not exist. Both sides are resolved, so that a root that is itself a link is fine.

    Raises:
        DocumentError: ``relative`` is no plain relative path.
    """
    base = root.resolve()
    target = (base / check_relative(relative)).resolve()
    return target if target.is_relative_to(base) else None
