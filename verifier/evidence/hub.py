"""The Hub, through its own client: discovery, pinned files, and digests of weights without a download.

Every failure leaves here as an :class:`~verifier.errors.EvidenceMissingError` (or, where bytes are offered
that are not the pinned ones, :class:`~verifier.errors.EvidenceMismatchError`); see ``hub_errors``.
The client library is imported on first use.
"""

import importlib
import inspect
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.evidence import hub_errors
from verifier.evidence.hashing import Progress
from verifier.evidence.paths import check_relative, check_repo, check_revision, is_digest

if TYPE_CHECKING:
    from huggingface_hub import HfApi, HfFileMetadata, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

TIMEOUT_SECONDS = 20.0
"""How long one request may stay without an answer."""

RETRIES = 3
"""Further attempts after a transient failure of a metadata request."""

DOWNLOAD_RETRIES = 1
"""Further attempts after a download was cut; newer clients have made five of their own by then."""

UNREACHABLE_SECONDS = 120.0
"""How long a client remembers that there was no server, so that a hundred files do not each wait for it."""

MAX_WAIT_SECONDS = 60.0
"""Longest wait that a server may impose by ``Retry-After``; beyond it, giving up is the better answer."""

MAX_FILES = 100_000
"""Most files that a repository may list."""

ALLOY_SUFFIX = ".alloy.json"
ALLOY_NAME = "forge-alloy.json"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SLACK_BYTES = 64 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a repository, as its metadata tell.

    Attributes:
        path: relative POSIX path in the repository.
        size: bytes.
        sha256: 64 hex digits from the LFS metadata; None for a file that is not stored by LFS.
    """

    path: str
    size: int
    sha256: str | None


def is_alloy_name(path: str) -> bool:
    """Whether a file of this name is an alloy by convention: ``*.alloy.json`` or ``forge-alloy.json``."""
    name = path.rsplit("/", 1)[-1]
    return name == ALLOY_NAME or (name.endswith(ALLOY_SUFFIX) and name != ALLOY_SUFFIX)


class HubClient:
    """Questions to one Hub.

    Args:
        endpoint: address of the Hub; by default ``HF_ENDPOINT`` or the public one.
        token: access token; by default what the client finds (``HF_TOKEN`` or a stored login).
        timeout: seconds that one request may stay without an answer.
        retries: further attempts after a transient failure of a metadata request.
        sleep: waits a number of seconds between attempts.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        *,
        retries: int = RETRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember where to ask; no request is made yet."""
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
        self._token = token
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._unreachable_until = 0.0

    def revision(self, repo: str, revision: str | None = None) -> str:
        """The commit (40 hex digits) that ``revision`` (by default the main branch) stands for now.

        Raises:
            DocumentError: malformed id or revision.
            EvidenceMissingError: the Hub does not tell.
        """
        what = _subject(repo, revision)
        sha = getattr(self._info(repo, revision, files=False), "sha", None)
        if not isinstance(sha, str) or _COMMIT.fullmatch(sha) is None:
            raise _odd_answer(what, "a commit of 40 hex digits", sha)
        return sha

    def files(self, repo: str, revision: str | None) -> tuple[RemoteFile, ...]:
        """All files of a revision with size and LFS sha256, sorted by path, nothing downloaded.

        Raises:
            DocumentError: malformed id or revision.
            EvidenceMissingError: the Hub does not tell, or lists what cannot be a repository's file.
        """
        what = _subject(repo, revision)
        siblings = getattr(self._info(repo, revision, files=True), "siblings", None)
        if not isinstance(siblings, list) or len(siblings) > MAX_FILES:
            number = len(siblings) if isinstance(siblings, list) else siblings
            raise _odd_answer(what, f"a list of at most {MAX_FILES} files", number)
        found = {file.path: file for file in (_remote_file(item, what) for item in siblings)}
        if len(found) != len(siblings):
            raise _odd_answer(what, "each file once", f"{len(siblings) - len(found)} repeated")
        return tuple(found[path] for path in sorted(found))

    def find_alloy(self, repo: str, revision: str | None) -> str:
        """Path of the one alloy at the top of a repository.

        Raises:
            DocumentError: malformed id or revision, or several alloys, or none.
            EvidenceMissingError: the Hub does not tell.
        """
        named = [file.path for file in self.files(repo, revision) if is_alloy_name(file.path)]
        top = [path for path in named if "/" not in path]
        if len(top) == 1:
            return top[0]
        deeper = f" (in folders: {', '.join(named[:5])})" if named and not top else ""
        raise DocumentError(
            f"{_subject(repo, revision)}: expected one alloy (*{ALLOY_SUFFIX} or {ALLOY_NAME}), found "
            f"{', '.join(top[:5]) if top else 'none'}{deeper}",
            remedy="name the alloy file itself" if named else "ask the publisher for the alloy",
        )

    def download(
        self,
        repo: str,
        revision: str | None,
        path: str,
        dest_dir: Path,
        *,
        size: int | None = None,
        sha256: str | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Download one file under ``dest_dir`` and return where it lies.

        The metadata are asked first, so that a file of another size or LFS digest than the pinned one is
        refused before its bytes travel. The bytes themselves are for the caller to hash.

        Args:
            repo: ``owner/name``.
            revision: commit, branch or tag; None for the main branch.
            path: path in the repository.
            dest_dir: an empty folder.
            size: pinned size in bytes, if known.
            sha256: pinned digest, if known.
            on_progress: called with the path, bytes done and bytes in all, where the client offers it.

        Raises:
            DocumentError: malformed id, revision or path.
            EvidenceMissingError: it cannot be had.
            EvidenceMismatchError: the Hub announces another file.
        """
        check_relative(path)
        what = f"{path} of {_subject(repo, revision)}"
        offered = self._announced_size(repo, revision, path, size=size, sha256=sha256)
        guard = _guard(path, offered, on_progress)

        def fetch() -> Path:
            from huggingface_hub import hf_hub_download
            from huggingface_hub.utils.tqdm import disable_progress_bars

            extra: dict[str, Any] = {}
            if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
                extra["tqdm_class"] = guard
            else:
                disable_progress_bars("huggingface_hub.http_get")
            return Path(
                hf_hub_download(
                    repo,
                    path,
                    revision=revision,
                    local_dir=dest_dir,
                    endpoint=self.endpoint,
                    token=self._token,
                    etag_timeout=self._timeout,
                    **extra,
                )
            )

        return self._asked(what, fetch, retries=min(self._retries, DOWNLOAD_RETRIES))

    def _announced_size(
        self, repo: str, revision: str | None, path: str, *, size: int | None, sha256: str | None
    ) -> int | None:
        what = f"{path} of {_subject(repo, revision)}"

        def head() -> "HfFileMetadata":
            from huggingface_hub import get_hf_file_metadata, hf_hub_url

            url = hf_hub_url(repo, path, revision=revision, endpoint=self.endpoint)
            return get_hf_file_metadata(url, token=self._token, timeout=self._timeout, endpoint=self.endpoint)

        metadata = self._asked(what, head)
        announced = metadata.size if isinstance(metadata.size, int) else None
        etag = metadata.etag if is_digest(metadata.etag) else None
        if sha256 is not None and etag is not None and etag != sha256:
            raise EvidenceMismatchError(
                f"{what}: expected sha256 {sha256}, found {etag} in the Hub's metadata",
                expected=sha256,
                found=etag,
                source=what,
                remedy="the publisher has other bytes there than the pin says",
            )
        if size is not None and announced is not None and announced != size:
            raise EvidenceMismatchError(
                f"{what}: expected {size} bytes, found {announced} in the Hub's metadata",
                expected=sha256 or "",
                found=etag or "",
                source=what,
                remedy="the publisher has other bytes there than the pin says",
            )
        return size if size is not None else announced

    def _info(self, repo: str, revision: str | None, *, files: bool) -> "ModelInfo":
        def ask() -> "ModelInfo":
            return self._api().model_info(
                repo, revision=revision, files_metadata=files, timeout=self._timeout
            )

        return self._asked(_subject(repo, revision), ask)

    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self._token)

    def _asked(self, what: str, call: Callable[[], T], *, retries: int | None = None) -> T:
        """The answer to a request; asked again after a transient failure.

        The client itself retries paged listings and, in its newer versions, downloads, but neither of the
        two metadata requests made here.
        """
        if time.monotonic() < self._unreachable_until:
            found, remedy = hub_errors.NO_CONNECTION
            message = f"{what}: expected an answer of the Hub, found {found} (tried a moment ago)"
            raise EvidenceMissingError(message, remedy=remedy)
        left = self._retries if retries is None else retries
        attempt = 0
        while True:
            try:
                return call()
            except Exception as error:
                # Anything may come out of a third-party client fed with a stranger's answer.
                unreachable = hub_errors.is_unreachable(error)
                wait = _wait(error, attempt)
                if attempt >= (min(left, 1) if unreachable else left) or wait is None:
                    if unreachable:
                        self._unreachable_until = time.monotonic() + UNREACHABLE_SECONDS
                    raise hub_errors.translate(error, what) from error
            self._sleep(wait)
            attempt += 1


