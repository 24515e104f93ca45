"""Datasets from where their harness itself fetches them: plain HTTP, bounded in size and time."""

import time
from collections.abc import Callable
from pathlib import Path

from verifier.errors import EvidenceMissingError
from verifier.evidence import hub_errors
from verifier.evidence.hashing import Progress

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
TOTAL_SECONDS = 900.0
"""A server that trickles is given up after this long."""

ATTEMPTS = 3
CHUNK_BYTES = 256 * 1024


def download_url(
    url: str,
    target: Path,
    *,
    size: int,
    on_progress: Progress | None = None,
    timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    total_seconds: float = TOTAL_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write what ``url`` serves to ``target``; at most ``size`` bytes are taken.

    Args:
        url: http or https address.
        target: file to write.
        size: the pinned size in bytes.
        on_progress: called with the file's name, bytes done and bytes in all.
        timeout: seconds to connect and between two pieces.
        total_seconds: seconds for one attempt as a whole.
        sleep: waits a number of seconds between attempts.

    Raises:
        EvidenceMissingError: it cannot be had, or is of another size.
    """
    import requests

    if not url.startswith(("https://", "http://")):
        raise EvidenceMissingError(f"{target.name}: expected an http or https address, found {url!r:.200}")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            received = _once(url, target, size, on_progress, timeout, total_seconds)
            break
        except (requests.RequestException, OSError) as error:
            if attempt == ATTEMPTS or not _again(error):
                raise _translated(error, target.name, url) from error
        sleep(float(2**attempt))
    if received != size:
        more = "at least " if received > size else ""
        raise EvidenceMissingError(
            f"{target.name}: expected {size} bytes from {url}, found {more}{received}",
            remedy="try again, or put the file in the mirror's datasets/ folder (ALLOY_MIRROR)",
        )


def _once(
    url: str,
    target: Path,
    size: int,
    on_progress: Progress | None,
    timeout: tuple[float, float],
    total_seconds: float,
) -> int:
    import requests

    deadline = time.monotonic() + total_seconds
    received = 0
    # Identity encoding: the pinned bytes are the file as distributed, and a size bound on what was
    # unpacked would not bound what arrives.
    headers = {"Accept-Encoding": "identity"}
    with (
        requests.get(url, stream=True, timeout=timeout, headers=headers) as response,
        target.open("wb") as file,
    ):
        response.raise_for_status()
        for piece in response.iter_content(CHUNK_BYTES):
            received += len(piece)
            if received > size:
                break
            file.write(piece)
            if time.monotonic() > deadline:
                raise requests.Timeout(f"more than {total_seconds} s")
            if on_progress is not None:
                on_progress(target.name, received, size)
    return received


def _again(error: Exception) -> bool:
    import requests

    return hub_errors.is_transient(error) or isinstance(error, requests.exceptions.ChunkedEncodingError)


def _translated(error: Exception, name: str, url: str) -> EvidenceMissingError:
    code, _ = hub_errors.status(error)
    if code is not None:
        found = f"HTTP status {code}"
    elif hub_errors.is_timeout(error):
        found = "no answer in time (timeout)"
    elif hub_errors.is_connection(error):
        found = "no connection"
    else:
        found = f"a broken answer ({type(error).__name__})"
    return EvidenceMissingError(
        f"{name}: expected the dataset from {url}, found {found}",
        remedy="check the network, or put the file in the mirror's datasets/ folder (ALLOY_MIRROR)",
    )
