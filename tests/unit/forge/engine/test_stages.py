"""Stages that change no value: context-extend, package, publish, eval, source-config, the no-ops."""

import hashlib
import json
from pathlib import Path

import pytest

from forge.engine import ForgeOptions, forge
from forge.stages import publish
from forge.tensors.model import open_model, read
from tests.unit.forge.engine.making import (
    HEADS,
    STAMP,
    YARN,
    dense_base,
    document,
    executed,
    recipe,
    run,
)
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError


def tensors(folder):
    return {n: (r.dtype, r.shape, read(r)) for n, r in open_model(folder).tensors.items()}


def config(folder):
    return json.loads((Path(folder) / "config.json").read_text())


def edit(folder, **changes):
    (folder / "config.json").write_text(json.dumps({**config(folder), **changes}))


# --- context-extend


def test_extending_changes_the_configuration_and_no_weight_byte(tmp_path):
    result = run(recipe(tmp_path, YARN), tmp_path / "out")
    base = tmp_path / "base"
    assert (result.out / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    new, old = config(result.out), config(base)
    assert new.pop("rope_scaling") == {
        "rope_type": "yarn",
        "type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    assert new.pop("max_position_embeddings") == 256
    assert new == {k: v for k, v in old.items() if k not in ("rope_scaling", "max_position_embeddings")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"rope_type": "default", "rope_theta": 5e5, "partial_rotary_factor": 0.5},
            {"rope_theta": 5e5, "partial_rotary_factor": 0.5, "factor": 4.0},
        ),
        (
            {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32, "mscale": 0.7},
            {"factor": 8.0, "original_max_position_embeddings": 32, "mscale": 0.7},
        ),
    ],
    ids=["unscaled", "scaled before"],
)
def test_settings_that_belong_to_the_model_are_kept(tmp_path, before, after):
    path = recipe(tmp_path, YARN)
    edit(tmp_path / "base", rope_parameters=before)
    result = run(path, tmp_path / "out")
    expected = {"rope_type": "yarn", "original_max_position_embeddings": 64, **after}
    assert config(result.out)["rope_parameters"] == expected


@pytest.mark.parametrize(
    ("changes", "stage", "message"),
    [
        (
            {"rope_parameters": {"rope_type": "llama3", "factor": 8}},
            YARN,
            "unscaled model, or one scaled by yarn",
        ),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, YARN, "for all layers"),
        ({"max_position_embeddings": 256}, YARN, "more than the model's own 256"),
        ({"max_position_embeddings": "many"}, YARN, "as a count"),
        ({}, {**YARN, "targetLength": 1 << 40}, "more than the model's own"),
        ({}, {**YARN, "method": "longrope"}, "llama takes yarn"),
        ({}, {**YARN, "trainingSteps": 500}, "add a train or lora stage"),
    ],
)
def test_extension_that_cannot_be_is_refused(tmp_path, changes, stage, message):
    path = recipe(tmp_path, stage)
    edit(tmp_path / "base", **changes)
    with pytest.raises(AlloyError) as caught:
        run(path, tmp_path / "out")
    assert message in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize("method", ["yarn", "linear", "dynamic-ntk"])
def test_transformers_sees_the_scaled_embedding(tmp_path, method):
    transformers = pytest.importorskip("transformers", reason="needs the extra [forge]")
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    result = run(recipe(tmp_path, {**YARN, "method": method}), tmp_path / "out", load_check=True)
    assert executed(result)["stages"][0]["executed"]["loadCheck"]["result"] == "passed"
    model = transformers.AutoModelForCausalLM.from_pretrained(result.out)
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    kind = {"yarn": "yarn", "linear": "linear", "dynamic-ntk": "dynamic"}[method]
    assert model.config.rope_parameters["rope_type"] == kind
    assert model.model.rotary_emb.rope_type == kind
    ids = torch.arange(200).remainder(128).unsqueeze(0)
    with torch.no_grad():
        far, plain = model(ids).logits, base(ids).logits
        near, short = model(ids[:, :8]).logits, base(ids[:, :8]).logits
    assert not torch.equal(far, plain)
    # dynamic scaling sets in only beyond the trained length; the others are always on
    assert torch.equal(near, short) == (method == "dynamic-ntk")


# --- package


@pytest.mark.parametrize(
    ("stage", "files"),
    [
        ({"format": "safetensors"}, 1),
        ({"format": "safetensors", "shards": 2}, 2),
        ({"format": "safetensors-sharded", "maxShardSize": "20KB"}, 3),
        ({"format": "safetensors-sharded"}, 1),
        ({"format": "safetensors-defragged", "shards": 2}, 2),
    ],
)
def test_packages_hold_the_same_tensors(tmp_path, stage, files):
    result = run(recipe(tmp_path, {"type": "package", **stage}), tmp_path / "out")
    assert tensors(result.out) == tensors(tmp_path / "base")
    assert len(list(result.out.glob("*.safetensors"))) == files
    assert executed(result)["results"]["execution"]["determinism"] == "bytes"


