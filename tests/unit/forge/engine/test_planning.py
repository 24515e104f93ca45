"""Plans and determinism classes, told without executing anything."""

from pathlib import Path

import pytest

from forge import environment, memory
from forge.engine import Determinism, ForgeOptions, determinism, plan
from forge.stages import traits
from forge.stages.kinds import KINDS
from tests.unit.forge.engine.making import (
    EXPERTS,
    HEADS,
    SHARDS,
    YARN,
    contents,
    document,
    executed,
    recipe,
    run,
)
from verifier.alloy.parse import load, parse, serialise

LORA = {"type": "lora", "learningRate": 1e-4, "steps": 10, "sequenceLength": 128, "batchSize": 2}
PROFILE = {
    "type": "expert-activation-profile",
    "calibrationCorpus": "code",
    "metricVersion": "v1.activation_count",
    "calibrationTokens": 1000,
}
COUNTED = {**EXPERTS, "strategy": "calibration-aware-activation-count", "metric": "activation_count"}


def alloy(*stages, **more):
    return parse(serialise(document(*stages, **more)).encode())


@pytest.mark.parametrize(
    ("stages", "replayed", "anew"),
    [
        ((HEADS,), "bytes", "bytes"),
        ((YARN, SHARDS), "bytes", "bytes"),
        ((EXPERTS,), "bytes", "bytes"),
        ((PROFILE, COUNTED), "device", "device"),
        ((PROFILE, {**COUNTED, "selectionFile": "selection/e.json"}), "bytes", "device"),
        (({**HEADS, "strategy": "entropy"},), "device", "device"),
        (({**HEADS, "strategy": "entropy", "selectionFile": "s.json"},), "bytes", "device"),
        ((LORA,), "device", "device"),
        ((HEADS, LORA), "device", "device"),
        (({"type": "quant", "format": "gguf"},), "device", "device"),
        (({"type": "eval", "benchmarks": [{"name": "x"}]}, {"type": "deliver"}), "bytes", "bytes"),
    ],
)
def test_class_follows_from_the_recipe(stages, replayed, anew):
    made = alloy(*stages)
    assert determinism(made, replay=True).value == replayed
    assert determinism(made, replay=False).value == anew


@pytest.mark.parametrize(
    ("stages", "more"),
    [((HEADS, YARN, SHARDS), {}), ((EXPERTS,), {"architecture": "qwen3_moe"}), (({"type": "deliver"},), {})],
)
def test_class_told_beforehand_is_the_one_that_is_recorded(tmp_path, stages, more):
    result = run(recipe(tmp_path, *stages, **more), tmp_path / "out")
    told = determinism(load(result.alloy), replay=True)
    assert told is result.determinism is Determinism(executed(result)["results"]["execution"]["determinism"])


def test_every_stage_type_has_traits():
    assert set(traits.TRAITS) == set(KINDS)
    unknown = traits.of("something new")
    assert unknown.makes_weights and not unknown.is_exact({}, replay=True)


def test_plan_of_surgery_is_near_what_is_written(tmp_path):
    path = recipe(tmp_path, HEADS, SHARDS)
    before = contents(tmp_path)
    found = plan(path, ForgeOptions())
    assert contents(tmp_path) == before
    size = (tmp_path / "base" / "model.safetensors").stat().st_size
    assert found.base_bytes == size and found.base_how == "size of the files on disk"
    assert [s.determinism for s in found.stages] == ["bytes", "bytes"]
    result = run(path, tmp_path / "out")
    written = sum(f["size"] for f in result.files)
    assert abs(found.stages[-1].writes - written) < 0.1 * written
    assert found.reads == 3 * size and found.disk >= 2 * size


def test_plan_of_expert_surgery_follows_the_share_that_is_kept(tmp_path):
    path = recipe(tmp_path, {**EXPERTS, "keepExpertsPerLayer": [2, 4, 6]}, architecture="qwen3_moe")
    (stage,) = plan(path).stages
    size = (tmp_path / "base" / "model.safetensors").stat().st_size
    assert stage.writes == int(size * 0.5) and "50%" in stage.how


def test_plan_of_training_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "compute_rate", lambda device: 1e9)
    monkeypatch.setattr(memory, "available", lambda device: 1000)
    path = recipe(tmp_path, LORA)
    found = plan(path)
    (stage,) = found.stages
    size = found.base_bytes
    assert stage.seconds == pytest.approx(6 * (size / 2) * 10 * 128 * 2 / 1e9)
    assert stage.determinism == "device" and found.determinism is Determinism.DEVICE
    assert found.memory > size
    assert any("more memory than is free" in note for note in found.notes)


def test_plan_of_an_unknown_size_claims_nothing(tmp_path):
    found = plan(recipe(tmp_path, HEADS, base="owner/model"), ForgeOptions(offline=True))
    assert (found.base_bytes, found.reads, found.writes, found.disk) == (None, None, None, None)
    assert found.stages[0].seconds is None


def test_plan_can_be_had_of_what_cannot_be_executed(tmp_path):
    found = plan(recipe(tmp_path, HEADS, cycles=3))
    assert any("cycles" in note for note in found.notes)


def test_memory_and_rate_are_measured():
    assert 1e6 < memory.hash_rate() < 1e12
    if Path("/proc/meminfo").is_file():
        assert memory.available() > 1 << 20


def test_environments_are_compared_by_what_was_recorded():
    recorded = {"python": "3.11.7", "packages": {"torch": "2.13.0"}, "device": {"type": "cpu"}}
    same = {**recorded, "packages": {"torch": "2.13.0", "peft": "0.21"}, "more": 1}
    assert environment.differences(recorded, same) == ()
    other = {"python": "3.12.0", "packages": {}, "device": {"type": "cpu"}}
    assert environment.differences(recorded, other) == (
        "packages/torch: 2.13.0 -> absent",
        "python: 3.11.7 -> 3.12.0",
    )
    here = environment.describe()
    assert environment.differences(here, environment.describe()) == ()


def test_what_is_recorded_does_not_depend_on_what_was_loaded_before():
    pytest.importorskip("torch", reason="needs the extra [forge]")
    assert "torch" not in environment.describe()
    assert {"threads", "cpuCapability"} <= set(environment.describe(floats=True)["torch"])
