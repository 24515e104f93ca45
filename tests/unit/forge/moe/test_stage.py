"""The stage: where the selection comes from, what it refuses, what it leaves alone, what it records.

Nothing here needs torch.
"""

import hashlib
import json
import subprocess
import sys

import pytest

from forge.families import registry
from forge.stages import bodies, expert_prune, selection
from forge.stages.base import Determinism, StageContext
from forge.tensors.model import open_model, read
from tests.unit import tiny
from tests.unit.forge.moe import disk
from verifier.engine import verify
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.verdicts import Tier, Verdict

COUNTS = {0: [5, 9, 9, 1, 9, 0], 1: [3, 3, 3, 3, 3, 3]}
BEST = {0: [1, 2, 4], 1: [0, 1, 2]}
"""Three of COUNTS: of equal ones the lower id stays."""


@pytest.fixture
def model(tmp_path):
    return disk.write(tmp_path / "model", disk.unfused(), disk.QWEN3, {"tokenizer.json": "{}"})


@pytest.fixture
def stage(tmp_path, model):
    def run(parameters=None, *, source=model, family="qwen3_moe", recipe=None, out="out", **more):
        for name, data in (recipe or {}).items():
            file = tmp_path / "recipe" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        adapter = registry.get(family)
        context = StageContext(
            index=more.pop("index", 1),
            method=adapter.methods["expert-prune"],
            parameters=parameters or {},
            adapter=adapter,
            source_facts={},
            model=source,
            out=tmp_path / out,
            base=source,
            artifact=tmp_path / "artifact",
            recipe=tmp_path / "recipe",
            **more,
        )
        return expert_prune.run(context)

    return run


def tensors(folder):
    return {name: (ref.dtype, ref.shape, read(ref)) for name, ref in open_model(folder).tensors.items()}


def config(folder):
    return json.loads((folder / "config.json").read_text())


def importance(counts=COUNTS, metric="activation_count"):
    return selection.importance_bytes(metric, counts)


def chosen(result, tmp_path):
    return selection.read_selection(tmp_path / "artifact" / result.fields["selectionFile"])


def test_what_stays_is_moved_and_the_rest_is_as_it_was(stage, model, tmp_path):
    kept = {0: [1, 4, 5], 1: [0, 2, 3]}
    result = stage({"selectionFile": "s.json"}, recipe={"s.json": selection.selection_bytes(kept)})
    before, after = tensors(model), tensors(result.model)
    for layer, ids in kept.items():
        block = f"model.layers.{layer}.mlp"
        for new, old in enumerate(ids):
            for p in ("gate_proj", "up_proj", "down_proj"):
                assert (
                    after.pop(f"{block}.experts.{new}.{p}.weight")
                    == before[f"{block}.experts.{old}.{p}.weight"]
                )
        dtype, shape, data = before[f"{block}.gate.weight"]
        rows = b"".join(data[e * 16 : (e + 1) * 16] for e in ids)
        assert after.pop(f"{block}.gate.weight") == (dtype, (3, *shape[1:]), rows)
    assert after == {n: t for n, t in before.items() if ".mlp." not in n}
    assert config(result.model) == {**disk.QWEN3, "num_experts": 3}
    assert (result.model / "tokenizer.json").read_text() == "{}"


def test_the_record_and_the_fields_count_as_the_alloy_does(stage, tmp_path):
    data = selection.selection_bytes(BEST)
    result = stage({"selectionFile": "kept/s.json"}, recipe={"kept/s.json": data})
    assert result.determinism is Determinism.BYTES
    assert result.files == ("kept/s.json",)
    assert (tmp_path / "artifact/kept/s.json").read_bytes() == data
    assert result.fields == {
        "layout": "unfused-experts",
        "keepExpertsPerLayer": 3,
        "originalExpertsPerLayer": 6,
        "prunePct": 50.0,
        "expertsDropped": 3 * 2 * 3,
        "expertsRenamed": 3 * 2 * 3,
        "routerSlicedLayers": 2,
        "selectionFile": "kept/s.json",
        "selectionSha256": hashlib.sha256(data).hexdigest(),
    }
    assert result.record["configKeys"] == {"/num_experts": {"before": 6, "after": 3}}
    assert result.record["selectedBy"] == {"selection": "kept/s.json"}


