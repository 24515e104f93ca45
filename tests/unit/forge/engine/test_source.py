"""Where the base model comes from: the Hub, its cache, and what is said when it is not there."""

import hashlib
import json

import pytest

from forge.engine import ForgeOptions, plan
from tests.hubserver import HubServer
from tests.unit.forge.engine.making import HEADS, contents, dense_base, executed, recipe, run
from verifier.errors import EvidenceMismatchError, EvidenceMissingError

REPO, COMMIT = "owner/model", "b" * 40


@pytest.fixture
def hub(tmp_path, monkeypatch):
    base = dense_base(tmp_path / "remote")
    files = {p.name: p.read_bytes() for p in base.iterdir()}
    files |= {"pytorch_model.bin": b"other weights", "modeling.py": b"code", "onnx/config.json": b"{}"}
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with HubServer() as server:
        server.add(REPO, files, lfs=("model.safetensors",), sha=COMMIT)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def from_hub(tmp_path, **source):
    return recipe(tmp_path, HEADS, base=REPO, source={"totalParamsB": 7.6, **source})


def test_base_is_fetched_checked_and_recorded_with_its_commit(hub, tmp_path):
    result = run(from_hub(tmp_path), tmp_path / "out", offline=False)
    base = executed(result)["results"]["execution"]["base"]
    assert (base["repo"], base["revision"]) == (REPO, COMMIT)
    weights = (tmp_path / "remote" / "model.safetensors").read_bytes()
    assert base["fileHashes"][0]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert sorted(p.name for p in result.out.glob("*")) == [
        "config.json",
        "forge-report.json",
        "model.safetensors",
        "selection",
        "tiny.alloy.json",
        "tokenizer_config.json",
    ]
    assert not hub.count("GET", "pytorch_model.bin") and not hub.count("GET", "modeling.py")


def test_second_run_needs_no_network_and_gives_the_same_bytes(hub, tmp_path):
    path = from_hub(tmp_path)
    first = run(path, tmp_path / "first", offline=False)
    asked = len(hub.seen)
    second = run(path, tmp_path / "second", offline=True)
    assert len(hub.seen) == asked
    assert contents(second.out) == contents(first.out)


def test_revision_is_passed_on(hub, tmp_path):
    result = run(from_hub(tmp_path, revision=COMMIT), tmp_path / "out", offline=False)
    assert executed(result)["results"]["execution"]["base"]["revision"] == COMMIT
    assert all(COMMIT in seen.path or "/lfs/" in seen.path or seen.cdn for seen in hub.seen), [
        seen.path for seen in hub.seen
    ]


def test_offline_without_the_base_says_size_and_command(hub, tmp_path):
    path = from_hub(tmp_path, revision=COMMIT)
    with pytest.raises(EvidenceMissingError) as caught:
        run(path, tmp_path / "out", offline=True)
    assert "15.2 GB" in str(caught.value) and REPO in str(caught.value)
    assert f"hf download {REPO} --revision {COMMIT}" in caught.value.remedy
    assert "--base FOLDER" in caught.value.remedy
    assert not hub.seen and not (tmp_path / "out").exists()


def test_file_that_cannot_be_had_is_no_base_and_can_be_had_later(hub, tmp_path):
    hub.fault("HEAD", "tokenizer_config.json", times=9, status=404)
    with pytest.raises(EvidenceMissingError):
        run(from_hub(tmp_path), tmp_path / "out", offline=False)
    assert not (tmp_path / "out").exists()
    hub.faults.clear()
    run(from_hub(tmp_path), tmp_path / "out", offline=False)


def test_weights_that_differ_from_the_hubs_own_digest_are_refused(hub, tmp_path, monkeypatch):
    from verifier.evidence.hub import HubClient

    real = HubClient.download

    def tampered(self, repo, revision, path, dest_dir, **more):
        got = real(self, repo, revision, path, dest_dir, **more)
        if path.endswith(".safetensors"):
            data = bytearray(got.read_bytes())
            data[-1] ^= 1
            got.write_bytes(data)
        return got

    monkeypatch.setattr(HubClient, "download", tampered)
    with pytest.raises(EvidenceMismatchError, match=r"model\.safetensors of owner/model"):
        run(from_hub(tmp_path), tmp_path / "out", offline=False)


def test_repository_without_safetensors_is_named(hub, tmp_path):
    hub.add(REPO, {"config.json": b"{}", "pytorch_model.bin": b"x"}, sha=COMMIT)
    with pytest.raises(EvidenceMissingError, match="no safetensors"):
        run(from_hub(tmp_path), tmp_path / "out", offline=False)


def test_only_the_files_of_the_index_are_fetched(hub, tmp_path):
    shards = {"type": "package", "format": "safetensors-sharded", "shards": 2}
    made = run(recipe(tmp_path, shards), tmp_path / "sharded")
    files = {p.name: p.read_bytes() for p in made.out.iterdir() if p.suffix in (".json", ".safetensors")}
    hub.add(REPO, {**files, "consolidated.safetensors": b"twice the size"}, sha=COMMIT)
    result = run(from_hub(tmp_path), tmp_path / "out", offline=False)
    assert not hub.count("GET", "consolidated")
    assert len(result.files) == 2


@pytest.mark.parametrize("name", ["weightsSha256", "baseModelHash"])
def test_base_other_than_the_recipe_states_is_refused(tmp_path, name):
    path = recipe(tmp_path, HEADS, source={name: "sha256:" + "0" * 64})
    with pytest.raises(EvidenceMismatchError, match=name):
        run(path, tmp_path / "out")


def test_plan_asks_nobody(hub, tmp_path):
    found = plan(from_hub(tmp_path, revision=COMMIT), ForgeOptions(offline=True))
    assert not hub.seen
    assert found.base_bytes == 15_200_000_000 and "totalParamsB" in found.base_how
    assert any("hf download" in note for note in found.notes)


def test_hub_that_is_switched_off_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EvidenceMissingError):
        run(from_hub(tmp_path), tmp_path / "out", offline=False)
    assert json.loads((tmp_path / "recipe.alloy.json").read_text())["source"]["baseModel"] == REPO
    assert not (tmp_path / "out").exists()
