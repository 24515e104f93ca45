"""The reference catalog is what its generator makes, and its numbers are what the judge measures."""

import gzip
import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from forge.families import dispatch, registry
from forge.reference import runs, store
from forge.reference.__main__ import main
from forge.reference.artifacts import specs
from forge.reference.bench.files import PROBLEMS, dataset
from forge.reference.card import Run
from forge.stages import parameters
from tests.unit.forge.reference.making import NAMES, alloy, built, weights
from verifier.errors import EvidenceMissingError
from verifier.evidence.hashing import model_hash
from verifier.runners import registry as runners
from verifier.runners.model import ScoreOptions

ROOT = Path(__file__).resolve().parents[2]
CATALOG, SEED = ROOT / "catalog", ROOT / "_cache" / "reference"
ON_DEVICE = [spec.name for spec in specs(on_device=True)]
RUNS = {name: run for name, run in vars(runs).items() if isinstance(run, Run)}
HOW = "make it again: python -m forge.reference"


def kept():
    """The artifacts that are not made anew each time, as the catalog has them."""
    return [store.load(name, CATALOG, SEED) for name in ON_DEVICE]


def test_what_is_committed_is_what_the_generator_makes(tmp_path):
    locks = store.write_catalog([*built().values(), *kept()], tmp_path / "catalog", tmp_path / "seed")
    for lock in locks:
        committed = CATALOG / "reference" / lock.name
        assert committed.read_text(encoding="utf-8") == lock.read_text(encoding="utf-8"), HOW
    made = {p.name: p.read_bytes() for p in (tmp_path / "seed").glob("sha256/*/*")}
    assert {p.name: p.read_bytes() for p in SEED.glob("sha256/*/*")} == made, HOW
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in made.items())
    assert {p.name for p in (CATALOG / "reference").glob("*.lock.json")} == {p.name for p in locks}
    assert {p.stem for p in (CATALOG / "reference" / "verdicts").glob("*.json")} == {*NAMES, *ON_DEVICE}


def test_every_family_has_an_artifact_that_is_the_same_on_every_machine():
    assert {alloy(name)["source"]["architecture"] for name in NAMES} == set(registry.names())
    for name in NAMES:
        assert alloy(name)["results"]["execution"]["determinism"] == "bytes"
        assert "torch" not in json.dumps(alloy(name)["results"]["execution"]["environment"])


def test_every_stage_that_can_be_redone_occurs_and_each_of_its_variants():
    found = {m.method for name in NAMES for m in dispatch.resolve(alloy(name))}
    assert found >= {
        "configure_source",
        "prune_heads_pad",
        "prune_heads_slice",
        "prune_full_attention_heads_pad",
        "prune_thinker_heads_pad",
        "profile_router_activations",
        "profile_grouped_router_activations",
        "prune_experts_unfused",
        "prune_experts_block_sparse",
        "prune_experts_fused",
        "prune_routed_experts",
        "extend_context_rope",
        "extend_context_yarn_mla",
        "extend_context_longrope",
        "train_vision_projector",
        "train_audio_projector",
        "evaluate_benchmarks",
        "package_safetensors",
        "package_safetensors_sharded",
        "package_safetensors_defragged",
        "publish_repository",
        "deploy_to_target",
        "deliver_result",
    }


def test_writing_again_keeps_reasons_and_drops_what_is_no_longer_made(tmp_path):
    catalog, seed, artifact = tmp_path / "catalog", tmp_path / "seed", built()["reference-olmoe-compacted"]
    (lock,) = store.write_catalog([artifact], catalog, seed)
    entry = json.loads(lock.read_text(encoding="utf-8"))
    lock.write_text(json.dumps({**entry, "reasons": ["because"]}), encoding="utf-8")
    stale = seed / "sha256" / "00" / ("0" * 64)
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_bytes(b"old")
    other = lock.with_name("reference-other.lock.json")
    other.write_text("{}")
    store.write_catalog([artifact], catalog, seed)
    assert json.loads(lock.read_text(encoding="utf-8"))["reasons"] == ["because"]
    assert not stale.exists()
    assert not other.exists()
    assert store.load(artifact.name, catalog, seed) == artifact


