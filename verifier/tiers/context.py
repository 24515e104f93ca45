"""What a check may look at: the document, and evidence through one small protocol."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from verifier.alloy.parse import Alloy, get
from verifier.runners.model import ScoreResult
from verifier.verdicts import JSON

BASE_FOLDER = "base"
"""Folder of an artifact with the base model that its recipe starts from, where it brings one along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """A file's digest as stated by the host that serves it, without a download.

    Attributes:
        sha256: 64 hex digits, or None where the host states none (small files outside of LFS).
        size: bytes.
        source: who says so.
    """

    sha256: str | None
    size: int
    source: str


class Files(Protocol):
    """Where an artifact's files come from. Paths are relative, in POSIX form."""

    def open(self, path: str) -> Path:
        """Local copy of a file.

        Raises:
            EvidenceMissingError: not to be had here; says what would be needed.
            EvidenceMismatchError: other bytes than the pinned ones were offered.
        """

    def below(self, folder: str) -> tuple[str, ...]:
        """Paths of the files below a folder of the artifact, sorted; none if it has no such folder.

        Raises:
            EvidenceMissingError: the host could not be asked.
        """

    def attested(self, path: str) -> Attested | None:
        """Digest and size as stated by the host, or None.

        Raises:
            EvidenceMissingError: the host could not be asked.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything one artifact's checks share; lives as long as one verification.

    Attributes:
        alloy: the document.
        files: its evidence.
        score: scores a samples file: (benchmark name, local path) -> result.
        parent: finds a parent's alloy by repository: sha256 (64 hex digits) of each version known.
        digest: sha256 of a local file, computed once per path.
        base: folder with the base model, as the user named it; for redoing a recipe.
        own_base_vouched: whether somebody other than the publisher vouches for the base model that an
            artifact brings along: it is pinned in the catalog.
        reforge_seconds: how long redoing a recipe that trains or profiles may take; None for no limit.
        offline: never ask the network.
        on_progress: told what is being done, how much of it, of how much.
        scored: results by samples path, filled by the score checks, for the report.
        judged: results by benchmark and files, so that samples of several claims are judged once.
    """

    alloy: Alloy
    files: Files
    score: Callable[[str, Path], ScoreResult]
    parent: Callable[[str], tuple[str, ...]]
    digest: Callable[[Path], str]
    base: Path | None = None
    own_base_vouched: bool = False
    reforge_seconds: float | None = None
    offline: bool = True
    on_progress: Callable[[str, int, int], None] | None = None
    scored: dict[str, ScoreResult] = field(default_factory=dict)
    judged: dict[tuple[str, ...], ScoreResult] = field(default_factory=dict)

    def value(self, pointer: str) -> JSON:
        """Value in the document, or None."""
        return get(self.alloy.document, pointer)
