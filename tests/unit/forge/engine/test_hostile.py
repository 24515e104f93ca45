"""Recipes and folders of strangers: one clear error each, nothing written, nothing read from elsewhere."""

import json
import os

import pytest

from forge.engine import ForgeOptions, plan
from tests.unit.forge.engine.making import HEADS, document, recipe, run
from verifier.errors import AlloyError, DocumentError, EvidenceMissingError, UsageError


def forge_document(folder, body):
    recipe(folder, HEADS)
    path = folder / "recipe.alloy.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return run(path, folder / "out")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": "../../etc/cron.d/x"}, "/name"),
        ({"name": "/tmp/x"}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x" * 500}, "/name"),
        ({"name": ".."}, "/name"),
        ({"stages": []}, "/stages"),
        ({"stages": [{"type": "rm -rf"}]}, "/stages/0/type"),
        ({"stages": [{"type": ["prune"]}]}, "/stages/0/type"),
        ({"stages": [HEADS] * 300}, "/stages"),
        ({"stages": [{**HEADS, "level": 1e300}]}, "/stages/0/level"),
        ({"stages": [{**HEADS, "minHeadsPerLayer": 10**40}]}, "/stages/0/minHeadsPerLayer"),
        ({"stages": [{"type": "package", "format": "safetensors", "shards": -1}]}, "/stages/0/shards"),
        ({"stages": [{**HEADS, "selectionFile": "../../../../etc/passwd"}]}, "/stages/0/selectionFile"),
        ({"stages": [{**HEADS, "selectionFile": "/etc/passwd"}]}, "/stages/0/selectionFile"),
        ({"stages": [{**HEADS, "selectionFile": "a\\..\\b"}]}, "/stages/0/selectionFile"),
        (
            {"stages": [{"type": "eval", "benchmarks": [{"name": "x", "samplesPath": "../x"}]}]},
            "/stages/0/benchmarks/0/samplesPath",
        ),
        ({"source": {"baseModel": "../base", "architecture": "llama"}}, "/source/baseModel"),
        ({"source": {"baseModel": "/etc", "architecture": "llama"}}, "/source/baseModel"),
        ({"source": {"baseModel": "", "architecture": "llama"}}, "/source/baseModel"),
        ({"source": {"baseModel": "./base", "architecture": "qwen3_moe", "numLayers": 10**30}}, ""),
        ({"cycles": 3}, "/cycles"),
        ({"cycles": True}, "/cycles"),
        ({"cycles": 10**50}, "/cycles"),
    ],
)
def test_recipe_is_refused_with_a_pointer(tmp_path, changes, pointer):
    with pytest.raises(DocumentError) as caught:
        forge_document(tmp_path, {**document(HEADS), **changes})
    if pointer:
        assert caught.value.pointer == pointer
    assert len(str(caught.value)) < 2000
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"name": NaN}',
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        '{"name": "x", "source": {"baseModel": "./base", "architecture": "llama"}, '
        '"stages": [{"type": "prune", "level": 1e999999999}]}',
    ],
)
def test_text_that_is_no_recipe(tmp_path, text):
    with pytest.raises(DocumentError):
        forge_document(tmp_path, text)
    assert not (tmp_path / "out").exists()


def test_unknown_architecture_names_those_that_are_known(tmp_path):
    source = {"baseModel": "./base", "architecture": "llama2"}
    with pytest.raises(AlloyError, match="did you mean llama"):
        forge_document(tmp_path, document(HEADS, source=source))


def test_recipe_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="nothing readable"):
        run(tmp_path / "absent.alloy.json", tmp_path / "out")
    with pytest.raises(UsageError, match="exactly one"):
        run(tmp_path, tmp_path / "out")


def test_side_file_that_is_a_link_out_is_refused(tmp_path):
    (tmp_path / "selection.json").symlink_to("/etc/hostname")
    with pytest.raises(DocumentError, match="inside of"):
        forge_document(tmp_path, document({**HEADS, "selectionFile": "selection.json"}))


def test_selection_other_than_stated_is_refused(tmp_path):
    (tmp_path / "selection.json").write_text("{}")
    stage = {**HEADS, "selectionFile": "selection.json", "selectionSha256": "0" * 64}
    with pytest.raises(AlloyError, match=r"selection\.json: expected sha256 0000"):
        forge_document(tmp_path, document(stage))


def test_link_in_the_base_that_leads_out_is_refused(tmp_path):
    path = recipe(tmp_path, {"type": "deliver"})
    (tmp_path / "base" / "tokenizer.json").symlink_to("/etc/hostname")
    with pytest.raises(DocumentError, match="leads out"):
        run(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_base_that_is_a_hub_snapshot_is_read_through_its_links(tmp_path):
    path = recipe(tmp_path, HEADS)
    snapshot = tmp_path / "models--a--b" / "snapshots" / "abc"
    blobs = snapshot.parent.parent / "blobs"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in (tmp_path / "base").iterdir():
        (blobs / file.name).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    direct = run(path, tmp_path / "direct")
    linked = run(path, tmp_path / "linked", base=snapshot)
    assert linked.model_hash == direct.model_hash
    assert not any(p.is_symlink() for p in linked.out.rglob("*"))


def test_pipe_in_the_base_is_refused_not_waited_for(tmp_path):
    path = recipe(tmp_path, HEADS)
    os.mkfifo(tmp_path / "base" / "tokenizer.json")
    with pytest.raises(AlloyError, match="plain file"):
        run(path, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, (2**63 - 1).to_bytes(8, "little") + b"{}"])
def test_weights_that_are_none(tmp_path, content):
    path = recipe(tmp_path, HEADS)
    (tmp_path / "base" / "model.safetensors").write_bytes(content)
    with pytest.raises(DocumentError, match=r"model\.safetensors"):
        run(path, tmp_path / "out")


def test_base_beside_the_recipe_that_is_absent_says_how_to_name_one(tmp_path):
    path = recipe(tmp_path, HEADS, base="./nowhere")
    with pytest.raises(EvidenceMissingError) as caught:
        run(path, tmp_path / "out")
    assert "--base FOLDER" in caught.value.remedy


def test_stage_may_not_write_over_the_model(tmp_path):
    stage = {"type": "deliver", "noteFile": "config.json"}
    path = recipe(tmp_path, stage)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DocumentError, match=r"names that the result does not use; found 'config\.json'"):
        run(path, tmp_path / "out")


def test_recipe_cannot_name_the_alloys_own_file(tmp_path):
    path = recipe(tmp_path, {"type": "deliver", "noteFile": "tiny.alloy.json"})
    (tmp_path / "tiny.alloy.json").write_text("{}")
    with pytest.raises(DocumentError, match="does not use"):
        run(path, tmp_path / "out")


def test_plan_of_a_hostile_recipe_is_refused_too(tmp_path):
    path = recipe(tmp_path, {**HEADS, "selectionFile": "../x"})
    with pytest.raises(DocumentError):
        plan(path, ForgeOptions())


def test_out_in_a_folder_that_is_absent(tmp_path):
    path = recipe(tmp_path, HEADS)
    with pytest.raises(UsageError, match="existing folder above"):
        run(path, tmp_path / "a" / "b" / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="another kind of file"):
        run(path, tmp_path / "file", resume=True)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError):
        run(path, tmp_path / "link", resume=True)
