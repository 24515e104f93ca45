"""Tier 2 on artifacts that were really forged: equal bytes, planted faults, and what is missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.forge.engine import making
from tests.unit.tiers import reforged
from tests.unit.tiers.reforged import artifact, attest, edit, flip, flip_tensor, redo
from verifier import cli
from verifier.engine import Options, verify
from verifier.verdicts import Severity, Verdict

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    for name in ("ALLOY_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One artifact per family, forged once; tests change copies of it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "dense").mkdir()
    (folder / "experts").mkdir()
    return {
        "dense": artifact(folder / "dense", *reforged.DENSE),
        "experts": artifact(folder / "experts", *reforged.EXPERTS, architecture="qwen3_moe"),
    }


@pytest.fixture
def dense(made, tmp_path):
    return Path(shutil.copytree(made["dense"], tmp_path / "card"))


@pytest.fixture
def experts(made, tmp_path):
    return Path(shutil.copytree(made["experts"], tmp_path / "card"))


def codes(outcome):
    return {f.code for f in outcome.findings}


@pytest.mark.parametrize(("which", "files"), [("dense", 3), ("experts", 1)])
def test_surgery_is_redone_byte_for_byte(made, which, files):
    outcome = redo(made[which])
    assert (outcome.verdict, outcome.method) == (Verdict.VERIFIED, "reforge/bytes"), outcome.reason
    assert len(outcome.digests) == files
    assert not outcome.findings


def test_surgery_is_redone_without_torch_and_numpy(experts):
    program = (
        "import sys\nfor m in ('torch', 'numpy', 'transformers', 'safetensors'): sys.modules[m] = None\n"
        "from verifier.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    base = ["--base", str(experts / "base")]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "verify",
            str(experts),
            "--tier",
            "2",
            "--strict",
            "--offline",
            *base,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# planted faults: each of them turns the claim red


def other_base_weights(folder):
    flip_tensor(folder / "base", "model.embed_tokens.weight", 7)


def other_selection(folder):
    path = folder / "selection" / "stage-0-experts.json"
    selection = json.loads(path.read_text())
    kept = selection["layers"]["1"]
    kept[0] = next(e for e in range(8) if e not in kept)
    kept.sort()
    path.write_text(json.dumps(selection))


def other_selection_with_its_digest(folder):
    other_selection(folder)
    digest = reforged.sha256(folder / "selection" / "stage-0-experts.json")
    edit(folder, lambda d: d["stages"][0].update(selectionSha256=digest))


def other_parameter(folder):
    edit(folder, lambda d: d["stages"][-1].update(keepExpertsPerLayer=5))


def no_such_stage(folder):
    edit(folder, lambda d: d["stages"][0].update(type="expert-prune-twice"))


def weights_of_another_recipe(folder):
    flip_tensor(folder, "model.layers.2.mlp.gate.weight", 5)
    attest(folder)


def other_model_hash(folder):
    edit(folder, lambda d: d["results"]["integrity"].update(modelHash="sha256:" + "0" * 64))


def other_file_hash(folder):
    edit(folder, lambda d: d["results"]["integrity"]["fileHashes"][0].update(sha256="0" * 64))


def hash_that_is_none(folder):
    edit(folder, lambda d: d["results"]["integrity"].update(modelHash="sha256:soon"))


def selection_outside(folder):
    edit(folder, lambda d: d["stages"][0].update(selectionFile="../../etc/passwd"))


def selection_that_is_none(folder):
    path = folder / "selection" / "stage-0-experts.json"
    path.write_text("[" * 100_000)
    edit(folder, lambda d: d["stages"][0].update(selectionSha256=reforged.sha256(path)))


def truncated_base(folder):
    path = folder / "base" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    edit(folder, lambda d: d["results"]["execution"].pop("base"))


FAULTS = {
    other_base_weights: "base-differs",
    other_selection: "recipe-file-differs",
    other_selection_with_its_digest: "reforge-differs",
    other_parameter: None,
    no_such_stage: "recipe-impossible",
    weights_of_another_recipe: "reforge-differs",
    other_model_hash: "reforge-differs",
    other_file_hash: "reforge-differs",
    hash_that_is_none: "malformed-hash",
    selection_outside: "recipe-impossible",
    selection_that_is_none: "recipe-impossible",
    truncated_base: "recipe-impossible",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_planted_faults_go_red(experts, fault):
    fault(experts)
    outcome = redo(experts)
    assert outcome.verdict is Verdict.REFUTED, outcome.reason
    main = outcome.findings[0]
    assert main.pointer == "/results/integrity/modelHash"
    assert FAULTS[fault] in (None, main.code), outcome.reason


def test_a_difference_is_told_by_file_tensor_and_byte(experts):
    weights_of_another_recipe(experts)
    outcome = redo(experts)
    file, tensor = (
        next(f for f in outcome.findings if f.code == c)
        for c in ("reforge-file-differs", "reforge-tensor-differs")
    )
    assert file.pointer == "/results/integrity/fileHashes/0/sha256"
    assert file.message.startswith("model.safetensors comes out differently, first at byte ")
    assert file.claimed == reforged.sha256(experts / "model.safetensors")
    assert tensor.message.startswith(
        "tensor model.layers.2.mlp.gate.weight of model.safetensors differs (first at its byte 5"
    )


def test_another_base_without_a_stated_digest_makes_the_result_differ(dense):
    other_base_weights(dense)
    edit(dense, lambda d: d["results"]["execution"].pop("base"))
    outcome = redo(dense)
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.findings[0].code == "reforge-differs"


def test_another_number_of_files_is_named(dense):
    edit(dense, lambda d: d["stages"][-1].update(shards=2))
    outcome = redo(dense)
    assert outcome.verdict is Verdict.REFUTED
    assert "reforge-file-extra" in codes(outcome)
    assert "0 of 3 files equal" in outcome.reason


def test_a_base_that_only_the_publisher_vouches_for_proves_nothing(experts, tmp_path):
    """A card could bring along as its base whatever gives its weights."""
    (checked,) = verify(experts, tiers=(2,), options=Options(offline=True)).artifacts[0].checked
    assert checked.outcome.verdict is Verdict.NOT_CHECKED
    assert "nothing here shows that this is owner/tiny-base" in checked.outcome.reason
    own = shutil.copytree(experts / "base", tmp_path / "own")
    options = Options(offline=True, base=own)
    (checked,) = verify(experts, tiers=(2,), options=options).artifacts[0].checked
    assert checked.outcome.verdict is Verdict.VERIFIED


def test_a_published_configuration_that_does_not_follow_is_a_warning(experts):
    path = experts / "config.json"
    config = json.loads(path.read_text())
    assert config["num_experts"] == 6
    path.write_text(json.dumps({**config, "num_experts": 8}))
    outcome = redo(experts)
    (finding,) = outcome.findings
    assert outcome.verdict is Verdict.VERIFIED
    assert (finding.code, finding.severity) == ("reforge-side-file-differs", Severity.WARNING)
    assert finding.message.startswith("config.json")


# where the base model comes from


def without_base(folder):
    return (folder / "base").rename(folder.parent / "b")


def test_without_the_base_it_says_how_to_get_it_and_how_large_it_is(experts):
    without_base(experts)
    edit(experts, lambda d: d["source"].update(totalParamsB=30.5, revision="a" * 40))
    outcome = redo(experts)
    assert outcome.verdict is Verdict.NOT_CHECKED
    command = f"hf download owner/tiny-base --revision {'a' * 40} --local-dir FOLDER"
    assert command in outcome.reason
    assert "about 61.0 GB at 16 bits a parameter" in outcome.reason
    assert "0.3 GB of memory" in outcome.reason


def test_the_users_folder_serves_as_base(experts):
    base = without_base(experts)
    assert redo(experts, base=base).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("stated", ["weightsSha256", "sourceFileHashes", "execution"])
def test_a_folder_with_another_model_decides_nothing(experts, stated):
    base = without_base(experts)
    digest = reforged.sha256(base / "model.safetensors")
    value = digest if stated == "weightsSha256" else [{"filename": "model.safetensors", "sha256": digest}]
    if stated != "execution":
        edit(experts, lambda d: d["results"]["execution"].pop("base"))
        edit(experts, lambda d: d["source"].update({stated: value}))
    assert redo(experts, base=base).verdict is Verdict.VERIFIED
    flip_tensor(base, "model.layers.1.self_attn.v_proj.weight", 7)
    outcome = redo(experts, base=base)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "is not the recipe's" in outcome.reason


def test_other_bytes_from_an_unpinned_base_are_the_publishers_to_mend(experts):
    base = without_base(experts)
    edit(experts, lambda d: d["results"]["execution"].pop("base"))
    assert redo(experts, base=base).verdict is Verdict.VERIFIED
    flip_tensor(base, "model.layers.1.self_attn.v_proj.weight", 7)
    outcome = redo(experts, base=base)
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert codes(outcome) == {"base-not-pinned"}


@pytest.mark.parametrize("complete", [True, False])
def test_a_snapshot_in_the_hubs_cache_is_used_if_it_is_complete(experts, complete):
    base = without_base(experts)
    hub = Path(os.environ["HF_HOME"]) / "hub" / "models--owner--tiny-base"
    snapshot = hub / "snapshots" / ("c" * 40)
    for folder in (snapshot, hub / "refs", hub / "blobs"):
        folder.mkdir(parents=True)
    (hub / "refs" / "main").write_text("c" * 40)
    for path in base.iterdir():
        blob = shutil.copyfile(path, hub / "blobs" / reforged.sha256(path))
        if complete or path.suffix != ".safetensors":
            (snapshot / path.name).symlink_to(Path("../../blobs") / blob.name)
    outcome = redo(experts)
    assert outcome.verdict is (Verdict.VERIFIED if complete else Verdict.NOT_CHECKED), outcome.reason


def test_a_base_behind_a_link_out_of_the_artifact_is_not_read(experts):
    base = without_base(experts)
    (experts / "base").mkdir()
    for path in base.iterdir():
        (experts / "base" / path.name).symlink_to(path)
    assert redo(experts).verdict is Verdict.NOT_CHECKED


def test_nothing_is_left_behind_and_nothing_is_changed(experts, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = making.contents(experts)
    assert redo(experts).verdict is Verdict.VERIFIED
    other_parameter(experts)
    redo(experts)
    assert not list(scratch.iterdir())
    edit(experts, lambda d: d["stages"][-1].update(keepExpertsPerLayer=6))
    after = making.contents(experts)
    assert {k: v for k, v in after.items() if "alloy" not in k} == {
        k: v for k, v in before.items() if "alloy" not in k
    }


# the command line


def run(capsys, *argv):
    code = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_verify_tier_2_and_strict(capsys, experts):
    base = without_base(experts)
    assert run(capsys, "verify", experts, "--tier", "2", "--strict", "--offline")[0] == 3
    assert run(capsys, "verify", experts, "--tier", "2", "--strict", "--offline", "--base", base)[0] == 0
    weights_of_another_recipe(experts)
    code, out, _ = run(capsys, "verify", experts, "--tier", "1,2,3", "--offline", "--base", base)
    assert code == 1
    assert "card-reforge" in out or "tiny-reforge" in out


def test_the_default_tiers_do_not_redo_anything(capsys, experts):
    other_selection(experts)
    _, out, _ = run(capsys, "verify", experts, "--offline", "--json", "-", "-q")
    assert "reforge" not in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--tier", "1", "--base", "."), "expected exactly one TARGET and tier 2"),
        (("--tier", "2", "--base", "nowhere"), "expected a folder with a model"),
    ],
)
def test_base_is_refused_where_it_makes_no_sense(capsys, experts, argv, said):
    code, _, err = run(capsys, "verify", experts, *argv)
    assert code == 2
    assert said in err


def test_flip_changes_one_bit(tmp_path):
    (tmp_path / "x").write_bytes(b"\x00\x00")
    flip(tmp_path / "x", 1)
    assert (tmp_path / "x").read_bytes() == b"\x00\x01"


def test_a_pinned_artifact_is_redone_from_pinned_files_alone(capsys, experts, tmp_path, monkeypatch):
    root = tmp_path / "catalog"
    (root / "reference").mkdir(parents=True)
    monkeypatch.setenv("ALLOY_CATALOG", str(root))
    made = tmp_path / "elsewhere" / "tiny-moe"
    made.parent.mkdir()
    experts.rename(made)
    assert run(capsys, "pin", made, "--catalog", "reference", "--offline")[0] == 0
    (lock,) = (root / "reference").glob("*.lock.json")
    files = {f["path"]: f["role"] for f in json.loads(lock.read_text())["files"]}
    assert files["base/model.safetensors"] == files["base/config.json"] == "base"
    made.rename(tmp_path / "gone")
    name = lock.name.removesuffix(".lock.json")
    code, out, _ = run(capsys, "verify", name, "--tier", "2", "--offline", "-v")
    assert (code, "VERIFIED" in out) == (0, True), out
    for blob in (Path(os.environ["ALLOY_CACHE"]) / "sha256").rglob("*"):
        if blob.name == reforged.sha256(tmp_path / "gone" / "base" / "model.safetensors"):
            blob.chmod(0o600)
            flip(blob, blob.stat().st_size // 2)
    code, out, _ = run(capsys, "verify", name, "--tier", "2", "--offline", "-v", "--strict")
    assert (code, "NOT_CHECKED" in out) == (3, True), out