def test_an_artifact_that_the_cache_lost_or_changed_is_missed_by_name(tmp_path):
    catalog, seed, artifact = tmp_path / "catalog", tmp_path / "seed", built()["reference-olmoe-compacted"]
    with pytest.raises(EvidenceMissingError, match="found none") as caught:
        store.load(artifact.name, catalog, seed)
    assert "--device-class" in caught.value.remedy
    store.write_catalog([artifact], catalog, seed)
    digest = hashlib.sha256(artifact.files["config.json"]).hexdigest()
    blob = seed / "sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(b"other")
    with pytest.raises(EvidenceMissingError, match=r"config\.json: expected .* found others"):
        store.load(artifact.name, catalog, seed)


def test_the_seed_is_small():
    sizes = [p.stat().st_size for p in SEED.glob("sha256/*/*")]
    assert max(sizes) < 300_000
    assert sum(sizes) < 8_000_000


_WITHOUT_LIBRARIES = """
import sys
for name in ("torch", "transformers", "safetensors", "numpy", "tokenizers", "peft"):
    sys.modules[name] = None
from forge.reference.__main__ import main
sys.exit(main(["--out", sys.argv[1]]))
"""


def test_the_command_line_writes_the_same_folders_without_any_library(tmp_path):
    command = [sys.executable, "-c", _WITHOUT_LIBRARIES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    known = {**built(), **{a.name: a for a in kept()}}
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert [f.name for f in folders] == sorted(known)
    for folder in folders:
        artifact = known[folder.name]
        found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert found == {artifact.alloy_path: artifact.alloy, **artifact.files}


def test_the_command_line_says_where_a_catalog_was_expected(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALLOY_CATALOG", str(tmp_path))
    assert main([]) == 2
    assert "catalog: expected" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_stages_resolve_and_parameters_are_possible(name):
    document = alloy(name)
    assert len(dispatch.resolve(document)) == len(document["stages"])
    for i, stage in enumerate(document["stages"]):
        assert parameters.check(stage, i, document["source"]) == ()


@pytest.mark.parametrize("name", NAMES)
def test_parameter_counts_are_counted(name):
    total = sum(math.prod(shape) for shape, _ in weights(name).values())
    assert alloy(name)["results"]["forgedParamsB"] == total / 1e9


@pytest.mark.parametrize("name", NAMES)
def test_the_model_hash_is_that_of_the_verifier(name):
    integrity = alloy(name)["results"]["integrity"]
    assert integrity["modelHash"] == model_hash(integrity["fileHashes"])


def test_the_derived_artifact_names_its_parents_bytes():
    document, parent = alloy("reference-llama-defragged"), built()["reference-llama-pruned"]
    digest = "sha256:" + hashlib.sha256(parent.alloy).hexdigest()
    assert (
        document["derivedFrom"]["alloyHash"] == document["results"]["integrity"]["parentAlloyHash"] == digest
    )
    assert document["derivedFrom"]["repo"].endswith("/" + parent.name)


def test_the_data_set_is_the_pinned_one_and_any_gzip_reads_it():
    data = dataset()
    pin = runners.get("alloybench").dataset
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (pin.sha256, pin.size)
    assert runners.get("alloybench+").dataset == pin
    lines = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    assert [p["task_id"] for p in lines] == [f"AlloyBench/{i}" for i in range(16)]


@pytest.fixture(scope="session")
def scored(tmp_path_factory):
    """Scores of every run by both benchmarks: run name -> benchmark -> result."""
    runner = runners.get("alloybench")
    if reason := runner.unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("alloybench")
    data = folder / runner.dataset.filename
    data.write_bytes(dataset())
    found = {}
    for name, run in RUNS.items():
        path = folder / f"{name}.jsonl"
        path.write_bytes(run.data())
        found[name] = {
            benchmark: runners.get(benchmark).score(
                path, ScoreOptions(dataset=data, jobs=2, cache_dir=folder / "cache", unsafe_no_sandbox=False)
            )
            for benchmark in run.passed
        }
    return found


@pytest.mark.parametrize("name", RUNS)
def test_recorded_scores_are_what_the_judge_measures(name, scored):
    run = RUNS[name]
    for benchmark, result in scored[name].items():
        assert (result.passed, result.total) == (run.passed[benchmark], len(PROBLEMS)), benchmark
        wrong = {
            f"AlloyBench/{i}" for i, q in run.faults.items() if q == "wrong" or benchmark.endswith("plus")
        }
        assert {t for t, r in result.tasks.items() if r.confirmed is not True} == wrong
