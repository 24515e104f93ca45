"""The reference catalog is what its generator makes, and its numbers are what the judge measures."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from forge.families import dispatch
from forge.reference import artifacts, experts, heads, models, runs, store
from forge.reference.__main__ import main
from forge.reference.bench.files import PROBLEMS, dataset
from forge.stages import parameters
from verifier.evidence.hashing import model_hash
from verifier.runners import registry

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT / "_cache" / "reference"
BUILT = {a.name: a for a in artifacts.build()}
RUNS = {name: run for name, run in vars(runs).items() if name.isupper() and not name.startswith("_")}
HOW = "make it again: python -m forge.reference"


def alloy(name):
    return json.loads(BUILT[name].alloy)


def tensors(data):
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    body = data[8 + size :]
    return {n: (h["shape"], body[slice(*h["data_offsets"])]) for n, h in header.items()}


def all_tensors(name):
    found = {}
    for path, role in BUILT[name].roles.items():
        if role == "weights":
            found.update(tensors(BUILT[name].files[path]))
    return found


def test_what_is_committed_is_what_the_generator_makes(tmp_path):
    catalog = tmp_path / "catalog"
    locks = store.write_catalog(BUILT.values(), catalog, tmp_path / "seed")
    for lock in locks:
        committed = ROOT / "catalog" / "reference" / lock.name
        assert committed.read_text(encoding="utf-8") == lock.read_text(encoding="utf-8"), HOW
    made = {p.name: p.read_bytes() for p in (tmp_path / "seed").glob("sha256/*/*")}
    assert {p.name: p.read_bytes() for p in SEED.glob("sha256/*/*")} == made, HOW
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in made.items())
    assert {p.name for p in (ROOT / "catalog" / "reference").glob("*.lock.json")} == {p.name for p in locks}


def test_writing_again_keeps_reasons_and_drops_what_is_no_longer_made(tmp_path):
    catalog, seed = tmp_path / "catalog", tmp_path / "seed"
    (lock,) = store.write_catalog([BUILT[artifacts.MOE_NAME]], catalog, seed)
    entry = json.loads(lock.read_text(encoding="utf-8"))
    lock.write_text(json.dumps({**entry, "reasons": ["because"]}), encoding="utf-8")
    stale = seed / "sha256" / "00" / ("0" * 64)
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_bytes(b"old")
    store.write_catalog([BUILT[artifacts.MOE_NAME]], catalog, seed)
    assert json.loads(lock.read_text(encoding="utf-8"))["reasons"] == ["because"]
    assert not stale.exists()


def test_the_seed_is_small():
    sizes = [p.stat().st_size for p in SEED.glob("sha256/*/*")]
    assert max(sizes) < 200_000
    assert sum(sizes) < 1_500_000


def test_the_command_line_writes_folders(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 0
    for line in capsys.readouterr().out.splitlines():
        folder = Path(line)
        built = BUILT[folder.name]
        found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert found == {built.alloy_path: built.alloy, **built.files}


def test_the_command_line_says_where_a_catalog_was_expected(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ALLOY_CATALOG", str(tmp_path))
    assert main([]) == 2
    assert "catalog: expected" in capsys.readouterr().err


@pytest.mark.parametrize("name", BUILT)
def test_stages_resolve_and_parameters_are_possible(name):
    document = alloy(name)
    assert len(dispatch.resolve(document)) == len(document["stages"])
    for i, stage in enumerate(document["stages"]):
        assert parameters.check(stage, i, document["source"]) == ()


@pytest.mark.parametrize("name", BUILT)
def test_parameter_counts_are_counted(name):
    total = sum(len(data) // (4 if "norm" in n else 2) for n, (_, data) in all_tensors(name).items())
    assert alloy(name)["results"]["forgedParamsB"] == round(total / 1e9, 6)


@pytest.mark.parametrize("name", BUILT)
def test_the_model_hash_is_that_of_the_verifier(name):
    integrity = alloy(name)["results"]["integrity"]
    assert integrity["modelHash"] == model_hash(integrity["fileHashes"])


def test_padding_blanks_the_selected_heads_and_nothing_else():
    g = models.DENSE
    base = {t.name: t.data for t in models.dense_model(g)}
    removed = heads.by_magnitude(g, 1)
    span, width = g.heads // g.kv_heads * g.head_dim, g.hidden * 2
    for name, (_, data) in all_tensors(artifacts.DENSE_NAME).items():
        if "q_proj" not in name:
            assert data == base[name] or any(p in name for p in ("k_proj", "v_proj", "o_proj"))
            continue
        (group,) = removed[int(name.split(".")[2])]
        start, end = group * span * width, (group + 1) * span * width
        assert data == base[name][:start] + bytes(end - start) + base[name][end:]
        assert any(base[name][start:end])


def test_slicing_removes_exactly_what_padding_blanked():
    g = models.DENSE
    padded, cut = all_tensors(artifacts.DENSE_NAME), all_tensors(artifacts.DERIVED_NAME)
    assert padded.keys() == cut.keys()
    for layer in range(g.layers):
        prefix = f"model.layers.{layer}.self_attn"
        assert cut[f"{prefix}.q_proj.weight"][0] == [24, 32]
        assert cut[f"{prefix}.o_proj.weight"][0] == [32, 24]
        for projection in ("q", "k", "v"):
            (rows, columns), data = padded[f"{prefix}.{projection}_proj.weight"]
            step = columns * 2
            alive = [data[r * step : (r + 1) * step] for r in range(rows)]
            assert cut[f"{prefix}.{projection}_proj.weight"][1] == b"".join(r for r in alive if any(r))


def test_experts_are_dropped_renumbered_and_the_router_is_cut_to_match():
    g = models.MOE
    base = {t.name: t.data for t in models.moe_model(g)}
    selection = json.loads(BUILT[artifacts.MOE_NAME].files["selection/experts.json"])["kept"]
    found = all_tensors(artifacts.MOE_NAME)
    for layer, kept in selection.items():
        prefix = f"model.layers.{layer}.mlp"
        for new, old in enumerate(kept):
            for p in ("gate", "up", "down"):
                at = f"{prefix}.experts.{{}}.{p}_proj.weight"
                assert found[at.format(new)][1] == base[at.format(old)]
        router, step = base[f"{prefix}.gate.weight"], g.hidden * 2
        rows = b"".join(router[e * step : (e + 1) * step] for e in kept)
        assert found[f"{prefix}.gate.weight"] == ([len(kept), g.hidden], rows)
        assert f"{prefix}.experts.{len(kept)}.gate_proj.weight" not in found
    stage = alloy(artifacts.MOE_NAME)["stages"][1]
    per_layer = sum(".experts." in n for n in found)
    assert stage["expertsRenamed"] == per_layer
    assert stage["expertsDropped"] == sum(".experts." in n for n in base) - per_layer


def test_calibration_decides_which_experts_stay():
    from forge.reference import corpora

    code = experts.most_used(experts.profile(models.MOE, corpora.as_text(corpora.CODE)), 6)
    prose = experts.most_used(experts.profile(models.MOE, corpora.as_text(corpora.PROSE)), 6)
    assert code != prose


def test_the_derived_artifact_names_its_parents_bytes():
    document, parent = alloy(artifacts.DERIVED_NAME), BUILT[artifacts.DENSE_NAME]
    digest = "sha256:" + hashlib.sha256(parent.alloy).hexdigest()
    assert (
        document["derivedFrom"]["alloyHash"] == document["results"]["integrity"]["parentAlloyHash"] == digest
    )
    assert document["derivedFrom"]["repo"].endswith("/" + parent.name)


def test_the_data_set_is_the_pinned_one_and_any_gzip_reads_it():
    data = dataset()
    pin = registry.get("alloybench").dataset
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (pin.sha256, pin.size)
    assert registry.get("alloybench+").dataset == pin
    lines = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    assert [p["task_id"] for p in lines] == [f"AlloyBench/{i}" for i in range(16)]


@pytest.fixture(scope="session")
def scored(tmp_path_factory):
    """Scores of every run by both benchmarks: run name -> benchmark -> result."""
    runner = registry.get("alloybench")
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
            benchmark: registry.get(benchmark).score(
                path, dataset=data, jobs=2, cache_dir=folder / "cache", unsafe_no_sandbox=False
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
