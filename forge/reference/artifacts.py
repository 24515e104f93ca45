"""The three reference artifacts: a dense one, a mixture of experts, and one derived from the first."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from forge.reference import card, corpora, experts, heads, models, runs
from forge.reference.card import OWNER, STAMP, Artifact
from forge.tensors.safetensors import Tensor, serialise

DENSE_NAME = "reference-llama-pruned"
MOE_NAME = "reference-qwen3-moe-compacted"
DERIVED_NAME = "reference-llama-defragged"
_REMOVED_GROUPS = 1
_KEPT_EXPERTS = 6
_METADATA = {"format": "pt"}


def build() -> tuple[Artifact, ...]:
    """All reference artifacts, sorted by name. The same bytes on every machine."""
    parent = dense()
    return tuple(sorted((parent, mixture(), derived(parent)), key=lambda a: a.name))


def dense() -> Artifact:
    """A Llama whose weakest key-value group per layer is set to zero; every shape stays."""
    g, base = models.DENSE, models.dense_model(models.DENSE)
    selection = heads.by_magnitude(g, _REMOVED_GROUPS)
    record = _record({"unit": "kv-group", "removed": selection, "sumOfSquares": heads.energies(g)})
    stages = [_prune_stage(record), card.eval_stage(_base_name("llama-tiny"), runs.DENSE_BASE)]
    weights = {"model.safetensors": serialise(heads.pad(g, base, selection), _METADATA)}
    body = {
        "source": _dense_source(base),
        "stages": stages,
        "cycles": 1,
        "hardware": _hardware(),
        "results": {
            "completedAt": STAMP,
            "forgedParamsB": card.billions(models.parameters(base)),
            "benchmarks": card.benchmark_results(runs.DENSE_STUDENT, runs.DENSE_BASE),
            "integrity": card.integrity(weights),
        },
        "priorMetricBaselines": [_arbitrary_heads(runs.DENSE_PRIOR)],
    }
    return card.assemble(
        DENSE_NAME,
        body,
        weights=weights,
        runs=(runs.DENSE_STUDENT, runs.DENSE_BASE, runs.DENSE_PRIOR),
        corpus={},
        selection={"selection/heads.json": record},
        summary="A two-layer Llama with one of four key-value groups per layer blanked by magnitude.",
    )


def derived(parent: Artifact) -> Artifact:
    """The dense artifact with its blanked heads cut out, in two files, linked to its parent."""
    g, base = models.DENSE, models.dense_model(models.DENSE)
    selection = heads.by_magnitude(g, _REMOVED_GROUPS)
    tensors = heads.cut(g, base, selection)
    weights = _shards(tensors, 2)
    record = parent.files["selection/heads.json"]
    package = {"type": "package", "format": "safetensors-defragged", "validateOn": [], "shards": 2}
    stages = [_prune_stage(record), card.eval_stage(_base_name("llama-tiny"), runs.DENSE_BASE), package]
    body = {
        "source": _dense_source(base),
        "stages": stages,
        "cycles": 1,
        "hardware": _hardware(),
        "derivedFrom": {"repo": parent.repo, "alloyHash": parent.alloy_hash, "kind": "defragged"},
        "results": {
            "completedAt": STAMP,
            "forgedParamsB": card.billions(models.parameters(tensors)),
            "benchmarks": card.benchmark_results(runs.DENSE_STUDENT, runs.DENSE_BASE),
            "integrity": {**card.integrity(weights), "parentAlloyHash": parent.alloy_hash},
        },
        "priorMetricBaselines": [_arbitrary_heads(runs.DERIVED_PRIOR)],
    }
    return card.assemble(
        DERIVED_NAME,
        body,
        weights=weights,
        runs=(runs.DENSE_STUDENT, runs.DENSE_BASE, runs.DERIVED_PRIOR),
        corpus={},
        selection={"selection/heads.json": record},
        summary=f"{parent.name} with its blanked heads cut out and its weights in two files.",
    )


def mixture() -> Artifact:
    """A Qwen3 mixture of experts that keeps six of eight experts per layer, as a code corpus used them."""
    g, base = models.MOE, models.moe_model(models.MOE)
    profile = experts.profile(g, corpora.as_text(corpora.CODE))
    selection = experts.most_used(profile, _KEPT_EXPERTS)
    record = _record({"unit": "expert", "kept": selection, "activationCount": profile})
    code, prose = corpora.as_file(corpora.CODE), corpora.as_file(corpora.PROSE)
    weights = {"model.safetensors": serialise(experts.prune(g, base, selection), _METADATA)}
    stages = [
        _profile_stage(code),
        _expert_stage(g, record),
        card.eval_stage(_base_name("qwen3-moe-tiny"), runs.MOE_BASE),
    ]
    body = {
        "source": _moe_source(g, base),
        "stages": stages,
        "cycles": 1,
        "hardware": _hardware(),
        "results": {
            "completedAt": STAMP,
            **_moe_parameters(g, base, _KEPT_EXPERTS),
            "benchmarks": card.benchmark_results(runs.MOE_STUDENT, runs.MOE_BASE),
            "integrity": card.integrity(weights),
        },
        "priorMetricBaselines": [_prose_calibration(g, prose)],
    }
    return card.assemble(
        MOE_NAME,
        body,
        weights=weights,
        runs=(runs.MOE_STUDENT, runs.MOE_BASE, runs.MOE_PRIOR),
        corpus={"calibration/code.jsonl": code, "calibration/prose.jsonl": prose},
        selection={"selection/experts.json": record},
        summary="A three-layer mixture of experts, cut from eight to six experts per layer by use on code.",
    )


def _base_name(model: str) -> str:
    return f"{OWNER}/{model}"


def _record(content: Mapping[str, Any]) -> bytes:
    return (json.dumps({"schema": "alloy-selection/1", **content}, sort_keys=True, indent=1) + "\n").encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hardware() -> dict[str, Any]:
    return {"minVramGb": 0.1, "recommendedVramGb": 1, "deviceTargets": ["laptop"]}


def _dense_source(base: Sequence[Tensor]) -> dict[str, Any]:
    g = models.DENSE
    return {
        "baseModel": _base_name("llama-tiny"),
        "architecture": "llama",
        "isMoE": False,
        "totalParamsB": card.billions(models.parameters(list(base))),
        "numLayers": g.layers,
        "numHeads": g.heads,
        "numKvHeads": g.kv_heads,
        "weightsSha256": _digest(serialise(base, _METADATA)),
        "license": "apache-2.0",
    }


def _moe_source(g: models.Geometry, base: Sequence[Tensor]) -> dict[str, Any]:
    total = models.parameters(list(base))
    idle = (g.experts - g.active) * g.layers * models.expert_parameters(g)
    return {
        "baseModel": _base_name("qwen3-moe-tiny"),
        "architecture": "qwen3_moe",
        "isMoE": True,
        "totalParamsB": card.billions(total),
        "activeParamsB": card.billions(total - idle),
        "numLayers": g.layers,
        "numExpertsPerLayer": g.experts,
        "numActivatedExperts": g.active,
        "weightsSha256": _digest(serialise(base, _METADATA)),
        "license": "apache-2.0",
    }


def _moe_parameters(g: models.Geometry, base: Sequence[Tensor], keep: int) -> dict[str, float]:
    """Counted from what stays: experts, and the routers' rows."""
    gone = (g.experts - keep) * g.layers
    left = models.parameters(list(base)) - gone * (models.expert_parameters(g) + g.hidden)
    idle = (keep - g.active) * g.layers * models.expert_parameters(g)
    return {"forgedParamsB": card.billions(left), "activeParamsB": card.billions(left - idle)}