def test_the_best_stay_and_of_equal_ones_the_lower_id(stage, tmp_path):
    result = stage({"importanceFile": "i.json", "keepExpertsPerLayer": 3}, recipe={"i.json": importance()})
    assert chosen(result, tmp_path) == BEST
    assert result.fields["selectionFile"] == "selection/stage-1-experts.json"
    assert result.record["selectedBy"]["metric"] == "activation_count"


@pytest.mark.parametrize("keep", [3, [3, 3]])
@pytest.mark.parametrize("name", ["keepExperts", "keepExpertsPerLayer"])
def test_the_number_may_stand_under_both_names_and_as_a_list(name, keep, stage, tmp_path):
    result = stage({"metricSource": "i.json", name: keep}, recipe={"i.json": importance()})
    assert chosen(result, tmp_path) == BEST


def test_the_last_profile_of_the_metric_before_the_stage_counts(stage, tmp_path):
    folder = tmp_path / "artifact/importance"
    folder.mkdir(parents=True)
    turned = {layer: [-c for c in counts] for layer, counts in COUNTS.items()}
    (folder / "stage-0-activation_count.json").write_bytes(importance(turned))
    (folder / "stage-1-activation_count.json").write_bytes(importance())
    (folder / "stage-2-reap.json").write_bytes(importance(turned, "reap"))
    (folder / "stage-7-activation_count.json").write_bytes(importance(turned))
    for i, name in enumerate(("metric", "strategy")):
        metric = {"metric": "activation_count", "strategy": "calibration-aware-activation-count"}[name]
        result = stage({name: metric, "keepExpertsPerLayer": 3}, index=3, out=f"out{i}")
        assert chosen(result, tmp_path) == BEST


def test_replay_takes_the_recorded_selection_and_nothing_else(stage, tmp_path):
    other = selection.selection_bytes({0: [0, 3, 5], 1: [3, 4, 5]})
    parameters = {"selectionFile": "s.json", "importanceFile": "i.json", "keepExpertsPerLayer": 3}
    files = {"s.json": other, "i.json": importance()}
    anew = stage(parameters, recipe=files, out="anew")
    assert chosen(anew, tmp_path) == BEST
    (tmp_path / "artifact/s.json").unlink()
    again = stage(parameters, recipe=files, replay=True)
    assert chosen(again, tmp_path) == {0: [0, 3, 5], 1: [3, 4, 5]}
    assert tensors(again.model) != tensors(anew.model)


def test_the_reference_form_of_a_selection_is_read(stage, tmp_path):
    data = json.dumps(
        {"schema": "alloy-selection/1", "unit": "expert", "kept": {str(k): v for k, v in BEST.items()}}
    ).encode()
    # The published form of metricSource names the selection itself, or is prose.
    for source in ("s.json", "some_script.py against a corpus"):
        result = stage(
            {"selectionFile": "s.json", "metricSource": source}, recipe={"s.json": data}, out=source[:6]
        )
        assert result.fields["selectionSha256"] == hashlib.sha256(data).hexdigest()


def test_the_norm_of_router_rows_needs_no_data(stage, model, tmp_path):
    result = stage({"metric": "router_gate_l2_norm", "keepExpertsPerLayer": 3})
    for layer, ids in chosen(result, tmp_path).items():
        name = f"model.layers.{layer}.mlp.gate.weight"
        data = tensors(model)[name][2]
        import numpy as np

        rows = np.frombuffer(
            b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2)), dtype="<f4"
        ).reshape(6, 8)
        norms = (rows.astype("f8") ** 2).sum(axis=1)
        assert ids == sorted(np.argsort(-norms)[:3].tolist())


