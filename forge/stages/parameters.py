"""Are a stage's parameters possible at all: ranges, known words, fields that go together, k of n.

One spec per stage type. A field that is absent or null is not judged unless it is required; fields that
no spec knows are fine. Numbers arrive as int or Decimal.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from forge.stages import relations, vocabulary
from forge.stages.rules import (
    Check,
    boolean,
    count,
    count_or_list,
    learning_rate,
    list_of,
    number,
    one_of,
    one_of_numbers,
    text,
)
from verifier.errors import RegistryError
from verifier.verdicts import JSON

MAX_SHOWN = 120
"""Characters of a found value that a message repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterProblem:
    """One parameter that cannot be right.

    Attributes:
        pointer: JSON pointer to the field (to where it should stand, if it is missing).
        expected: what would have been accepted.
        found: what stands there, shortened.
        message: one sentence: subject, expected, found.
    """

    pointer: str
    expected: str
    found: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a stage type asks of its parameters.

    Attributes:
        required: fields that must be there.
        fields: field -> check of its value.
        together: checks over several fields and the source.
    """

    required: tuple[str, ...] = ()
    fields: Mapping[str, Check] = field(default_factory=dict)
    together: tuple[
        Callable[[Mapping[str, JSON], Mapping[str, JSON]], Iterator[relations.Conflict]], ...
    ] = ()


_PERCENT = number(low="0", high="100")
_FRACTION = number(low="0", high="1")
_TRAINING: Mapping[str, Check] = {
    "domain": text,
    "dataset": text,
    "datasetSha256": text,
    "keepPruned": boolean,
    "steps": count(),
    "epochs": number(above="0"),
    "learningRate": learning_rate,
    "batchSize": count(),
    "gradientAccumulation": count(),
    "scheduler": one_of(vocabulary.SCHEDULERS),
    "warmupRatio": _FRACTION,
    "weightDecay": number(low="0"),
    "maxGradientNorm": number(above="0"),
    "precision": one_of(vocabulary.PRECISIONS),
    "sequenceLength": count(),
    "optimizations": list_of(text, empty=True),
}

SPECS: Mapping[str, Spec] = {
    "source-config": Spec(
        fields={
            "contextLength": count(),
            "inputModalities": list_of(one_of(vocabulary.INPUT_MODALITIES)),
            "targetDevices": list_of(text, empty=True),
        },
    ),
    "prune": Spec(
        required=("strategy", "level"),
        fields={
            "strategy": one_of(vocabulary.PRUNE_STRATEGIES),
            "level": number(low="0", below="1"),
            "minHeadsPerLayer": count(),
            "minKvHeadsPerLayer": count(),
            "analysisSteps": count(),
            "perLayerNormalized": boolean,
            "defragMode": one_of(vocabulary.DEFRAG_MODES),
        },
        together=(relations.kv_heads_within_heads,),
    ),
    "train": Spec(required=("steps", "learningRate"), fields=_TRAINING),
    "lora": Spec(
        required=("learningRate",),
        fields={
            **_TRAINING,
            "rank": count(),
            "alpha": number(above="0"),
            "loraRank": count(),
            "loraAlpha": number(above="0"),
            "dropout": number(low="0", below="1"),
            "targetModules": list_of(text),
            "quantize": boolean,
            "quantizeBits": count(2),
            "lossType": one_of(vocabulary.LOSS_TYPES),
            "kdTemperature": number(above="0"),
            "teacher": text,
            "trainableParamsPct": number(above="0", high="100"),
            "mergeAfter": boolean,
            "mergedAtSave": boolean,
        },
        together=(relations.adapter_fields_together, relations.distillation_fields_together),
    ),
    "compact": Spec(
        fields={f"{name}Threshold": _FRACTION for name in relations.COMPACT_ORDER},
        together=(relations.thresholds_ascend,),
    ),
    "expert-activation-profile": Spec(
        required=("metricVersion",),
        fields={
            "calibrationCorpus": text,
            "calibrationCorpusFile": text,
            "calibrationCorpusSha256": text,
            "calibrationExamples": count(),
            "calibrationTokens": count(),
            "metricVersion": one_of(vocabulary.METRIC_VERSIONS),
            "keepExperts": count_or_list,
            "batchSize": count(),
            "sequenceLength": count(2),
            "loadBits": one_of_numbers((32, 16, 8, 4)),
        },
        together=(relations.source_has_experts, relations.corpus_is_named),
    ),
    "expert-prune": Spec(
        required=("strategy", "metric", "keepExpertsPerLayer", "originalExpertsPerLayer"),
        fields={
            "strategy": one_of(vocabulary.EXPERT_STRATEGIES),
            "metric": one_of(vocabulary.EXPERT_METRICS),
            "keepExpertsPerLayer": count_or_list,
            "originalExpertsPerLayer": count(),
            "prunePct": _PERCENT,
            "expertsDropped": count(0),
            "expertsRenamed": count(0),
            "routerSlicedLayers": count(0),
            "perLayerNormalized": boolean,
            "layout": relations.known_layout,
        },
        together=(
            relations.source_has_experts,
            relations.keep_within_original,
            relations.original_is_the_source,
            relations.routers_within_layers,
        ),
    ),
    "context-extend": Spec(
        required=("targetLength", "method"),
        fields={
            "targetLength": count(),
            "method": one_of(vocabulary.CONTEXT_METHODS),
            "trainingSteps": count(),
        },
        together=(relations.target_beyond_source,),
    ),
    "modality": Spec(
        required=("modality", "encoderModel"),
        fields={
            "modality": one_of(vocabulary.MODALITIES),
            "encoderModel": text,
            "projectionArch": one_of(vocabulary.PROJECTIONS),
            "freezeBase": boolean,
            "freezeEncoder": boolean,
            "trainingSteps": count(),
        },
    ),
    "quant": Spec(
        required=("format",),
        fields={
            "format": one_of(vocabulary.QUANT_FORMATS),
            "quantTypes": list_of(text),
            "deviceTargets": list_of(text, empty=True),
        },
        together=(relations.quant_types_of_the_format, relations.tiers_are_quantised),
    ),
    "eval": Spec(
        required=("benchmarks",),
        fields={"compareToBase": boolean, "passingThreshold": _PERCENT},
        together=(relations.benchmarks_are_named, relations.anchor_is_measured),
    ),
    "package": Spec(
        required=("format",),
        fields={
            "format": one_of(vocabulary.PACKAGE_FORMATS),
            "validateOn": list_of(text, empty=True),
            "includeTokenizer": boolean,
            "shards": count(),
        },
    ),
    "publish": Spec(
        required=("org",),
        fields={"org": text, "includeAlloy": boolean, "private": boolean, "tags": list_of(text, empty=True)},
    ),
    "deploy": Spec(required=("target",), fields={"target": text, "healthCheck": boolean, "warmup": boolean}),
    "deliver": Spec(),
}
"""Stage type -> spec."""


def check(stage: Mapping[str, JSON], index: int, source: Mapping[str, JSON]) -> tuple[ParameterProblem, ...]:
    """Every parameter of ``stage`` that cannot be right, in a fixed order.

    Args:
        stage: the stage object of the alloy.
        index: its position in ``stages``, for the pointers.
        source: the alloy's ``source`` object (expert counts, layers, context length).

    Raises:
        RegistryError: the stage's type has no spec; dispatch refuses such a stage first.
    """
    kind = stage.get("type")
    spec = SPECS.get(kind) if isinstance(kind, str) else None
    if spec is None:
        raise RegistryError(
            f"stage {index}: type: expected one of {', '.join(sorted(SPECS))}; found {kind!r}",
            remedy="resolve the stage first; docs/extending.md says how to add one",
        )
    problems: list[ParameterProblem] = []
    for name in spec.required:
        if stage.get(name) is None:
            problems.append(_problem(index, name, "a value, since this stage cannot be done without", None))
    for name, rule in spec.fields.items():
        value = stage.get(name)
        expected = None if value is None else rule(value)
        if expected is not None:
            problems.append(_problem(index, name, expected, value))
    if not problems:  # relations compare values; of values that are wrong by themselves they say nothing new
        for relation in spec.together:
            problems += [_problem(index, c.path, c.expected, c.found) for c in relation(stage, source)]
    return tuple(problems)


def _problem(index: int, path: str, expected: str, value: JSON) -> ParameterProblem:
    found = _show(value)
    return ParameterProblem(
        pointer=f"/stages/{index}/{path}",
        expected=expected,
        found=found,
        message=f"stage {index}: {path}: expected {expected}; found {found}",
    )


def _show(value: JSON) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return str(value)
    shown = json.dumps(value, default=str, ensure_ascii=True)
    return shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"
