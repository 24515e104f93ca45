"""What a forge would do: per stage what is read and written, memory and time, and how each figure was got."""

from dataclasses import dataclass

from forge import loadcheck, memory, source
from forge.families.dispatch import ResolvedStage
from forge.folders import is_weights
from forge.options import ForgeOptions
from forge.recipe import Recipe
from forge.source import Location
from forge.stages import traits
from forge.stages.base import Determinism
from forge.stages.rules import as_number
from verifier.alloy.parse import Alloy
from verifier.verdicts import JSON

STREAM_BYTES = 256 << 20
"""Memory that a streaming rewrite may take, however large the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What one stage would do.

    Attributes:
        index, stage_type, method: which one.
        reads, writes: bytes; None if the size of the base is not known.
        memory: bytes at its peak; None if unknown.
        seconds: estimated; None if nothing sensible can be said.
        determinism: ``bytes`` or ``device``; None for a stage that makes no weights.
        how: one sentence: how the figures were got.
    """

    index: int
    stage_type: str
    method: str
    reads: int | None
    writes: int | None
    memory: int | None
    seconds: float | None
    determinism: str | None
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgePlan:
    """What a forge would do.

    Attributes:
        name: of the recipe.
        base: what the base model is, where from, and whether it is here.
        base_bytes: its weights; None if unknown.
        base_how: how that was got.
        stages: in order.
        reads, writes: bytes over all stages, the digests of base and result included; None if unknown.
        disk: bytes of free disk that the run needs at its peak; None if unknown.
        memory: bytes at the peak; None if unknown.
        free_memory: bytes free now on the device; None if unknown.
        determinism: of the executed alloy, replayed.
        notes: what would keep it from running, or should be known before.
    """

    name: str
    base: str
    base_bytes: int | None
    base_how: str
    stages: tuple[PlannedStage, ...]
    reads: int | None
    writes: int | None
    disk: int | None
    memory: int | None
    free_memory: int | None
    determinism: Determinism
    notes: tuple[str, ...]


def determinism(alloy: Alloy, *, replay: bool = True) -> Determinism:
    """On which machines the recipe gives the same bytes, told from the document alone.

    A stage that was executed before and says ``device`` of itself is believed only where its choice is not
    recorded: a published selection makes surgery exact.
    """
    for stage in alloy.document["stages"]:
        if not traits.of(str(stage.get("type"))).is_exact(stage, replay=replay):
            return Determinism.DEVICE
    return Determinism.BYTES


def plan(made: Recipe, options: ForgeOptions) -> ForgePlan:
    """The plan of a recipe.

    Raises:
        UsageError, DocumentError, EvidenceMissingError: the base model's name makes no sense.
    """
    location = source.locate(made, options.base)
    size, how = _base_bytes(made, location)
    rate = memory.hash_rate()
    compute = _compute_rate(made, options)
    stages, current = [], size
    for stage in made.stages:
        planned = _stage(made, stage, current, rate, compute, options)
        stages.append(planned)
        if (
            planned.writes is not None
            and traits.of(stage.stage_type).makes_weights
            and stage.stage_type != "quant"
        ):
            current = planned.writes
    free = memory.available(options.device)
    peak = _most([s.memory for s in stages])
    return ForgePlan(
        name=made.name,
        base=_describe(location),
        base_bytes=size,
        base_how=how,
        stages=tuple(stages),
        reads=_sum([size, *(s.reads for s in stages)]),
        writes=_sum([s.writes for s in stages]),
        disk=_disk(size, stages),
        memory=peak,
        free_memory=free,
        determinism=determinism(made.alloy, replay=True),
        notes=_notes(made, location, stages, free, options),
    )


def _base_bytes(made: Recipe, location: Location) -> tuple[int | None, str]:
    if location.present:
        sizes = [p.stat().st_size for p in location.folder.iterdir() if is_weights(p.name) and p.is_file()]
        return sum(sizes), "size of the files on disk"
    stated = source.stated_bytes(made)
    if stated is None:
        return None, "the recipe states no parameter count, and the base model is not here"
    return stated, "source.totalParamsB at 16 bits a parameter"


