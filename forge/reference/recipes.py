"""What is forged: for each artifact its family, its stages, and a way of choosing that did worse."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from forge.reference import bases, corpora, runs
from forge.reference.card import Run
from forge.reference.spec import Prior, Spec, Stage


def _heads(mode: str, *, level: float = 0.25, **more: Any) -> Stage:
    return {
        "type": "prune",
        "strategy": "magnitude",
        "level": level,
        "minHeadsPerLayer": 2,
        "minKvHeadsPerLayer": 1,
        "perLayerNormalized": True,
        "defragMode": mode,
        "implementation": "forge.stages.prune",
        **more,
    }


def _experts(metric: str = "router_gate_l2_norm", strategy: str = "router-gate-l2-norm") -> Stage:
    return {
        "type": "expert-prune",
        "strategy": strategy,
        "metric": metric,
        "keepExpertsPerLayer": 6,
        "originalExpertsPerLayer": 8,
        "perLayerNormalized": True,
        "implementation": "forge.stages.expert_prune",
    }


_GATE_PROFILE: Stage = {
    "type": "expert-activation-profile",
    "metricVersion": "v1.router_gate_l2",
    "implementation": "forge.stages.expert_activation_profile",
}


def _longer(method: str = "yarn", **more: Any) -> Stage:
    return {"type": "context-extend", "targetLength": 256, "method": method, **more}


def _lot_of_heads(run: Run = runs.DENSE_PRIOR) -> Prior:
    return Prior(
        id="arbitrary-heads",
        metric={"name": "random", "description": "Groups drawn by lot, without a look at the weights."},
        prune={"method": "lot", "unit": "kv-group"},
        run=run,
    )


def _fewer_experts(id_: str, metric: Mapping[str, Any], run: Run) -> Prior:
    prune = {"method": "per_layer_top_k", "k": 6, "totalExpertsBefore": 8, "totalExpertsAfter": 6}
    return Prior(id=id_, metric=metric, prune=prune, run=run)


_LOT_OF_EXPERTS = _fewer_experts(
    "arbitrary-experts",
    {"name": "random", "description": "Experts drawn by lot, without a look at the routers."},
    runs.MOE_ARBITRARY,
)


def _compacted(
    architecture: str, *stages: Stage, after: Sequence[Stage] = (), how: str = "", name: str = ""
) -> Spec:
    chosen = how or "by the norm of its routers' rows"
    return Spec(
        name=name or f"reference-{architecture.replace('_', '-')}-compacted",
        architecture=architecture,
        summary=f"A tiny {architecture}, cut from eight to six experts per layer {chosen}.",
        stages=stages or (_experts(),),
        after=after,
        base=runs.MOE_BASE,
        student=runs.MOE_STUDENT,
        prior=_LOT_OF_EXPERTS,
    )


def _pruned(architecture: str, *more: Stage, summary: str = "", **fields: Any) -> Spec:
    return Spec(
        name=f"reference-{architecture.replace('_', '-')}-pruned",
        architecture=architecture,
        summary=summary
        or f"A tiny {architecture} with a quarter of its key-value groups blanked by magnitude.",
        stages=(_heads("pad"), *more),
        prior=_lot_of_heads(),
        **fields,
    )


def _modality(architecture: str, modality: str) -> Stage:
    return {
        "type": "modality",
        "modality": modality,
        "encoderModel": bases.name(architecture),
        "freezeBase": True,
        "freezeEncoder": True,
    }


# Three groups have to stay in each layer, so that each loses one, and what is blanked can be cut out later.
_EVEN = _heads("pad", minHeadsPerLayer=6, minKvHeadsPerLayer=3)
_LLAMA = replace(
    _pruned("llama", summary="A Llama with one of four key-value groups per layer blanked by magnitude."),
    stages=(_EVEN,),
)
_SELECTION = "selection/stage-0-heads.json"
_DEFRAGGED = Spec(
    name="reference-llama-defragged",
    architecture="llama",
    summary=f"{_LLAMA.name} with its blanked heads cut out and its weights in two files.",
    stages=({**_EVEN, "selectionFile": _SELECTION},),
    after=(
        {
            "type": "package",
            "format": "safetensors-defragged",
            "validateOn": [],
            "shards": 2,
            "selectionFile": _SELECTION,
            "level": 0.25,
        },
    ),
    prior=_lot_of_heads(runs.DERIVED_PRIOR),
    parent=_LLAMA.name,
    inherits=_SELECTION,
)
_QUANTISED = Spec(
    name="reference-llama-quantised",
    architecture="llama",
    summary=f"{_LLAMA.name} with the same weights as GGUF files of 16 and of 8 bits.",
    stages=(
        {**_EVEN, "selectionFile": _SELECTION},
        {"type": "quant", "format": "gguf", "quantTypes": ["F16", "Q8_0"]},
    ),
    after=({"type": "package", "format": "gguf"},),
    prior=_lot_of_heads(),
    parent=_LLAMA.name,
    derived_as="quantised",
    inherits=_SELECTION,
    on_device=True,
)
_SLICED = Spec(
    name="reference-mistral-sliced",
    architecture="mistral",
    summary="A two-layer Mistral in 32 bits with one of four key-value groups per layer cut out.",
    stages=(_heads("slice"),),
    after=({"type": "package", "format": "safetensors"},),
    prior=_lot_of_heads(),
)
_EXTENDED = Spec(
    name="reference-qwen3-extended",
    architecture="qwen3",
    summary="A two-layer Qwen3 for twice its context, with a quarter of its key-value groups blanked.",
    stages=(
        {"type": "source-config", "contextLength": 256, "inputModalities": ["text"]},
        _heads("pad"),
        _longer(),
    ),
    prior=_lot_of_heads(),
)

_CODE, _PROSE = corpora.as_file(corpora.CODE), corpora.as_file(corpora.PROSE)
_PROFILED = Spec(
    name="reference-qwen3-moe-profiled",
    architecture="qwen3_moe",
    summary="A tiny qwen3_moe, cut from eight to six experts per layer by how often code made use of them.",
    stages=(
        {
            "type": "expert-activation-profile",
            "calibrationCorpus": "reference-code",
            "calibrationCorpusFile": "calibration/code.jsonl",
            "calibrationCorpusSha256": sha256(_CODE).hexdigest(),
            "metricVersion": "v1.activation_count",
            "implementation": "forge.stages.expert_activation_profile",
        },
        _experts("activation_count", "calibration-aware-activation-count"),
    ),
    base=runs.MOE_BASE,
    student=runs.MOE_STUDENT,
    prior=_fewer_experts(
        "prose-calibration",
        {
            "name": "activation_count",
            "description": "The same count on prose instead of code.",
            "calibrationCorpus": "reference-prose",
            "calibrationCorpusFile": "calibration/prose.jsonl",
            "calibrationCorpusSha256": sha256(_PROSE).hexdigest(),
        },
        runs.MOE_PRIOR,
    ),
    corpora={"calibration/code.jsonl": _CODE, "calibration/prose.jsonl": _PROSE},
    on_device=True,
)


def _trained(kind: str, steps: int, **more: Any) -> Stage:
    return {
        "type": kind,
        "dataset": "reference-prose",
        "datasetFile": "training/prose.jsonl",
        "datasetSha256": sha256(_PROSE).hexdigest(),
        "steps": steps,
        "batchSize": 2,
        "sequenceLength": 64,
        "learningRate": 0.001,
        "precision": "fp32",
        **more,
    }


_RECOVERED = Spec(
    name="reference-qwen3-recovered",
    architecture="qwen3",
    summary="A Qwen3 with blanked heads, trained, then recovered by adapters with and without its teacher.",
    stages=(
        _heads("pad"),
        _trained("train", 2),
        _trained("lora", 4, rank=4, alpha=8, mergeAfter=True),
        _trained(
            "lora",
            4,
            rank=4,
            alpha=8,
            mergeAfter=True,
            teacher=bases.name("qwen3"),
            lossType="kl_logits",
            kdTemperature=2.0,
        ),
    ),
    prior=_lot_of_heads(),
    corpora={"training/prose.jsonl": _PROSE},
    on_device=True,
    scored=True,
)

_LONGROPE = _longer("longrope", longFactor=[2.0] * 4, shortFactor=[1.0] * 4, longMscale=1.25, shortMscale=1.0)

SPECS: tuple[Spec, ...] = (
    _LLAMA,
    _DEFRAGGED,
    _SLICED,
    _pruned(
        "qwen2",
        after=(
            {"type": "package", "format": "safetensors-sharded", "shards": 2},
            {"type": "publish", "org": bases.OWNER, "tags": ["reference"]},
            {"type": "deploy", "target": "laptop"},
            {"type": "deliver"},
        ),
    ),
    _EXTENDED,
    _pruned("qwen3_5"),
    _pruned("qwen3_vl", _modality("qwen3_vl", "vision")),
    _pruned(
        "qwen2_5_vl",
        after=({"type": "source-config", "inputModalities": ["text", "vision"]},),
        logged=(runs.WORDS, runs.CHARTS),
    ),
    _pruned("qwen2_5_omni", _modality("qwen2_5_omni", "audio"), _modality("qwen2_5_omni", "vision")),
    _compacted("qwen3_moe", _GATE_PROFILE, _experts("router_gate_l2")),
    _compacted("olmoe"),
    _compacted("mixtral"),
    _compacted("phimoe", _experts(), _LONGROPE),
    _compacted("granitemoe", _experts("random", "random"), how="by lot"),
    _compacted("deepseek_v2", _experts(), _longer()),
    _compacted("deepseek_v3", _GATE_PROFILE, _experts("router_gate_l2")),
    _compacted("glm4_moe"),
    _compacted("gpt_oss"),
    _compacted("qwen3_vl_moe"),
    _compacted("qwen3_5_moe"),
    _PROFILED,
    _RECOVERED,
    _QUANTISED,
)
"""Every artifact; a derived one after its parent."""
