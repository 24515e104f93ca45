"""Every error that this package raises on purpose.

A contradicted claim is a verdict, never an exception; exit codes belong to the command line alone.
Messages say subject, expected and found, in that order; advice is kept apart in ``remedy``.
"""


class AlloyError(Exception):
    """Root of all errors of this package.

    Attributes:
        remedy: what the user can do about it, or an empty string.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(AlloyError):
    """The caller asked for something that does not exist or makes no sense."""


class DocumentError(AlloyError):
    """An alloy, lock entry or samples file is not what its format says.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the culprit; empty for the whole document.
    """

    def __init__(self, message: str, *, pointer: str = "", remedy: str = "") -> None:
        super().__init__(f"{message} (at {pointer or 'the document root'})", remedy=remedy)
        self.pointer = pointer


class RegistryError(AlloyError):
    """A family, stage, benchmark or check is unknown, or registered twice."""


class EvidenceMissingError(AlloyError):
    """Evidence exists but cannot be had here; the message says what would be needed."""


class EvidenceMismatchError(AlloyError):
    """Bytes were offered that do not hash to their pin.

    Attributes:
        expected: the pinned sha256 (64 hex digits).
        found: the sha256 of the offered bytes.
        source: where the bytes came from.
    """

    def __init__(self, message: str, *, expected: str, found: str, source: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.expected = expected
        self.found = found
        self.source = source


class GuardError(AlloyError):
    """A stage changed, or would change, what it must not touch.

    Attributes:
        culprit: the tensor, the tensor's row, or the configuration key.
    """

    def __init__(self, message: str, *, culprit: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.culprit = culprit


class SandboxError(AlloyError):
    """The sandbox could not be set up; untrusted code was not run."""


class JudgeError(AlloyError):
    """A judge broke (not: a sample failed)."""