def test_sharded_and_joined_again_is_the_same_file(tmp_path):
    one = {"type": "package", "format": "safetensors"}
    path = recipe(tmp_path, one)
    direct = run(path, tmp_path / "direct")
    path = recipe(tmp_path, {"type": "package", "format": "safetensors-sharded", "shards": 4}, one)
    detour = run(path, tmp_path / "detour")
    assert direct.model_hash == detour.model_hash


def test_package_without_tokenizer(tmp_path):
    path = recipe(tmp_path, {"type": "package", "format": "safetensors", "includeTokenizer": False})
    result = run(path, tmp_path / "out")
    assert not (result.out / "tokenizer_config.json").exists()
    assert (result.out / "config.json").exists()


@pytest.mark.parametrize("size", ["", "0GB", "5 parsecs", -1, True, "9" * 30 + "GB"])
def test_shard_size_that_is_none(tmp_path, size):
    path = recipe(tmp_path, {"type": "package", "format": "safetensors-sharded", "maxShardSize": size})
    with pytest.raises(DocumentError, match="maxShardSize"):
        run(path, tmp_path / "out")


def test_more_shards_than_tensors_is_refused(tmp_path):
    path = recipe(tmp_path, {"type": "package", "format": "safetensors", "shards": 10**9})
    with pytest.raises(UsageError, match="shards"):
        run(path, tmp_path / "out")


def test_defragged_artifact_loses_its_dead_heads_and_names_its_parent(tmp_path):
    parent = run(recipe(tmp_path, HEADS), tmp_path / "parent")
    digest = "sha256:" + hashlib.sha256(parent.alloy.read_bytes()).hexdigest()
    kept = executed(parent)["stages"][0]
    named = {k: kept[k] for k in ("selectionFile", "selectionSha256")}
    (tmp_path / "child").mkdir()
    child = tmp_path / "child" / "child.alloy.json"
    stage = {"type": "package", "format": "safetensors-defragged", "shards": 2, **named}
    link = {"repo": "someone/tiny", "alloyHash": digest, "kind": "defragged"}
    child.write_text(json.dumps(document({**HEADS, **named}, stage, name="child", derivedFrom=link)))
    selection = tmp_path / "child" / named["selectionFile"]
    selection.parent.mkdir()
    selection.write_bytes((parent.out / named["selectionFile"]).read_bytes())
    result = run(child, tmp_path / "defragged", base=tmp_path / "base", replay=True)
    assert config(result.out)["num_key_value_heads"] == 3
    found = tensors(result.out)["model.layers.0.self_attn.k_proj.weight"]
    full = tensors(parent.out)["model.layers.0.self_attn.k_proj.weight"]
    (dead,) = json.loads(selection.read_text())["removed"]["0"]
    rows = [full[2][i * 256 : (i + 1) * 256] for i in range(4) if i != dead]
    assert found[2] == b"".join(rows)
    assert executed(result)["results"]["integrity"]["parentAlloyHash"] == digest


# --- publish


def test_dry_run_lists_what_would_be_uploaded_and_sends_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "_upload", lambda *a: pytest.fail("uploaded in a dry run"))
    stages = (
        {"type": "train", "domain": "code", "steps": 1, "learningRate": 1e-4},
        {"type": "publish", "org": "someone", "repoNameTemplate": "{base}-{domain}-forged", "private": True},
    )
    final = {"source": {"baseModel": "Owner/Qwen3-X"}, "name": "n", "stages": list(stages)}
    assert publish.repository(final, stages[1]) == "someone/qwen3-x-code-forged"
    result = run(recipe(tmp_path, HEADS, {"type": "publish", "org": "someone"}), tmp_path / "out")
    listed = json.loads((result.out / "publish-list.json").read_text())
    there = {
        p.relative_to(result.out).as_posix(): p.stat().st_size for p in result.out.rglob("*") if p.is_file()
    }
    own = {"forge-report.json", "publish-list.json"}
    assert {f["path"]: f["size"] for f in listed["files"]} == {p: s for p, s in there.items() if p not in own}
    assert listed["repository"] == "someone/tiny"
    assert json.loads(result.report.read_text())["finals"]["1 publish"]["uploaded"] is False


