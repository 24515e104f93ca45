"""Stage parameters: each rule has something that it refuses and something that it lets through."""

from decimal import Decimal

import pytest

from forge.stages import kinds, parameters
from verifier.errors import RegistryError

MOE = {"numExpertsPerLayer": 64, "numActivatedExperts": 8, "numLayers": 16, "isMoE": True}
GOOD = {
    "source-config": {"contextLength": 4096, "inputModalities": ["text", "vision"]},
    "prune": {
        "strategy": "entropy",
        "level": Decimal("0.25"),
        "minHeadsPerLayer": 4,
        "minKvHeadsPerLayer": 2,
    },
    "train": {"steps": 10, "learningRate": "2e-4", "warmupRatio": Decimal("0.03"), "batchSize": 2},
    "lora": {
        "learningRate": "1e-4",
        "loraRank": 16,
        "loraAlpha": 32,
        "teacher": "t",
        "lossType": "kl_logits",
        "kdTemperature": Decimal("2.0"),
    },
    "compact": {"deadThreshold": Decimal("0.1"), "lowThreshold": Decimal("0.3"), "highThreshold": 1},
    "expert-activation-profile": {"calibrationCorpus": "c", "metricVersion": "v1.activation_count"},
    "expert-prune": {
        "strategy": "calibration-aware-activation-count",
        "metric": "activation_count",
        "keepExpertsPerLayer": 48,
        "originalExpertsPerLayer": 64,
        "prunePct": Decimal("25.0"),
        "routerSlicedLayers": 16,
        "layout": "unfused-experts",
    },
    "context-extend": {"targetLength": 131072, "method": "yarn"},
    "modality": {"modality": "vision", "encoderModel": "e", "trainingSteps": 5},
    "quant": {"format": "gguf", "quantTypes": ["Q4_K_M", "IQ4_XS"], "tiers": {"Q4_K_M": {}}},
    "eval": {
        "benchmarks": [{"name": "humaneval", "nShot": 0}],
        "passingThreshold": 60,
        "calibrationAnchor": {"model": "m", "measuredScore": Decimal("40.9"), "publishedScore": None},
    },
    "package": {"format": "safetensors-defragged"},
    "publish": {"org": "o"},
    "deploy": {"target": "t"},
    "deliver": {},
}
WRONG = [
    ("prune", {"level": 1}, "level"),
    ("prune", {"level": Decimal("-0.1")}, "level"),
    ("prune", {"level": True}, "level"),
    ("prune", {"level": "0.3"}, "level"),
    ("prune", {"level": None}, "level"),
    ("prune", {"strategy": "guess"}, "strategy"),
    ("prune", {"defragMode": "zip"}, "defragMode"),
    ("prune", {"minHeadsPerLayer": 0}, "minHeadsPerLayer"),
    ("prune", {"minKvHeadsPerLayer": 5}, "minKvHeadsPerLayer"),
    ("train", {"steps": 0}, "steps"),
    ("train", {"steps": Decimal("1.5")}, "steps"),
    ("train", {"learningRate": "fast"}, "learningRate"),
    ("train", {"learningRate": "0"}, "learningRate"),
    ("train", {"learningRate": "NaN"}, "learningRate"),
    ("train", {"learningRate": "Infinity"}, "learningRate"),
    ("train", {"learningRate": "1" * 100}, "learningRate"),
    ("train", {"learningRate": -1}, "learningRate"),
    ("train", {"warmupRatio": 2}, "warmupRatio"),
    ("train", {"scheduler": "none"}, "scheduler"),
    ("train", {"precision": "fp12"}, "precision"),
    ("lora", {"loraRank": 0}, "loraRank"),
    ("lora", {"loraRank": None}, "loraRank"),
    ("lora", {"lossType": None}, "lossType"),
    ("lora", {"teacher": None}, "teacher"),
    ("lora", {"kdTemperature": None}, "kdTemperature"),
    ("lora", {"kdTemperature": 0}, "kdTemperature"),
    ("lora", {"lossType": "vibes"}, "lossType"),
    ("lora", {"dropout": 1}, "dropout"),
    ("compact", {"deadThreshold": Decimal("0.9")}, "lowThreshold"),
    ("compact", {"highThreshold": 2}, "highThreshold"),
    ("expert-activation-profile", {"metricVersion": "v9"}, "metricVersion"),
    ("expert-activation-profile", {"calibrationCorpus": " "}, "calibrationCorpus"),
    ("expert-activation-profile", {"calibrationCorpus": None}, "calibrationCorpus"),
    ("expert-activation-profile", {"loadBits": 5}, "loadBits"),
    ("expert-activation-profile", {"loadBits": True}, "loadBits"),
    ("expert-prune", {"keepExpertsPerLayer": 65}, "keepExpertsPerLayer"),
    ("expert-prune", {"keepExpertsPerLayer": 0}, "keepExpertsPerLayer"),
    ("expert-prune", {"keepExpertsPerLayer": 7}, "keepExpertsPerLayer"),
    ("expert-prune", {"keepExpertsPerLayer": [48, 40]}, "keepExpertsPerLayer"),
    ("expert-prune", {"keepExpertsPerLayer": []}, "keepExpertsPerLayer"),
    ("expert-prune", {"originalExpertsPerLayer": 128}, "originalExpertsPerLayer"),
    ("expert-prune", {"prunePct": 101}, "prunePct"),
    ("expert-prune", {"metric": "luck"}, "metric"),
    ("expert-prune", {"routerSlicedLayers": 17}, "routerSlicedLayers"),
    ("expert-prune", {"layout": "fused"}, "layout"),
    ("context-extend", {"targetLength": 0}, "targetLength"),
    ("context-extend", {"method": "stretch"}, "method"),
    ("modality", {"modality": "smell"}, "modality"),
    ("modality", {"encoderModel": None}, "encoderModel"),
    ("quant", {"format": "zip"}, "format"),
    ("quant", {"quantTypes": ["Q4_K_M", "Q9"]}, "quantTypes/1"),
    ("quant", {"quantTypes": ["Q4_K_M", "Q4_K_M"]}, "quantTypes/1"),
    ("quant", {"quantTypes": ["Q8_0"]}, "tiers/Q4_K_M"),
    ("quant", {"quantTypes": []}, "quantTypes"),
    ("eval", {"benchmarks": []}, "benchmarks"),
    ("eval", {"benchmarks": "humaneval"}, "benchmarks"),
    ("eval", {"benchmarks": [{"name": ""}]}, "benchmarks/0/name"),
    ("eval", {"benchmarks": ["humaneval"]}, "benchmarks/0/name"),
    ("eval", {"benchmarks": [{"name": "x", "nShot": -1}]}, "benchmarks/0/nShot"),
    ("eval", {"passingThreshold": 101}, "passingThreshold"),
    ("eval", {"calibrationAnchor": {"model": "m", "measuredScore": 140}}, "calibrationAnchor/measuredScore"),
    (
        "eval",
        {"calibrationAnchor": {"model": "m", "publishedScore": 50, "tolerance": "some"}},
        "calibrationAnchor/tolerance",
    ),
    ("eval", {"calibrationAnchor": {}}, "calibrationAnchor"),
    ("package", {"format": "tar"}, "format"),
    ("publish", {"org": ""}, "org"),
    ("deploy", {"target": 3}, "target"),
    ("source-config", {"inputModalities": ["text", "smell"]}, "inputModalities"),
]