def _prune_stage(record: bytes) -> dict[str, Any]:
    g = models.DENSE
    return {
        "type": "prune",
        "strategy": "magnitude",
        "level": _REMOVED_GROUPS / g.kv_heads,
        "minHeadsPerLayer": 4,
        "minKvHeadsPerLayer": 2,
        "perLayerNormalized": True,
        "defragMode": "pad",
        "selectionFile": "selection/heads.json",
        "selectionSha256": _digest(record),
    }


def _profile_stage(code: bytes) -> dict[str, Any]:
    return {
        "type": "expert-activation-profile",
        "calibrationCorpus": "reference-code",
        "calibrationCorpusFile": "calibration/code.jsonl",
        "calibrationCorpusSha256": _digest(code),
        "calibrationExamples": len(corpora.CODE),
        "calibrationTokens": len(corpora.as_text(corpora.CODE)),
        "metricVersion": "v1.embedding_activation_count",
        "implementation": "forge.reference.experts.profile",
    }


def _expert_stage(g: models.Geometry, record: bytes) -> dict[str, Any]:
    dropped, per_expert = g.experts - _KEPT_EXPERTS, 3
    return {
        "type": "expert-prune",
        "strategy": "calibration-aware-activation-count",
        "metric": "activation_count",
        "metricSource": "selection/experts.json",
        "keepExpertsPerLayer": _KEPT_EXPERTS,
        "originalExpertsPerLayer": g.experts,
        "prunePct": 100 * dropped / g.experts,
        "expertsDropped": dropped * g.layers * per_expert,
        "expertsRenamed": _KEPT_EXPERTS * g.layers * per_expert,
        "routerSlicedLayers": g.layers,
        "perLayerNormalized": True,
        "layout": "unfused-experts",
        "selectionFile": "selection/experts.json",
        "selectionSha256": _digest(record),
        "implementation": "forge.reference.experts.prune",
    }


def _arbitrary_heads(prior: card.Run) -> dict[str, Any]:
    g = models.DENSE
    return card.prior_baseline(
        "arbitrary-heads",
        {"name": "arbitrary", "description": "Groups picked by a hash of the layer, without the weights."},
        {
            "method": "per_layer_arbitrary",
            "removedKvGroups": {str(k): v for k, v in heads.by_hash(g, _REMOVED_GROUPS).items()},
        },
        _base_name("llama-tiny"),
        prior,
        runs.DENSE_BASE,
    )


def _prose_calibration(g: models.Geometry, prose: bytes) -> dict[str, Any]:
    return card.prior_baseline(
        "prose-calibration",
        {
            "name": "activation_count",
            "description": "The same count on prose instead of code.",
            "calibrationCorpus": "reference-prose",
            "calibrationCorpusFile": "calibration/prose.jsonl",
            "calibrationCorpusSha256": _digest(prose),
        },
        {
            "method": "per_layer_top_k",
            "k": _KEPT_EXPERTS,
            "totalExpertsBefore": g.experts,
            "totalExpertsAfter": _KEPT_EXPERTS,
        },
        _base_name("qwen3-moe-tiny"),
        runs.MOE_PRIOR,
        runs.MOE_BASE,
    )


def _shards(tensors: Sequence[Tensor], count: int) -> dict[str, bytes]:
    """The tensors in name order, in ``count`` files of about equal numbers of tensors."""
    ordered = sorted(tensors, key=lambda t: t.name)
    size = -(-len(ordered) // count)
    return {
        f"model-{i + 1:05}-of-{count:05}.safetensors": serialise(
            ordered[i * size : (i + 1) * size], _METADATA
        )
        for i in range(count)
    }
