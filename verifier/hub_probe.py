"""One question that spares many: can the Hub be reached at all?

Asking for dozens of files with retries takes minutes where there is no network. What cannot be had is
NOT_CHECKED either way; a run that knows it beforehand says so at once.
"""

from verifier.errors import EvidenceMissingError

TIMEOUT_SECONDS = 10.0


def unreachable(repo: str) -> str | None:
    """Return why the Hub cannot be reached, or None if it answers, whatever the answer is.

    Args:
        repo: ``owner/name`` of a repository to ask about; a "no such repository" is an answer too.
    """
    from verifier.evidence import hub_errors
    from verifier.evidence.hub import HubClient

    try:
        HubClient(timeout=TIMEOUT_SECONDS, retries=0).revision(repo)
    except EvidenceMissingError as error:
        if hub_errors.status(error)[0] is None and (
            hub_errors.is_connection(error) or hub_errors.is_timeout(error)
        ):
            return f"the Hub cannot be reached from here ({error})"
    return None
