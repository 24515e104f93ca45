"""Artifacts in which floating-point sums decide bytes: what is kept is complete, and is made again."""

import json
from pathlib import Path

import pytest

from forge import environment
from forge.families import dispatch
from forge.reference import forging, store
from forge.reference.artifacts import specs
from tests.unit.forge.reference.making import built
from verifier.evidence.hashing import model_hash

ROOT = Path(__file__).resolve().parents[4]
SPECS = {spec.name: spec for spec in specs(on_device=True)}


def committed(name):
    return store.load(name, ROOT / "catalog", ROOT / "_cache" / "reference")


def alloy(name):
    return json.loads(committed(name).alloy)


@pytest.mark.parametrize("name", SPECS)
def test_what_is_kept_is_complete_and_has_the_parent_that_there_is(name):
    document, artifact = alloy(name), committed(name)
    assert artifact.roles == {path: forging.role(path) for path in artifact.files}
    assert {p for p, role in artifact.roles.items() if role == "weights"} == {
        f["filename"] for f in document["results"]["integrity"]["fileHashes"]
    }
    integrity = document["results"]["integrity"]
    assert integrity["modelHash"] == model_hash(integrity["fileHashes"])
    if SPECS[name].parent:
        assert document["derivedFrom"]["alloyHash"] == built()[SPECS[name].parent].alloy_hash


def test_every_stage_that_a_device_decides_occurs():
    found = {m.method for name in SPECS for m in dispatch.resolve(alloy(name))}
    assert found >= {
        "train_student",
        "train_adapter",
        "distil_adapter",
        "profile_router_activations",
        "quantise_gguf",
        "package_gguf",
    }


def test_a_choice_that_was_recorded_leaves_nothing_to_the_device():
    kinds = {name: alloy(name)["results"]["execution"]["determinism"] for name in SPECS}
    assert kinds == {
        "reference-llama-quantised": "device",
        "reference-qwen3-moe-profiled": "bytes",
        "reference-qwen3-recovered": "device",
    }


def test_use_chooses_other_experts_than_the_routers_norms():
    by_use = committed("reference-qwen3-moe-profiled").files["selection/stage-1-experts.json"]
    by_norm = built()["reference-qwen3-moe-compacted"].files["selection/stage-1-experts.json"]
    assert json.loads(by_use)["layers"] != json.loads(by_norm)["layers"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_it_is_made_again_under_the_recorded_environment(name):
    pytest.importorskip("torch", reason="needs the extra [forge]")
    spec, kept = SPECS[name], committed(name)
    made = forging.make(spec, built()[spec.parent] if spec.parent else None)
    recorded, now = (json.loads(a.alloy)["results"]["execution"]["environment"] for a in (kept, made))
    if apart := environment.differences(recorded, now):
        pytest.skip(f"NOT_CHECKED: made under another environment: {'; '.join(apart)[:200]}")
    assert made == kept