def check(kind, change=None, source=MOE):
    return parameters.check({"type": kind, **GOOD[kind], **(change or {})}, 3, source)


def test_every_known_stage_type_has_a_spec():
    assert tuple(sorted(parameters.SPECS)) == kinds.names() == tuple(sorted(GOOD))


@pytest.mark.parametrize("kind", GOOD)
def test_good_parameters_pass(kind):
    assert check(kind) == ()


@pytest.mark.parametrize(("kind", "change", "path"), WRONG, ids=lambda v: str(v)[:50])
def test_one_wrong_parameter_is_named_and_nothing_else(kind, change, path):
    (problem,) = check(kind, change)
    assert problem.pointer == f"/stages/3/{path}"
    assert problem.message == f"stage 3: {path}: expected {problem.expected}; found {problem.found}"


@pytest.mark.parametrize("kind", [k for k, s in parameters.SPECS.items() if s.required])
def test_each_required_parameter_is_missed(kind):
    for name in parameters.SPECS[kind].required:
        found = [p for p in check(kind, {name: None}) if p.pointer == f"/stages/3/{name}"]
        assert [p.found for p in found] == ["nothing"], name


def test_unknown_fields_are_no_problem():
    assert check("train", {"colour": "blue"}) == ()


def test_a_source_that_calls_itself_dense_has_no_experts():
    (problem,) = check("expert-prune", source={"isMoE": False})
    assert (problem.pointer, problem.found) == ("/stages/3/type", '"isMoE false"')


def test_one_count_a_layer_is_fine_if_there_are_as_many_as_layers():
    assert check("expert-prune", {"keepExpertsPerLayer": [48] * 16}) == ()


def test_an_extension_ends_up_longer_than_the_source():
    (problem,) = check("context-extend", source={"contextLength": 262144})
    assert problem.pointer == "/stages/3/targetLength"


def test_a_source_of_wrong_types_breaks_nothing():
    source = {"numExpertsPerLayer": "64", "numActivatedExperts": [], "numLayers": {}, "contextLength": "x"}
    assert check("expert-prune", source=source) == ()
    assert check("context-extend", source=source) == ()


def test_a_long_wrong_value_is_shortened():
    (problem,) = check("train", {"learningRate": "x" * 10_000})
    assert len(problem.found) == parameters.MAX_SHOWN


def test_a_stage_without_a_spec_is_an_error_of_the_caller():
    with pytest.raises(RegistryError, match="prunee"):
        parameters.check({"type": "prunee"}, 0, {})
