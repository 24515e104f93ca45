"""A chain of stages from base to result: what comes out, what is recorded, and what may not be."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from forge import loadcheck
from forge.engine import ForgeOptions, forge
from forge.families import registry
from forge.stages import bodies
from tests.unit.forge.engine.making import (
    EXPERTS,
    GROUPS,
    HEAD,
    HEADS,
    HEADS_PER_LAYER,
    SHARDS,
    STAMP,
    YARN,
    contents,
    executed,
    recipe,
    run,
)
from verifier.alloy.parse import load
from verifier.engine import verify
from verifier.errors import AlloyError, DocumentError, UsageError
from verifier.evidence.hashing import hash_folder
from verifier.verdicts import Verdict

CHAIN = (HEADS, YARN, SHARDS, {"type": "publish", "org": "someone"}, {"type": "deliver"})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    path = recipe(folder, *CHAIN)
    return folder, run(path, folder / "out")


def tensors(folder):
    # bfloat16 is unknown to numpy; two bytes of it are as good as any other two
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        data = file.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                kind = {"BF16": np.uint16, "F32": np.float32}[entry["dtype"]]
                raw = data[8 + length + begin : 8 + length + end]
                found[name] = np.frombuffer(raw, kind).reshape(entry["shape"])
    return found


def test_result_holds_weights_alloy_side_files_and_report(made):
    _, result = made
    assert sorted(p.name for p in result.out.iterdir()) == [
        "config.json",
        "forge-report.json",
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
        "model.safetensors.index.json",
        "publish-list.json",
        "selection",
        "tiny.alloy.json",
        "tokenizer_config.json",
    ]
    assert result.alloy == result.out / "tiny.alloy.json"
    assert not (result.out / ".forge").exists()


def test_weights_are_the_bases_own_with_heads_blanked(made):
    folder, result = made
    before, after = tensors(folder / "base"), tensors(result.out)
    assert before.keys() == after.keys()
    selection = json.loads(next((result.out / "selection").iterdir()).read_text())["removed"]
    assert {layer: len(groups) for layer, groups in selection.items()} == {"0": 1, "1": 1}
    for name, old in before.items():
        expected = old.copy()
        for layer, groups in selection.items():
            for group in groups:
                rows = slice(group * HEAD, (group + 1) * HEAD)
                span = HEADS_PER_LAYER // GROUPS * HEAD
                queries = slice(group * span, (group + 1) * span)
                if name in {f"model.layers.{layer}.self_attn.{p}_proj.weight" for p in "kv"}:
                    expected[rows] = 0
                if name == f"model.layers.{layer}.self_attn.q_proj.weight":
                    expected[queries] = 0
                if name == f"model.layers.{layer}.self_attn.o_proj.weight":
                    expected[:, queries] = 0
        assert np.array_equal(after[name], expected), name


def test_hashes_are_those_of_the_files(made):
    _, result = made
    found = hash_folder(result.out)
    integrity = executed(result)["results"]["integrity"]
    assert integrity["fileHashes"] == found["fileHashes"]
    assert integrity["modelHash"] == found["modelHash"] == result.model_hash
    assert list(result.files) == found["fileHashes"]


def test_recipe_survives_in_the_executed_alloy(made):
    folder, result = made
    before, after = json.loads((folder / "recipe.alloy.json").read_text()), executed(result)
    assert {k: after[k] for k in before if k != "stages"} == {
        k: v for k, v in before.items() if k != "stages"
    }
    for old, new in zip(before["stages"], after["stages"], strict=True):
        assert old.items() <= new.items()
        assert new["executed"]["method"] in bodies.BODIES


def test_executed_alloy_is_one_that_verifies(made):
    _, result = made
    load(result.alloy)
    report = verify(result.out, tiers=(1, 3))
    verdicts = [c.outcome for a in report.artifacts for c in a.checked]
    assert len(verdicts) > 20
    assert {o.verdict for o in verdicts} <= {Verdict.VERIFIED, Verdict.UNVERIFIABLE, Verdict.NOT_CHECKED}
    assert [o.reason for o in verdicts if o.verdict is not Verdict.VERIFIED] == []


def test_alloy_says_nothing_of_paths(made):
    folder, result = made
    text = result.alloy.read_text()
    assert str(folder) not in text and str(result.out) not in text and ".forge" not in text


def test_equal_runs_give_equal_bytes_wherever_they_run(made, tmp_path):
    _, result = made
    other = tmp_path / "another place"
    other.mkdir()
    again = run(recipe(other, *CHAIN), tmp_path / "result")
    assert contents(again.out) == contents(result.out)


def test_time_is_in_the_alloy_once_and_can_be_set(made, tmp_path, monkeypatch):
    folder, result = made
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    later = run(folder / "recipe.alloy.json", tmp_path / "later", completed_at=None)
    new = later.alloy.read_text()
    assert new.count("1970-01-02T00:00:00+00:00") == 1
    assert new.replace("1970-01-02T00:00:00+00:00", STAMP) == result.alloy.read_text()


def test_stages_are_given_absolute_paths(tmp_path, monkeypatch):
    seen = []
    real = bodies.get

    def watched(method):
        def body(context):
            seen.extend([context.model, context.out, context.base, context.artifact, context.recipe])
            return real(method)(context)

        return body

    monkeypatch.setattr(bodies, "get", watched)
    monkeypatch.chdir(tmp_path)
    recipe(tmp_path, HEADS)
    run(Path("recipe.alloy.json"), Path("out"), base=Path("base"))
    assert len(seen) == 5 and all(path.is_absolute() for path in seen)


def test_base_is_left_alone_and_not_shared(made):
    folder, _ = made
    base = folder / "base" / "model.safetensors"
    assert base.stat().st_nlink == 1
    assert sorted(p.name for p in (folder / "base").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
    ]


def test_recipe_that_changes_nothing_copies_the_base(tmp_path):
    path = recipe(tmp_path, {"type": "deliver"})
    (tmp_path / "base" / "pytorch_model.bin").write_bytes(b"other weights")
    result = run(path, tmp_path / "out")
    base = tmp_path / "base" / "model.safetensors"
    assert (result.out / "model.safetensors").read_bytes() == base.read_bytes()
    assert base.stat().st_nlink == 1
    assert not (result.out / "pytorch_model.bin").exists()


def test_experts_replayed_from_the_result_are_the_same_bytes(tmp_path):
    path = recipe(tmp_path, EXPERTS, architecture="qwen3_moe")
    first = run(path, tmp_path / "first")
    assert executed(first)["stages"][0]["selectionFile"].startswith("selection/")
    again = run(first.out, tmp_path / "again", base=tmp_path / "base", replay=True)
    assert again.model_hash == first.model_hash
    assert json.loads((again.out / "config.json").read_text())["num_experts"] == 6


def test_replay_takes_the_recorded_selection_not_a_new_one(tmp_path):
    path = recipe(tmp_path, HEADS)
    first = run(path, tmp_path / "first")
    selection = next((first.out / "selection").iterdir())
    recorded = json.loads(selection.read_text())
    recorded["removed"] = {layer: [(g[0] + 1) % 4] for layer, g in recorded["removed"].items()}
    selection.write_text(json.dumps(recorded))
    alloy = executed(first)
    alloy["stages"][0]["selectionSha256"] = hashlib.sha256(selection.read_bytes()).hexdigest()
    first.alloy.write_text(json.dumps(alloy))
    again = run(first.out, tmp_path / "again", base=tmp_path / "base", replay=True)
    assert again.model_hash != first.model_hash
    zeroed = tensors(again.out)["model.layers.0.self_attn.k_proj.weight"]
    group = recorded["removed"]["0"][0]
    assert not zeroed[group * 4 : (group + 1) * 4].any() and zeroed.any()


def test_earlier_results_stay_only_with_the_same_bytes(tmp_path):
    path = recipe(tmp_path, HEADS)
    first = run(path, tmp_path / "first")
    alloy = executed(first)
    alloy["results"]["benchmarks"] = [{"name": "humaneval", "score": 50.0}]
    (tmp_path / "same").mkdir()
    kept = tmp_path / "same" / "tiny.alloy.json"
    kept.write_text(json.dumps({**alloy, "stages": [HEADS]}))
    same = run(kept, tmp_path / "same-out", base=tmp_path / "base")
    assert executed(same)["results"]["benchmarks"] == alloy["results"]["benchmarks"]
    kept.write_text(json.dumps({**alloy, "stages": [{**HEADS, "level": 0.5}]}))
    other = run(kept, tmp_path / "other-out", base=tmp_path / "base")
    assert "benchmarks" not in executed(other)["results"]


def test_side_files_of_the_recipe_are_carried_into_the_result(tmp_path):
    path = recipe(tmp_path, {"type": "deliver", "noteFile": "notes/why.txt"})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "why.txt").write_text("because")
    result = run(path, tmp_path / "out")
    assert (result.out / "notes" / "why.txt").read_text() == "because"
    assert [f["path"] for f in executed(result)["results"]["execution"]["files"]] == ["notes/why.txt"]


def test_portable_alloy_tells_nothing_of_the_machine(tmp_path):
    path = recipe(tmp_path, HEADS)
    portable = executed(run(path, tmp_path / "a", portable=True))
    usual = executed(run(path, tmp_path / "b"))
    assert set(portable["results"]["execution"]["environment"]) == {"forge", "note"}
    assert {"python", "packages", "device", "system"} <= set(usual["results"]["execution"]["environment"])
    assert "loadCheck" not in portable["stages"][0]["executed"]


def test_surgery_needs_neither_torch_nor_numpy(tmp_path, made):
    _, result = made
    path = recipe(tmp_path, *CHAIN)
    script = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "numpy", "safetensors"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from forge.engine import ForgeOptions, forge
result = forge(Path({str(path)!r}), Path({str(tmp_path / "out")!r}), options=ForgeOptions(offline=True))
print(result.model_hash, result.stages[0]["loadCheck"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{result.model_hash} not run: torch is not installed"


def test_insisting_on_a_load_check_without_torch_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(loadcheck, "_installed", lambda package: package != "torch")
    path = recipe(tmp_path, HEADS)
    with pytest.raises(AlloyError, match="torch is not installed"):
        run(path, tmp_path / "out", load_check=True)
    assert not (tmp_path / "out" / "tiny.alloy.json").exists()


def test_stage_that_touches_what_is_guarded_stops_the_forge(tmp_path, monkeypatch):
    guarded = replace(registry.get("llama"), guarded=("model.layers.1.self_attn.k_proj",))
    monkeypatch.setattr(registry, "get", lambda name: guarded)
    path = recipe(tmp_path, HEADS)
    with pytest.raises(AlloyError, match=r"model\.layers\.1\.self_attn\.k_proj\.weight"):
        run(path, tmp_path / "out")
    assert not (tmp_path / "out" / "tiny.alloy.json").exists()


def test_existing_folder_is_refused(tmp_path):
    path = recipe(tmp_path, HEADS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    with pytest.raises(UsageError, match="does not exist yet"):
        run(path, tmp_path / "out")
    with pytest.raises(UsageError, match="expected the work folder"):
        run(path, tmp_path / "out", resume=True)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("where", ["base/out", "."])
def test_result_and_base_are_kept_apart(tmp_path, where):
    path = recipe(tmp_path, HEADS)
    with pytest.raises(UsageError, match="apart from the base"):
        run(path, tmp_path / where)


def test_time_that_is_none_is_refused(tmp_path, monkeypatch):
    path = recipe(tmp_path, HEADS)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        run(path, tmp_path / "out", completed_at=None)
    with pytest.raises(UsageError, match="completed_at"):
        run(path, tmp_path / "out", completed_at="2026-01-01")


def test_failing_stage_leaves_the_finished_ones_and_no_result(tmp_path):
    path = recipe(tmp_path, HEADS, {**SHARDS, "shards": None, "maxShardSize": "a lot"})
    with pytest.raises(DocumentError, match="maxShardSize"):
        run(path, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".forge"]
    path.write_text(path.read_text().replace("a lot", "5KB"))
    with pytest.raises(UsageError, match="other recipe"):
        run(path, tmp_path / "out", resume=True)


def test_nothing_is_left_of_a_run_that_did_not_begin(tmp_path):
    path = recipe(tmp_path, HEADS)
    (tmp_path / "base" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(DocumentError):
        forge(path, tmp_path / "out", options=ForgeOptions(offline=True))
    assert not (tmp_path / "out").exists()


def test_files_are_what_the_library_reads(made):
    _, result = made
    names = []
    for file in sorted(result.out.glob("*.safetensors")):
        with safe_open(file, "np") as opened:
            names += list(opened.keys())
            assert opened.metadata() == {"format": "pt"}
    assert len(names) == len(set(names)) == 21
