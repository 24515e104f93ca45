"""Whatever goes wrong at the Hub, said in this project's words.

The Hub's client raises its own errors, those of its HTTP library (which changed its name between the
client's major versions, so it is recognised by class name) and, at an answer of unforeseen form, anything.
"""

from collections.abc import Iterator, Mapping

from verifier.errors import EvidenceMissingError

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses worth asking again for."""

_TIMEOUTS = frozenset({"TimeoutException", "Timeout", "TimeoutError"})
_UNREACHABLE = frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})
_CONNECTION = frozenset({"NetworkError", "ProxyError", "ConnectionError", "TransportError"})

_NOT_FOUND = {
    "RepoNotFound": ("no such repository (404)", "check the repository id; a private one needs HF_TOKEN"),
    "RevisionNotFound": (
        "no such revision (404)",
        "check the commit; the publisher may have rewritten history",
    ),
    "EntryNotFound": (
        "no such file (404)",
        "check the path; the publisher may have removed or renamed the file",
    ),
    "": ("not found (404)", "check repository, revision and path"),
}


NO_CONNECTION = ("no connection", "check the network and HF_ENDPOINT, or use a mirror (ALLOY_MIRROR)")
"""What was found, and the remedy, where there is no server to ask."""


class TooMuchDataError(Exception):
    """A server keeps sending more than the file can hold; raised inside the client to stop it."""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _class_names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def status(error: BaseException) -> tuple[int | None, Mapping[str, str]]:
    """HTTP status and headers behind an error of the client; ``(None, {})`` if there was no answer."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        code = getattr(response, "status_code", None)
        if isinstance(code, int) and code >= 400:
            return code, getattr(response, "headers", {})
    return None, {}


def is_timeout(error: BaseException) -> bool:
    """Whether the server did not answer in time."""
    return any(_class_names(link) & _TIMEOUTS for link in _chain(error))


def is_connection(error: BaseException) -> bool:
    """Whether there was no (complete) conversation with a server at all."""
    return any(_class_names(link) & _CONNECTION for link in _chain(error))


def is_unreachable(error: BaseException) -> bool:
    """Whether no connection could be made, so that every other question would fail alike."""
    return status(error)[0] is None and any(_class_names(link) & _UNREACHABLE for link in _chain(error))


def is_transient(error: BaseException) -> bool:
    """Whether asking again may help."""
    code, _ = status(error)
    if code is not None:
        return code in TRANSIENT_STATUSES
    return is_timeout(error) or is_connection(error)


def translate(error: Exception, what: str) -> EvidenceMissingError:
    """The named error for a failure at the Hub.

    Args:
        error: what the client raised.
        what: what was asked for, as the subject of the message.
    """
    found, remedy = _describe(error)
    return EvidenceMissingError(f"{what}: expected an answer of the Hub, found {found}", remedy=remedy)


def _describe(error: Exception) -> tuple[str, str]:
    code, headers = status(error)
    if code is not None:
        return _describe_status(code, headers)
    for link in _chain(error):
        names = _class_names(link)
        if "OfflineModeIsEnabled" in names:
            return "its client switched off by HF_HUB_OFFLINE", "unset HF_HUB_OFFLINE"
        if isinstance(link, TooMuchDataError):
            return "more data than the file can hold", "try later, or use a mirror (ALLOY_MIRROR)"
        if "RemoteProtocolError" in names or "Consistency check failed" in str(link):
            return "a truncated or malformed answer", "try again; the connection was cut"
    if is_unreachable(error):
        return NO_CONNECTION
    if is_timeout(error):
        return "no answer in time (timeout)", "try again later, or use a mirror (ALLOY_MIRROR)"
    if is_connection(error):
        return NO_CONNECTION
    if isinstance(error, OSError) and error.errno is not None:
        return f"a file that cannot be stored ({error.strerror})", "free space or make the folder writable"
    return (
        f"an answer that is not of the Hub's form ({type(error).__name__})",
        "check that HF_ENDPOINT names a Hub, and that nothing between rewrites its answers",
    )


def _describe_status(code: int, headers: Mapping[str, str]) -> tuple[str, str]:
    error_code = headers.get("X-Error-Code", "")
    if code == 401:
        return "access refused (401)", "check the repository id; a private repository needs a valid HF_TOKEN"
    if code == 403 or error_code == "GatedRepo":
        return f"access forbidden ({code})", "accept the repository's terms on its page and set HF_TOKEN"
    if code == 404:
        return _NOT_FOUND.get(error_code, _NOT_FOUND[""])
    if code == 429:
        wait = headers.get("Retry-After", "")
        asked = f", asking to wait {wait} s" if wait.isdigit() else ""
        return f"too many requests (429){asked}", "wait and try again, or set HF_TOKEN for a higher limit"
    if code >= 500:
        return f"a failing server ({code})", "try again later, or use a mirror (ALLOY_MIRROR)"
    return f"a refused request ({code})", "check repository, revision and path"
