"""The selection of a prune stage: replayed from its file, or made anew by the stage's strategy."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from forge import corpus
from forge.stages import head_activity, head_choice, head_importance
from forge.stages.base import Determinism, StageContext
from forge.stages.head_choice import Limits, Scores
from forge.stages.heads import Heads
from forge.tensors.model import ModelFolder
from verifier.errors import EvidenceMismatchError, UsageError
from verifier.evidence.paths import inside
from verifier.verdicts import JSON

DEFAULT_LENGTH = 512
"""Tokens of a calibration text that are used where the stage states no ``sequenceLength``."""

STRATEGIES = ("magnitude", "random", *head_activity.STRATEGIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """Which groups go, and where that is written.

    Attributes:
        removed: layer -> groups, ascending; every layer with softmax heads is a key.
        determinism: ``BYTES`` unless activations decided.
        fields: of the executed stage: selection, and corpus if one was read.
        files: side files that were written.
        how: for the record.
    """

    removed: Mapping[int, Sequence[int]]
    determinism: Determinism
    fields: Mapping[str, JSON]
    files: tuple[str, ...]
    how: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    scores: Scores
    about: Mapping[str, JSON]
    fields: Mapping[str, JSON]
    determinism: Determinism


def select(context: StageContext, heads: Heads, model: ModelFolder, *, even: bool) -> Selected:
    """The groups that ``context``'s stage removes.

    A selection file that the recipe brings along, or that a replay has, decides. Without one the strategy
    does; if the stage states a digest, the new selection has to have it.

    Args:
        context: of the stage; parameters as :func:`forge.stages.prune.pad` lists them.
        heads: of ``model``.
        model: as it is now.
        even: every layer has to lose the same number.

    Raises:
        AlloyError: as :func:`forge.stages.prune.pad` says.
    """
    path = context.parameters.get("selectionFile")
    if path is not None and not isinstance(path, str):
        raise UsageError(f"stage {context.index}: selectionFile: expected a path; found {path!r:.80}")
    replayed = path is not None and (context.replay or _brought(context, path))
    limits = _limits(context.parameters, even=even, replayed=replayed)
    if path is not None and replayed:
        return _replayed(context, heads, limits, path)
    return _made(context, heads, model, limits, path or f"selection/stage-{context.index}-heads.json")


def _replayed(context: StageContext, heads: Heads, limits: Limits, path: str) -> Selected:
    with context.find(path).open("rb") as file:
        data = file.read(head_choice.MAX_BYTES + 1)
    sha256 = _compared(context, data, path)
    return Selected(
        removed=head_choice.parse(data, heads, limits),
        determinism=Determinism.BYTES,
        fields={"selectionFile": path, "selectionSha256": sha256},
        files=(),
        how={"selection": "replayed"},
    )


def _made(context: StageContext, heads: Heads, model: ModelFolder, limits: Limits, path: str) -> Selected:
    target = inside(context.artifact, path)
    if target is None:
        raise UsageError(f"stage {context.index}: {path!r}: expected a path inside of the artifact")
    asked = head_choice.quota(limits, heads)
    measured = _measure(context, heads, model) if asked else _nothing_to_measure()
    removed = (
        head_choice.choose(measured.scores, limits, heads) if asked else {layer: [] for layer in heads.layers}
    )
    shown = {str(layer): list(values) for layer, values in measured.scores.items()}
    data = head_choice.document(removed, {**measured.about, "importance": shown})
    sha256 = _compared(context, data, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return Selected(
        removed=removed,
        determinism=measured.determinism,
        fields={**measured.fields, "selectionFile": path, "selectionSha256": sha256},
        files=(path,),
        how={
            "selection": "computed",
            **measured.about,
            "normalisedPerLayer": limits.normalised,
            "asked": asked * len(heads.layers) if limits.even else asked,
        },
    )


def _measure(context: StageContext, heads: Heads, model: ModelFolder) -> _Measured:
    strategy = context.parameters.get("strategy")
    if strategy == "magnitude":
        scores = head_importance.magnitude(heads, model, context.on_progress)
        return _Measured(
            scores=scores, about={"strategy": strategy}, fields={}, determinism=Determinism.BYTES
        )
    if strategy == "random":
        return _Measured(
            scores=head_importance.lots(heads, context.seed),
            about={"strategy": strategy, "seed": context.seed},
            fields={},
            determinism=Determinism.BYTES,
        )
    if strategy not in head_activity.STRATEGIES:
        raise UsageError(
            f"stage {context.index}: strategy: expected one of {', '.join(STRATEGIES)}; "
            f"found {strategy!r:.80}"
        )
    return _measure_activity(context, heads, str(strategy))


def _measure_activity(context: StageContext, heads: Heads, strategy: str) -> _Measured:
    texts = _corpus(context)
    length = _integer(context, "sequenceLength") or DEFAULT_LENGTH
    scores, tokens = head_activity.measure(
        strategy,
        heads,
        context.model,
        texts.texts,
        length=length,
        device=context.device,
        on_progress=context.on_progress,
    )
    seen: dict[str, JSON] = {
        "calibrationCorpusSha256": texts.sha256,
        "calibrationExamples": len(texts.texts),
        "calibrationTokens": tokens,
    }
    return _Measured(
        scores=scores,
        about={"strategy": strategy, "sequenceLength": length, **seen},
        fields=seen,
        determinism=Determinism.DEVICE,
    )


def _nothing_to_measure() -> _Measured:
    return _Measured(scores={}, about={}, fields={}, determinism=Determinism.BYTES)


def _corpus(context: StageContext) -> corpus.Corpus:
    name = context.parameters.get("calibrationCorpusFile")
    if not isinstance(name, str):
        raise UsageError(
            f"stage {context.index}: calibrationCorpusFile: expected the path of a JSONL file for strategy "
            f"{context.parameters.get('strategy')}; found {name!r:.80}",
            remedy="name it and put it beside the recipe, or use strategy magnitude, which needs none",
        )
    stated = context.parameters.get("calibrationCorpusSha256")
    return corpus.read_corpus(
        context.find(name),
        field=str(context.parameters.get("textField") or "text"),
        expected_sha256=stated if isinstance(stated, str) else None,
        limit=_integer(context, "calibrationExamples") or _integer(context, "analysisSteps"),
    )


def _brought(context: StageContext, path: str) -> bool:
    # Only the recipe's own folder counts: what an interrupted run of this stage left behind in the artifact
    # must not turn the next run into a replay.
    file = inside(context.recipe, path)
    return file is not None and file.is_file()


def _compared(context: StageContext, data: bytes, path: str) -> str:
    found = hashlib.sha256(data).hexdigest()
    stated = context.parameters.get("selectionSha256")
    if isinstance(stated, str) and stated.removeprefix("sha256:").lower() != found:
        raise EvidenceMismatchError(
            f"stage {context.index}: {path}: expected the selection with sha256 {stated}; found {found}",
            expected=stated,
            found=found,
            source=path,
            remedy="put the recorded selection beside the recipe, or drop selectionSha256 to select anew",
        )
    return found


def _limits(parameters: Mapping[str, JSON], *, even: bool, replayed: bool) -> Limits:
    level = parameters.get("level", 0 if replayed else None)  # a recorded selection needs no level
    if isinstance(level, bool) or not isinstance(level, int | float | Decimal):
        raise UsageError(f"prune: level: expected a number from 0 to below 1; found {level!r:.80}")
    share = Decimal(str(level))
    if not (share.is_finite() and 0 <= share < 1):
        raise UsageError(f"prune: level: expected a number from 0 to below 1; found {level}")
    return Limits(
        level=share,
        min_heads=_minimum(parameters, "minHeadsPerLayer"),
        min_groups=_minimum(parameters, "minKvHeadsPerLayer"),
        normalised=parameters.get("perLayerNormalized") is True,
        even=even,
    )


def _minimum(parameters: Mapping[str, JSON], name: str) -> int:
    value = parameters.get(name, 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"prune: {name}: expected an integer of at least 1; found {value!r:.80}")
    return value


def _integer(context: StageContext, name: str) -> int | None:
    value = context.parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(
            f"stage {context.index}: {name}: expected an integer of at least 1; found {value!r:.80}"
        )
    return value