@pytest.mark.parametrize("template", ["../{name}", "{secret}", "a/b", 7, "{domain}"])
def test_repository_names_that_cannot_be(tmp_path, template):
    path = recipe(tmp_path, {"type": "publish", "org": "someone", "repoNameTemplate": template})
    with pytest.raises(DocumentError):
        run(path, tmp_path / "out")


def test_upload_without_a_token_is_refused(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    path = recipe(tmp_path, {"type": "publish", "org": "someone"})
    with pytest.raises(EvidenceMissingError, match="access token"):
        run(path, tmp_path / "out", upload=True)


def test_upload_sends_exactly_the_list(tmp_path, monkeypatch):
    import huggingface_hub

    sent = {}

    class Api:
        def create_repo(self, repo, **options):
            sent["created"] = (repo, options["private"])

        def upload_folder(self, *, repo_id, folder_path, allow_patterns, **_):
            from huggingface_hub.utils import filter_repo_objects

            files = [p.relative_to(folder_path).as_posix() for p in folder_path.rglob("*") if p.is_file()]
            sent["files"] = sorted(filter_repo_objects(files, allow_patterns=allow_patterns))
            return type("Commit", (), {"oid": "c" * 40})

    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "token")
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    path = recipe(tmp_path, {"type": "publish", "org": "someone", "private": True})
    result = run(path, tmp_path / "out", upload=True)
    assert sent["created"] == ("someone/tiny", True)
    assert sent["files"] == ["config.json", "model.safetensors", "tiny.alloy.json", "tokenizer_config.json"]
    assert json.loads(result.report.read_text())["finals"]["0 publish"]["commit"] == "c" * 40


# --- eval


def test_benchmarks_that_nothing_is_given_for_are_recorded_as_not_run(tmp_path):
    stage = {"type": "eval", "benchmarks": [{"name": "humaneval"}, {"name": "mmlu"}, {"name": "perplexity"}]}
    result = run(recipe(tmp_path, stage), tmp_path / "out")
    records = executed(result)["stages"][0]["executed"]["record"]["benchmarks"]
    assert [set(r) for r in records] == [{"name", "notRun"}] * 3
    assert "samplesPath" in records[0]["notRun"] and "no runner" in records[1]["notRun"]
    assert "benchmarks" not in executed(result)["results"]


@pytest.mark.slow
def test_samples_beside_the_recipe_are_scored_by_the_judge(tmp_path):
    pytest.importorskip("evalplus", reason="needs the extra [scores]")
    from forge.reference import runs

    data = runs.DENSE_STUDENT.data()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "student.jsonl").write_bytes(data)
    benchmark = {"name": "alloybench", "samplesPath": "samples/student.jsonl"}
    result = run(recipe(tmp_path, {"type": "eval", "benchmarks": [benchmark]}), tmp_path / "out")
    (found,) = executed(result)["results"]["benchmarks"]
    assert found["score"] == runs.DENSE_STUDENT.score("alloybench")
    assert found["resultHash"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (result.out / "samples" / "student.jsonl").read_bytes() == data


def test_samples_other_than_stated_are_refused(tmp_path):
    (tmp_path / "s.jsonl").write_text("{}\n")
    benchmark = {"name": "alloybench", "samplesPath": "s.jsonl", "samplesSha256": "0" * 64}
    with pytest.raises(EvidenceMismatchError, match=r"s\.jsonl"):
        run(recipe(tmp_path, {"type": "eval", "benchmarks": [benchmark]}), tmp_path / "out")


# --- source-config and no-ops


def test_source_config_compares_with_the_model(tmp_path):
    stage = {"type": "source-config", "contextLength": 128, "inputModalities": ["text"]}
    result = run(recipe(tmp_path, stage), tmp_path / "out")
    record = executed(result)["stages"][0]["executed"]["record"]
    assert record == {"maxPositionEmbeddings": 64, "inputModalities": ["text"], "beyondSource": True}
    path = recipe(tmp_path, {**stage, "inputModalities": ["text", "vision"]})
    with pytest.raises(DocumentError, match="vision_config"):
        run(path, tmp_path / "other")


def test_deployment_is_recorded_as_not_done(tmp_path):
    result = run(recipe(tmp_path, {"type": "deploy", "target": "somewhere"}), tmp_path / "out")
    record = executed(result)["stages"][0]["executed"]["record"]
    assert record["done"] is False and "not a forge's business" in record["reason"]


def test_library_call_takes_defaults(tmp_path):
    dense_base(tmp_path / "base")
    path = recipe(tmp_path, {"type": "deliver"})
    result = forge(path, tmp_path / "out", options=ForgeOptions(completed_at=STAMP))
    assert executed(result)["results"]["completedAt"] == STAMP