def _wait(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before asking again; None if that is pointless."""
    if not hub_errors.is_transient(error):
        return None
    _, headers = hub_errors.status(error)
    asked = headers.get("Retry-After", "").strip()
    seconds = float(asked) if asked.isdigit() and len(asked) < 10 else float(2**attempt)
    return seconds if seconds <= MAX_WAIT_SECONDS else None


def _subject(repo: str, revision: str | None) -> str:
    check_repo(repo)
    return f"{repo} at {check_revision(revision)[:12]}" if revision is not None else repo


def _odd_answer(what: str, expected: str, found: object) -> EvidenceMissingError:
    return EvidenceMissingError(
        f"{what}: expected {expected} from the Hub, found {found!r:.100}",
        remedy="check that HF_ENDPOINT names a Hub, and that nothing between rewrites its answers",
    )


def _remote_file(item: "RepoSibling", what: str) -> RemoteFile:
    path, size, lfs = item.rfilename, item.size, item.lfs
    try:
        check_relative(path)
    except DocumentError as error:
        raise _odd_answer(what, "paths inside the repository", path) from error
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise _odd_answer(what, f"a size in bytes for {path}", size)
    sha256 = None if lfs is None else lfs.sha256
    if sha256 is not None and not is_digest(sha256):
        raise _odd_answer(what, f"a sha256 for {path}", sha256)
    return RemoteFile(path=path, size=size, sha256=sha256)


def _guard(path: str, size: int | None, on_progress: Progress | None) -> type[object]:
    """A silent progress bar class for the client that counts what arrives.

    A server that cuts every answer short and ignores ranges makes the client start over for ever; after
    three times the file's size it is stopped.
    """
    bar: type[object] = importlib.import_module("tqdm").tqdm
    limit = None if size is None else 3 * size + _SLACK_BYTES
    counts = {"received": 0, "position": 0}

    def start(self: object, *args: object, **kwargs: object) -> None:
        kwargs["disable"] = True
        kwargs.pop("name", None)
        bar.__init__(self, *args, **kwargs)
        initial = kwargs.get("initial")
        counts["position"] = initial if isinstance(initial, int) else 0

    def update(self: object, n: float | None = 1) -> None:
        count = int(n or 0)
        counts["position"] += count
        counts["received"] += max(count, 0)
        if limit is not None and counts["received"] > limit:
            raise hub_errors.TooMuchDataError(f"{counts['received']} bytes for a file of {size}")
        if on_progress is not None:
            on_progress(path, counts["position"], counts["position"] if size is None else size)

    return type("Guard", (bar,), {"__init__": start, "update": update})
