"""What the gate asks git: which files a change touches and what they held on either side.

Git runs as a plain child process: no shell, no ``GIT_*`` variables of the caller, no pager, no prompts,
no external diff drivers, no hooks; revisions and paths never stand where an option could.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import DocumentError, UsageError

MAX_BLOB = 16 * 1024 * 1024
"""Largest lock entry or verdict snapshot that is read from history, in bytes."""

_TIMEOUT = 120
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "GIT_LITERAL_PATHSPECS": "1"}
_OVERRIDES = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=false")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A change: the commits between the merge base with a revision and ``HEAD``.

    Attributes:
        root: top folder of the working tree.
        base: full id of the merge base.
        head: full id of ``HEAD``.
    """

    root: Path
    base: str
    head: str


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR", "SystemRoot")}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"} | _QUIET


def git(root: Path, *args: str) -> bytes | None:
    """Run one git command.

    Args:
        root: folder to run in.
        args: subcommand and its arguments.

    Returns:
        Its standard output, or None where git answers with a failure.

    Raises:
        UsageError: git is not installed or does not answer in time.
    """
    settings = [word for setting in _OVERRIDES for word in ("-c", setting)]
    try:
        done = subprocess.run(  # noqa: S603  a fixed program, no shell, arguments checked by the callers
            ["git", "--no-pager", *settings, *args],  # noqa: S607  git is wherever PATH says
            cwd=root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git: expected on the PATH, found none", remedy="install git") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {args[0]}: expected an answer within {_TIMEOUT} s, found none") from error
    return done.stdout if done.returncode == 0 else None


def open_history(folder: Path, base: str) -> History:
    """Find the change between a revision and ``HEAD``.

    Args:
        folder: any folder of the working tree.
        base: revision that the change is to be merged into.

    Raises:
        UsageError: no repository, an unknown or option-like revision, or no common ancestor.
    """
    if not base or base.startswith("-") or any(ord(c) < 33 for c in base):
        raise UsageError(
            f"--base: expected a git revision, found {base!r}",
            remedy="give a branch, tag or commit, for example origin/main",
        )
    top = git(folder, "rev-parse", "--show-toplevel")
    if top is None:
        raise UsageError(f"{folder}: expected a git working tree, found none", remedy="run inside a clone")
    root = Path(os.fsdecode(top.rstrip(b"\n")))
    commit = _commit(root, base)
    head = _commit(root, "HEAD")
    merged = git(root, "merge-base", commit, head)
    if merged is None:
        raise UsageError(
            f"--base {base}: expected a common ancestor with HEAD, found none",
            remedy="fetch the whole history (in a workflow: fetch-depth: 0)",
        )
    return History(root=root, base=merged.decode().split()[0], head=head)


def _commit(root: Path, revision: str) -> str:
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UsageError(
            f"{revision}: expected a commit of this repository, found none",
            remedy="fetch it first (in a workflow: fetch-depth: 0)",
        )
    return found.decode().strip()


def changed_paths(history: History) -> dict[str, str]:
    """Paths that the change adds (A), deletes (D) or modifies (M, T), by path; a rename is D and A."""
    out = git(
        history.root,
        "diff",
        "--name-status",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        f"{history.base}...{history.head}",
    )
    if out is None:
        raise UsageError(
            f"git diff {history.base}...{history.head}: expected a list of files, found a failure"
        )
    words = os.fsdecode(out).split("\0")
    return {path: status for status, path in zip(words[0::2], words[1::2], strict=False) if path}


def uncommitted(history: History, folder: str) -> tuple[str, ...]:
    """Paths under a folder whose working copy is not what ``HEAD`` holds."""
    out = git(
        history.root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", folder
    )
    return tuple(line[3:] for line in os.fsdecode(out or b"").split("\0") if line)


def blob(history: History, revision: str, path: str) -> bytes | None:
    """Content of a file at a revision.

    Args:
        history: the change that is looked at.
        revision: full commit id.
        path: path from the top of the repository.

    Returns:
        The bytes, or None where the revision has no such regular file.

    Raises:
        DocumentError: the file is larger than :data:`MAX_BLOB`.
    """
    listing = git(history.root, "ls-tree", "-z", "--full-tree", revision, "--", path)
    if not listing or not listing.startswith(b"100"):
        return None
    name = listing.split(b"\t", 1)[0].split()[2].decode()
    size = int(git(history.root, "cat-file", "-s", name) or 0)
    if size > MAX_BLOB:
        raise DocumentError(f"{path}: expected at most {MAX_BLOB} bytes, found {size}")
    return git(history.root, "cat-file", "blob", name)


def versions(history: History, path: str) -> tuple[bytes, ...]:
    """Every content that a file had in the commits of the change, newest first."""
    out = git(history.root, "rev-list", "--full-history", f"{history.base}..{history.head}", "--", path)
    found = (blob(history, commit, path) for commit in (out or b"").decode().split()[:200])
    return tuple(data for data in found if data is not None)