def test_a_lot_depends_on_the_seed_alone(stage, tmp_path):
    drawn = [
        chosen(stage({"metric": "random", "keepExpertsPerLayer": 3}, seed=s, out=f"o{i}"), tmp_path)
        for i, s in enumerate((1, 1, 2))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_says_which_experts_stay(stage):
    with pytest.raises(EvidenceMissingError, match="expected a selection, or importances"):
        stage({"metric": "activation_count", "keepExpertsPerLayer": 3})


def test_a_recorded_selection_with_another_digest_is_refused(stage):
    with pytest.raises(EvidenceMismatchError, match="expected the selection with sha256"):
        stage(
            {"selectionFile": "s.json", "selectionSha256": "0" * 64},
            recipe={"s.json": selection.selection_bytes(BEST)},
        )


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({0: [0, 1, 2]}, "found none for layer 1"),
        ({0: [0, 1, 2], 1: [0, 1, 2], 2: [0, 1, 2]}, "found layer 2"),
        ({0: [0, 1, 2], 1: [0, 1]}, "one number of experts in all layers; found 2 to 3"),
        ({0: [0, 1, 6], 1: [0, 1, 2]}, "layer 0: expected ascending ids below 6"),
        ({0: [3], 1: [0]}, "at least the 2 experts that a token uses; found 1"),
    ],
    ids=[
        "a layer missing",
        "a layer too many",
        "unequal counts",
        "no such expert",
        "fewer than a token uses",
    ],
)
def test_a_selection_that_the_model_cannot_have_is_refused(kept, message, stage, tmp_path):
    with pytest.raises(DocumentError, match=message):
        stage({"selectionFile": "s.json"}, recipe={"s.json": selection.selection_bytes(kept)})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "ids", [[2, 1, 0], [0, 0, 1], [-1, 0, 1], [0, 1.5, 2], [True, 2, 3], [], "0,1", ["0"]]
)
def test_a_list_that_is_no_selection_is_refused(ids, stage):
    data = json.dumps({"schema": "alloy-selection/1", "layers": {"0": ids, "1": [0, 1, 2]}}).encode()
    with pytest.raises(DocumentError, match="layer 0"):
        stage({"selectionFile": "s.json"}, recipe={"s.json": data})


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b'{"schema": "alloy-selection/2", "layers": {"0": [1]}}',
        b'{"schema": "alloy-selection/1", "layers": {}}',
        b'{"schema": "alloy-selection/1", "layers": {"00": [1]}}',
        b'{"schema": "alloy-selection/1", "layers": {"0": [1], "0": [2]}}',
        b'{"schema": "alloy-selection/1", "unit": "kv-group", "layers": {"0": [1]}}',
        b'{"schema": "alloy-selection/1", "layers": {"0": [' + b"[" * 500 + b"]" * 500 + b"]}}",
    ],
)
def test_a_file_that_is_no_selection_is_refused(data, stage):
    with pytest.raises(DocumentError):
        stage({"selectionFile": "s.json"}, recipe={"s.json": data})


@pytest.mark.parametrize("value", ['"9"', "null", "true", "NaN", "[1]"])
def test_an_importance_that_is_no_number_is_refused(value, stage):
    data = b'{"schema": "alloy-importance/1", "metric": "m", "layers": {"0": [%s, 1, 2, 3, 4, 5]}}'
    with pytest.raises(DocumentError):
        stage({"importanceFile": "i.json", "keepExperts": 3}, recipe={"i.json": data % value.encode()})


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"keepExpertsPerLayer": 1}, "keepExpertsPerLayer"),
        ({"keepExpertsPerLayer": 7}, "keepExpertsPerLayer"),
        ({"keepExpertsPerLayer": [3, 2]}, "keepExpertsPerLayer"),
        ({"keepExpertsPerLayer": [3, 3, 3]}, "keepExpertsPerLayer"),
        ({"keepExperts": "3"}, "keepExperts"),
        ({"keepExperts": 3, "metric": "reap"}, "metric"),
        ({"keepExperts": 3, "originalExpertsPerLayer": 8}, "originalExpertsPerLayer"),
        ({"keepExperts": 3, "layout": "granite-fused"}, "layout"),
        ({"keepExperts": 3, "selectionFile": "../s.json"}, "selectionFile"),
    ],
)
def test_parameters_that_the_model_contradicts_are_refused(more, pointer, stage, tmp_path):
    with pytest.raises(DocumentError) as caught:
        stage({"importanceFile": "i.json", **more}, recipe={"i.json": importance()})
    assert caught.value.pointer == f"/stages/1/{pointer}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layers", [{0: COUNTS[0]}, {0: COUNTS[0], 1: [1, 2]}], ids=["a layer", "experts"])
def test_importances_that_lack_something_are_refused(layers, stage):
    with pytest.raises(DocumentError, match="layer 1: expected 6 numbers"):
        stage({"importanceFile": "i.json", "keepExperts": 3}, recipe={"i.json": importance(layers)})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_experts": 8}, "expected rows for 8 experts"),
        ({"num_experts": None}, "expected the number of experts under num_experts"),
        ({"num_local_experts": 5}, "expected the number of experts once"),
        ({"num_experts": "6"}, "a positive integer"),
        ({"num_experts_per_tok": None}, "the experts per token"),
    ],
)
def test_a_configuration_that_the_tensors_contradict_is_refused(changed, message, stage, tmp_path):
    source = disk.write(tmp_path / "odd", disk.unfused(), {**disk.QWEN3, **changed})
    with pytest.raises(DocumentError, match=message):
        stage({"selectionFile": "s.json"}, source=source, recipe={"s.json": selection.selection_bytes(BEST)})