def _stage(
    made: Recipe,
    stage: ResolvedStage,
    size: int | None,
    rate: float,
    compute: float | None,
    options: ForgeOptions,
) -> PlannedStage:
    kind = traits.of(stage.stage_type)
    exact = kind.is_exact(stage.parameters, replay=options.replay)
    share, how = _share(stage)
    reads = None if size is None else int(size * kind.passes * (share if kind.makes_weights else 1))
    writes = 0 if not kind.makes_weights else None if size is None else int(size * share)
    seconds = None if reads is None or writes is None else (reads + writes) / rate
    tokens = _tokens(stage)
    if kind.loads_model:
        seconds = _model_seconds(size, tokens, compute, backward=kind.makes_weights)
        how = (
            f"{tokens} tokens at 2 operations a parameter and token (6 in training), measured product rate"
            if seconds is not None
            else "time unknown: the stage states no number of tokens, or torch is not installed"
        )
    elif reads:
        how += f"; time at {rate / 1e6:.0f} MB/s, the sha256 rate measured now"
    return PlannedStage(
        index=stage.index,
        stage_type=stage.stage_type,
        method=stage.method,
        reads=reads,
        writes=writes,
        memory=_memory(kind, size),
        seconds=seconds,
        determinism=None if not kind.makes_weights else ("bytes" if exact else "device"),
        how=how,
    )


def _share(stage: ResolvedStage) -> tuple[float, str]:
    """How much of the model's bytes a stage leaves, at most."""
    fields = stage.parameters
    keep, original = fields.get("keepExpertsPerLayer"), as_number(fields.get("originalExpertsPerLayer"))
    if keep is not None and original:
        counts = keep if isinstance(keep, list | tuple) else [keep]
        share = float(sum(counts)) / len(counts) / float(original)
        return share, f"experts kept ({share:.0%}) taken for all of the model, which is nearly so"
    types = fields.get("quantTypes")
    if isinstance(types, list) and types:
        bits = sum(_bits(str(t)) for t in types)
        return bits / 16, f"{bits:.1f} bits a weight over {len(types)} type(s), read from their names"
    return 1.0, "as many bytes as the model has; cut heads would make it less"


def _bits(name: str) -> float:
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    return min(float(digits[0]), 32.0) if digits else 16.0


def _tokens(stage: ResolvedStage) -> int | None:
    fields = stage.parameters
    if isinstance(fields.get("calibrationTokens"), int):
        return int(fields["calibrationTokens"])
    steps, length = fields.get("steps"), fields.get("sequenceLength")
    if isinstance(steps, int) and isinstance(length, int):
        batch = fields.get("batchSize") if isinstance(fields.get("batchSize"), int) else 1
        return steps * length * int(batch or 1)
    return None


def _model_seconds(
    size: int | None, tokens: int | None, compute: float | None, *, backward: bool
) -> float | None:
    if size is None or tokens is None or compute is None:
        return None
    return (6 if backward else 2) * (size / 2) * tokens / compute


def _memory(kind: traits.Traits, size: int | None) -> int | None:
    if not kind.loads_model:
        return STREAM_BYTES if kind.passes else 0
    # Training holds weights, their gradients' activations and an adapter: twice the weights is a usual bound.
    return None if size is None else int(size * loadcheck.OVERHEAD * (2 if kind.makes_weights else 1))


def _compute_rate(made: Recipe, options: ForgeOptions) -> float | None:
    needed = any(traits.of(s.stage_type).loads_model for s in made.stages)
    return memory.compute_rate(options.device) if needed else None


def _disk(size: int | None, stages: list[PlannedStage]) -> int | None:
    """Two models at a time lie in the work folder: the one that is read and the one that is written."""
    if size is None:
        return None
    made = [s.writes or 0 for s in stages if s.determinism is not None]
    pairs = [a + b for a, b in zip([0, *made], made, strict=False)]
    return max([size, *pairs])


def _notes(
    made: Recipe,
    location: Location,
    stages: list[PlannedStage],
    free: int | None,
    options: ForgeOptions,
) -> tuple[str, ...]:
    notes = []
    if made.alloy.document.get("cycles") not in (None, 1):
        notes.append("cycles is not 1: the recipe cannot be executed before its cycles are written out")
    if not location.present:
        notes.append(
            str(source.missing(made, location).remedy) if options.offline else "the base is fetched first"
        )
    needs = [s for s in stages if traits.of(s.stage_type).loads_model]
    if needs and loadcheck.unavailable():
        notes.append(
            f"stage {needs[0].index} ({needs[0].stage_type}) needs pip install 'alloy-verifier[forge]'"
        )
    for stage in stages:
        if stage.memory is not None and free is not None and stage.memory > free:
            notes.append(f"stage {stage.index} ({stage.stage_type}) may need more memory than is free")
    return tuple(notes)


def _describe(location: Location) -> str:
    if location.repo is None:
        return f"folder {location.folder}"
    here = "in the cache" if location.present else "not fetched yet"
    return f"{location.repo} at {location.revision or 'the main branch'} ({here})"


def _sum(values: list[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def _most(values: list[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return max(known, default=0) if len(known) == len(values) else None


def as_json(made: ForgePlan) -> dict[str, JSON]:
    """The plan as JSON values."""
    from dataclasses import asdict

    data: dict[str, JSON] = asdict(made)
    return {**data, "determinism": made.determinism.value}
