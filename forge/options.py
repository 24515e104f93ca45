"""How a recipe is executed."""

from dataclasses import dataclass
from pathlib import Path

from forge.stages.base import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeOptions:
    """Choices that the recipe leaves to whoever executes it.

    Attributes:
        device: ``cpu`` or a torch device.
        resume: go on with an interrupted run in the same folder.
        replay: use recorded selections, and let byte equality stand for the load check.
        base: a folder with the base model, instead of ``source.baseModel``.
        offline: never ask the Hub.
        seed: of every random choice that the recipe leaves open.
        on_progress: told what is being done, how much of it, of how much.
        upload: let a publish stage upload; otherwise it only writes what would be uploaded.
        load_check: False leaves the load check out, True insists on it; None runs it where torch is at hand,
            except in a replay.
        completed_at: the time to record, ISO 8601 with offset; None takes ``SOURCE_DATE_EPOCH`` or the clock.
        portable: leave out of the executed alloy what tells about this machine, where none decides a byte.
    """

    device: str = "cpu"
    resume: bool = False
    replay: bool = False
    base: Path | None = None
    offline: bool = False
    seed: int = 0
    on_progress: Progress = silent
    upload: bool = False
    load_check: bool | None = None
    completed_at: str | None = None
    portable: bool = False