def test_every_key_that_states_the_number_follows(stage, tmp_path):
    both = {**disk.QWEN3, "num_local_experts": 6}
    source = disk.write(tmp_path / "both", disk.unfused(), both)
    result = stage(
        {"selectionFile": "s.json"}, source=source, recipe={"s.json": selection.selection_bytes(BEST)}
    )
    assert config(result.model) == {**both, "num_experts": 3, "num_local_experts": 3}


DEEPSEEK = {"num_hidden_layers": 2, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_group": 1}


GROUPED = {**DEEPSEEK, "n_routed_experts": 8, "n_group": 2, "topk_group": 1}


def test_dense_layers_shared_experts_and_layers_beyond_the_last_stay(stage, tmp_path):
    names = disk.unfused(3, dense=(0,), shared=True)
    for layer in (1, 2):
        names[f"model.layers.{layer}.mlp.gate.e_score_correction_bias"] = ("F32", (6,))
    source = disk.write(tmp_path / "deep", names, DEEPSEEK)
    data = selection.selection_bytes({1: [2, 3, 5]})
    result = stage({"selectionFile": "s.json"}, source=source, family="deepseek_v3", recipe={"s.json": data})
    before, after = tensors(source), tensors(result.model)
    for name, tensor in before.items():
        if "layers.1.mlp" not in name or "shared" in name:
            assert after[name] == tensor
    bias = "model.layers.1.mlp.gate.e_score_correction_bias"
    assert after[bias][2] == b"".join(before[bias][2][4 * e : 4 * e + 4] for e in (2, 3, 5))
    assert result.record["layers"] == [1]
    assert result.record["layersWithoutExperts"] == 1
    assert result.record["predictionLayersLeftWhole"] == [2]
    # The alloy's sums run over all layers of the source, so these counts would be read wrongly.
    assert "expertsDropped" not in result.fields
    assert result.record["expertsDropped"] == 9
    assert config(result.model)["n_routed_experts"] == 3


def test_a_layer_beyond_the_last_is_cut_if_the_selection_says_so(stage, tmp_path):
    source = disk.write(tmp_path / "deep", disk.unfused(3, shared=True), DEEPSEEK)
    data = selection.selection_bytes({0: [0, 1], 1: [2, 3], 2: [4, 5]})
    result = stage({"selectionFile": "s.json"}, source=source, family="deepseek_v3", recipe={"s.json": data})
    assert tensors(result.model)["model.layers.2.mlp.gate.weight"][1] == (2, 8)
    assert result.record["predictionLayersLeftWhole"] == []


def test_each_group_of_a_router_keeps_its_own_best(stage, tmp_path):
    source = disk.write(tmp_path / "deep", disk.unfused(2, 8, shared=True), GROUPED)
    counts = {n: [9, 8, 7, 6, 1, 2, 3, 4] for n in (0, 1)}
    more = {"source": source, "family": "deepseek_v3", "recipe": {"i.json": importance(counts)}}
    result = stage({"importanceFile": "i.json", "keepExperts": 4}, **more)
    assert chosen(result, tmp_path) == {0: [0, 1, 6, 7], 1: [0, 1, 6, 7]}
    with pytest.raises(DocumentError, match="divided evenly among 2 groups"):
        stage({"importanceFile": "i.json", "keepExperts": 5}, **more)


@pytest.mark.parametrize(
    ("ids", "message"),
    [([0, 1, 2, 4], r"as many experts from each .* found \[3, 1\]"), ([0, 4], "at least 2 experts in each")],
)
def test_a_selection_that_breaks_the_groups_is_refused(ids, message, stage, tmp_path):
    source = disk.write(tmp_path / "deep", disk.unfused(2, 8, shared=True), GROUPED)
    with pytest.raises(DocumentError, match=message):
        stage(
            {"selectionFile": "s.json"},
            source=source,
            family="deepseek_v3",
            recipe={"s.json": selection.selection_bytes({0: ids, 1: ids})},
        )


@pytest.mark.parametrize(
    "groups",
    [
        {"n_group": 3},
        {"n_group": -2},
        {"n_group": 0},
        {"n_group": "2"},
        {"n_group": True},
        {"topk_group": None},
        {"topk_group": -1},
        {"topk_group": [1]},
    ],
)
def test_groups_that_cannot_be_are_refused(groups, stage, tmp_path):
    source = disk.write(tmp_path / "deep", disk.unfused(2, 8, shared=True), {**GROUPED, **groups})
    with pytest.raises(DocumentError, match="group"):
        stage({"metric": "random", "keepExperts": 4}, source=source, family="deepseek_v3")


def test_scales_of_a_quantised_expert_go_where_it_goes(stage, tmp_path):
    source = disk.write(tmp_path / "fp8", disk.unfused(scales=True), disk.QWEN3)
    kept = {0: [1, 4, 5], 1: [0, 2, 3]}
    result = stage(
        {"selectionFile": "s.json"}, source=source, recipe={"s.json": selection.selection_bytes(kept)}
    )
    before, after = tensors(source), tensors(result.model)
    for new, old in enumerate(kept[0]):
        name = "model.layers.0.mlp.experts.{}.up_proj.weight_scale_inv"
        assert after[name.format(new)] == before[name.format(old)]
    assert not [n for n in after if ".experts.3." in n]
    assert result.record["expertsDropped"] == 2 * 3 * 6
    assert "expertsDropped" not in result.fields  # the alloy counts three tensors per expert


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("model.layers.1.mlp.gate.weight"),
        lambda t: t.pop("model.layers.1.mlp.experts.3.up_proj.weight"),
        lambda t: t.update({"model.layers.1.mlp.experts.6.up_proj.weight": ("BF16", (4, 8))}),
        lambda t: t.update({"model.layers.1.mlp.experts.3.up_proj.qweight": ("BF16", (4, 8))}),
        lambda t: t.update({"model.layers.1.mlp.shared_expert.up_proj.weight": ("BF16", (4, 8))}),
        lambda t: t.update({"model.layers.1.mlp.gate.weight": ("BF16", (5, 8))}),
    ],
    ids=["no router", "no tensor", "an expert too many", "unknown", "another family's", "short router"],
)
def test_a_checkpoint_that_is_odd_is_refused_and_nothing_is_written(change, stage, tmp_path):
    names = disk.unfused()
    change(names)
    source = disk.write(tmp_path / "odd", names, disk.QWEN3)
    with pytest.raises(DocumentError, match=r"model\.layers\.1\.mlp\."):
        stage({"selectionFile": "s.json"}, source=source, recipe={"s.json": selection.selection_bytes(BEST)})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("family", "names", "more", "counted"),
    [
        ("qwen3_moe", disk.unfused(3), {}, True),
        ("deepseek_v3", disk.unfused(3, dense=(0,), shared=True), {"n_routed_experts": 6}, False),
        ("granitemoe", disk.granite(3), {"num_local_experts": 6}, True),
    ],
)
def test_what_the_alloy_says_of_the_stage_passes_tier_1(family, names, more, counted, stage, tmp_path):
    facts = {"num_hidden_layers": 3, "num_experts_per_tok": 2, **(more or {"num_experts": 6})}
    source = disk.write(tmp_path / "source", names, facts)
    parameters = {"metric": "random", "strategy": "random", "keepExpertsPerLayer": 4}
    result = stage(parameters, source=source, family=family)
    document = tiny.document(
        source={
            "baseModel": "example/base",
            "architecture": family,
            "isMoE": True,
            "numLayers": 3,
            "numExpertsPerLayer": 6,
            "numActivatedExperts": 2,
        },
        stages=[{"type": "expert-prune", **parameters, **result.fields}],
    )
    (tmp_path / "alloy").mkdir()
    (tmp_path / "alloy/tiny.alloy.json").write_text(json.dumps(document))
    (artifact,) = verify(tmp_path / "alloy", tiers=(1,)).artifacts
    verdicts = {
        c.claim.id: c.outcome.verdict
        for c in artifact.checked
        if "stage-0" in c.claim.id and c.claim.tier is Tier.RECIPE
    }
    assert set(verdicts.values()) == {Verdict.VERIFIED}
    assert any(name.endswith("prune-pct") for name in verdicts)
    assert counted == any(name.endswith("experts-dropped") for name in verdicts)


@pytest.mark.parametrize("family", [n for n in registry.names() if registry.get(n).is_moe])
def test_every_family_leads_to_this_stage(family):
    assert bodies.get(registry.get(family).methods["expert-prune"]) is expert_prune.run


def test_surgery_needs_neither_torch_nor_numpy():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'numpy', 'transformers')));"
        "import forge.stages.expert_prune, forge.families.inventory"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
