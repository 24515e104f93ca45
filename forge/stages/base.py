"""What a stage is: a function of a model folder, parameters and a context to a result with a record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from forge.families.adapter import FamilyAdapter
from forge.tensors.plan import WrittenFile
from verifier.errors import EvidenceMissingError, UsageError
from verifier.verdicts import JSON

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, of how much."""


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Determinism(Enum):
    """On which machines the same recipe gives the same bytes."""

    BYTES = "bytes"
    """On every machine."""
    DEVICE = "device"
    """Under the recorded environment alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """Everything that a stage may rely on.

    Attributes:
        index: position in the alloy's ``stages``.
        method: name of the method that the family declares for it.
        parameters: the stage's fields, without its type and prose.
        adapter: the model family.
        source_facts: the alloy's ``source`` object.
        model: folder with the model as it is now: ``config.json``, safetensors, tokenizer. Read-only.
        out: folder that does not exist yet; a stage that changes the model makes it, complete.
        base: folder with the unchanged source model (a teacher).
        artifact: folder of the artifact in the making: side files such as selections go there, under the
            relative paths that the alloy names.
        recipe: folder of the recipe; side files that it brings along lie there.
        replay: a recorded selection is used where there is one; nothing is profiled anew.
        seed: of every random choice.
        device: ``cpu`` or a torch device.
        on_progress: see :data:`Progress`.
        upload: a stage may send the result away; without it, it only writes what would be sent.
    """

    index: int
    method: str
    parameters: Mapping[str, JSON]
    adapter: FamilyAdapter
    source_facts: Mapping[str, JSON]
    model: Path
    out: Path
    base: Path
    artifact: Path
    recipe: Path
    replay: bool = False
    seed: int = 0
    device: str = "cpu"
    on_progress: Progress = silent
    upload: bool = False

    def find(self, path: str) -> Path:
        """A side file by its relative path: made by an earlier stage, or brought along by the recipe.

        Raises:
            UsageError: the path leads out of the folder.
            EvidenceMissingError: it is in neither place.
        """
        relative = Path(path)
        if relative.is_absolute() or ".." in relative.parts:
            raise UsageError(f"stage {self.index}: {path!r}: expected a path inside of the artifact")
        for folder in (self.artifact, self.recipe):
            if (folder / relative).is_file():
                return folder / relative
        raise EvidenceMissingError(
            f"stage {self.index}: expected the file {path!r} beside the recipe; found none",
            remedy=f"put it into {self.recipe}, or correct the stage",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What a stage did.

    Attributes:
        record: what it did, for the executed alloy; deterministic for the same input and environment.
        determinism: how far its bytes can be reproduced.
        model: folder of the changed model; None if the model is as before.
        fields: fields to set in the stage of the executed alloy (``selectionFile``, ``selectionSha256`` …).
        files: relative paths of the side files that it wrote to the artifact folder.
        measured: numbers for ``results`` of the executed alloy (an eval stage's scores).
        written: the weights files of ``model`` with the digests that a rewrite took while writing; a file
            that is not among them is read once more for its digest.
    """

    record: Mapping[str, JSON]
    determinism: Determinism
    model: Path | None = None
    fields: Mapping[str, JSON] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    measured: Mapping[str, JSON] = field(default_factory=dict)
    written: tuple[WrittenFile, ...] = ()


StageBody = Callable[[StageContext], StageResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalContext:
    """A finished result, for what a stage does at the very end.

    Attributes:
        out: the result's folder: weights, executed alloy, side files.
        files: relative paths of all that belongs to the artifact, sorted; not the run's own report.
        document: the executed alloy.
        index: the stage's position.
        upload: the result may be sent away.
        on_progress: see :data:`Progress`.
    """

    out: Path
    files: tuple[str, ...]
    document: Mapping[str, JSON]
    index: int
    upload: bool
    on_progress: Progress = silent


Final = Callable[[FinalContext], Mapping[str, JSON]]
"""Does what is left to do and returns what it did, for the report."""
