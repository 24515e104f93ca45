"""The prune stage as the engine calls it: modes, records, replay, what it refuses. No torch."""

import hashlib
import json
import random
from dataclasses import replace

import pytest

from forge.families import attention, registry
from forge.stages import prune
from forge.stages.base import Determinism
from forge.stages.heads import located, survey
from forge.tensors.model import open_model
from forge.tensors.safetensors import Tensor
from tests.unit.forge.dense import models
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError

GEOMETRY = {
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 2,
    "hidden_size": 16,
}


def _tensors(prefix="model.", layers=(0, 1, 2), *, width=2, dtype="BF16"):
    chance, size = random.Random(0), {"BF16": 2, "F32": 4}[dtype]
    shapes = {"q": (8 * width, 16), "k": (8, 16), "v": (8, 16), "o": (16, 16)}
    made = [(f"{prefix}layers.{n}.self_attn.{p}_proj.weight", s) for n in layers for p, s in shapes.items()]
    made.append((f"{prefix}embed_tokens.weight", (5, 16)))
    return [
        Tensor(
            name=n, dtype=dtype, shape=s, data=bytes(chance.randrange(64) for _ in range(s[0] * s[1] * size))
        )
        for n, s in made
    ]


@pytest.fixture
def base(tmp_path):
    folder = models.bare(tmp_path / "base", _tensors(), GEOMETRY)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def _stage(base, tmp_path, name="work", **parameters):
    given = {"strategy": "magnitude", "level": 0.25, **parameters}
    return models.context("qwen2", base, tmp_path / name, **given)


def _weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_pad_writes_a_complete_folder_and_says_what_it_did(base, tmp_path):
    stage = _stage(base, tmp_path)
    result = prune.pad(stage)
    assert {p.name for p in stage.out.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert len(_weights(stage.out)) == len(_weights(base)) and _weights(stage.out) != _weights(base)
    selection = (stage.artifact / result.fields["selectionFile"]).read_bytes()
    assert result.fields["selectionSha256"] == hashlib.sha256(selection).hexdigest()
    assert result.files == (result.fields["selectionFile"],)
    removed = json.loads(selection)["removed"]
    assert sum(map(len, removed.values())) == result.record["removedGroups"] == 3
    assert result.record["queryNames"] == "model.layers.{L}.self_attn.q_proj.weight"
    assert result.determinism is Determinism.BYTES


def test_mask_records_the_same_selection_and_writes_no_model(base, tmp_path):
    masked, padded = prune.mask(_stage(base, tmp_path, "a")), prune.pad(_stage(base, tmp_path, "b"))
    assert masked.model is None and not (tmp_path / "a" / "out").exists()
    assert masked.fields == padded.fields and masked.record["weightsChanged"] is False


def test_a_recorded_selection_gives_the_same_bytes_again(base, tmp_path):
    first = _stage(base, tmp_path, "a")
    fields = prune.pad(first).fields
    again = replace(_stage(base, tmp_path, "b", strategy="entropy", **fields), recipe=first.artifact)
    result = prune.pad(again)
    assert _weights(again.out) == _weights(first.out)
    assert result.record["selection"] == "replayed" and result.determinism is Determinism.BYTES
    assert result.fields == fields


def test_a_recorded_selection_needs_no_level(base, tmp_path):
    stage = _stage(base, tmp_path, level=None, selectionFile="selection.json")
    stage = replace(stage, parameters={"selectionFile": "selection.json"})
    models.record_selection(stage, {0: [1], 2: [3]})
    result = prune.pad(stage)
    assert result.record["removedGroupsPerLayer"] == {"0": 1, "2": 1}
    with pytest.raises(UsageError, match="level"):
        prune.pad(replace(stage, parameters={"strategy": "magnitude"}))


def test_digests_taken_while_writing_are_those_of_the_files(base, tmp_path):
    for body in (prune.pad, prune.cut):
        stage = _stage(base, tmp_path, body.__name__)
        found = {w.filename: w.sha256 for w in body(stage).written}
        assert found == {"model.safetensors": hashlib.sha256(_weights(stage.out)).hexdigest()}


def test_a_replay_gives_bytes_that_todays_loaders_refuse(tmp_path):
    base = models.bare(tmp_path / "base", _tensors(), GEOMETRY)
    stage = models.context(
        "llama", base, tmp_path, strategy="magnitude", level=0.25, selectionFile="selection.json"
    )
    models.record_selection(stage, {0: [1], 1: [1], 2: [3]})
    with pytest.raises(UsageError, match="found 6"):
        prune.cut(stage)
    assert prune.cut(replace(stage, replay=True)).record["removedGroups"] == 3


def test_what_an_interrupted_run_left_in_the_artifact_is_no_recorded_selection(base, tmp_path):
    stage = _stage(base, tmp_path, selectionFile="selection/heads.json")
    first = prune.pad(stage)
    second = prune.pad(replace(stage, out=tmp_path / "second"))
    assert second.record == first.record and second.record["selection"] == "computed"


def test_a_replay_without_its_selection_says_so(base, tmp_path):
    stage = replace(_stage(base, tmp_path, selectionFile="selection/heads.json"), replay=True)
    with pytest.raises(EvidenceMissingError, match=r"selection/heads\.json"):
        prune.pad(stage)


def test_another_selection_than_the_stated_one_is_refused(base, tmp_path):
    for parameters in ({"selectionFile": "selection.json"}, {}):
        stage = _stage(base, tmp_path, selectionSha256="0" * 64, **parameters)
        models.record_selection(stage, {0: [1]})
        with pytest.raises(EvidenceMismatchError, match="expected the selection"):
            prune.pad(stage)
        assert not stage.out.exists()


@pytest.mark.parametrize("path", ["../selection.json", "/tmp/selection.json"])
def test_a_selection_outside_of_the_artifact_is_refused(base, tmp_path, path):
    with pytest.raises(AlloyError):
        prune.pad(_stage(base, tmp_path, selectionFile=path))


def test_level_zero_changes_nothing_and_needs_no_corpus(base, tmp_path):
    result = prune.pad(_stage(base, tmp_path, strategy="entropy", level=0.0))
    assert result.model is None and result.record["removedGroups"] == 0
    assert result.determinism is Determinism.BYTES


@pytest.mark.parametrize("strategy", ["entropy", "activation-magnitude", "gradient"])
def test_a_strategy_that_looks_at_activations_needs_a_corpus(base, tmp_path, strategy):
    with pytest.raises(UsageError, match="calibrationCorpusFile"):
        prune.pad(_stage(base, tmp_path, strategy=strategy))
    with pytest.raises(EvidenceMissingError, match=r"calibration/none\.jsonl"):
        prune.pad(_stage(base, tmp_path, strategy=strategy, calibrationCorpusFile="calibration/none.jsonl"))


def test_slice_takes_as_many_from_every_layer_and_the_configuration_follows(base, tmp_path):
    stage = _stage(base, tmp_path)
    result = prune.cut(stage)
    assert result.record["removedGroupsPerLayer"] == {"0": 1, "1": 1, "2": 1}
    config = json.loads((stage.out / "config.json").read_text())
    assert config == {**GEOMETRY, "num_attention_heads": 6, "num_key_value_heads": 3}
    assert open_model(stage.out).tensors["model.layers.1.self_attn.o_proj.weight"].shape == (16, 12)


def test_slice_makes_an_implied_head_size_explicit(tmp_path):
    config = {k: v for k, v in GEOMETRY.items() if k != "head_dim"}
    base = models.bare(tmp_path / "base", _tensors(), config)
    stage = _stage(base, tmp_path)
    prune.cut(stage)
    assert json.loads((stage.out / "config.json").read_text())["head_dim"] == 2


def test_slice_refuses_layers_that_would_differ(base, tmp_path):
    stage = _stage(base, tmp_path, selectionFile="selection.json")
    models.record_selection(stage, {0: [1], 1: [1]})
    with pytest.raises(UsageError, match="same number of groups"):
        prune.cut(stage)


def test_slice_refuses_a_model_with_a_draft_head_of_the_same_counts(tmp_path):
    config = {"text_config": {**GEOMETRY, "num_hidden_layers": 1, "layer_types": ["full_attention"]}}
    tensors = _tensors("model.language_model.", (0,), width=4)
    draft = Tensor(name="mtp.layers.0.self_attn.q_proj.weight", dtype="BF16", shape=(1,), data=b"\0\0")
    stage = models.context(
        "qwen3_5",
        models.bare(tmp_path / "a", tensors, config),
        tmp_path / "w",
        strategy="magnitude",
        level=0.25,
    )
    assert prune.cut(stage).record["removedGroups"] == 1
    stage = replace(stage, model=models.bare(tmp_path / "b", [*tensors, draft], config))
    with pytest.raises(UsageError, match=r"mtp\.layers\.0"):
        prune.cut(stage)


def test_compact_is_refused_with_what_to_use_instead(base, tmp_path):
    with pytest.raises(UsageError, match="neither") as caught:
        prune.compact(_stage(base, tmp_path, deadThreshold=0.1))
    assert "prune stage" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 16}, "expected shape"),
        ({"num_key_value_heads": 3}, "equal groups"),
        ({"num_key_value_heads": 2}, "expected shape"),
        ({"num_hidden_layers": 4}, r"layers\.3.*no such tensor"),
        ({"num_hidden_layers": 10**9}, "at most"),
        ({"head_dim": 0}, "head_dim"),
        ({"num_attention_heads": True}, "num_attention_heads"),
        ({"num_attention_heads": None}, "num_attention_heads"),
    ],
)
def test_a_configuration_that_the_tensors_contradict_is_refused(tmp_path, change, message):
    base = models.bare(tmp_path / "base", _tensors(), {**GEOMETRY, **change})
    with pytest.raises(DocumentError, match=message):
        survey(registry.get("qwen2"), open_model(base))


def test_families_without_an_attention_layout_are_refused(base, tmp_path):
    stage = _stage(base, tmp_path)
    with pytest.raises(UsageError, match="attention layout"):
        prune.pad(replace(stage, adapter=replace(stage.adapter, attention=None)))


PLACES = {
    # as transformers 5 writes names, as publishers' files carry them, and as releases between wrote them
    "qwen2_5_vl": [("model.", "visual."), ("model.language_model.", "model.visual.")],
    "qwen3_vl": [("model.language_model.", "model.visual.")],
    "qwen3_5": [("model.language_model.", "model.visual."), ("model.", None)],
    "qwen2_5_omni": [("thinker.model.", "thinker.visual."), ("model.", "visual.")],
}


@pytest.mark.parametrize(
    ("family", "language", "tower"), [(f, *place) for f, places in PLACES.items() for place in places]
)
def test_the_place_is_decided_by_the_names_in_the_file(family, language, tower):
    adapter = registry.get(family)
    names = dict.fromkeys([f"{language}layers.3.self_attn.q_proj.weight", f"{language}norm.weight", "a", "b"])
    found = located(adapter.attention, names)
    assert found.query.startswith(f"{language}layers.")
    assert not found.query.startswith(adapter.guarded)
    if tower:
        assert f"{tower}blocks.0.attn.qkv.weight".startswith(adapter.guarded)


def test_names_of_no_place_and_of_two_places_are_refused():
    one, other = (
        "model.layers.0.self_attn.q_proj.weight",
        "model.language_model.layers.0.self_attn.q_proj.weight",
    )
    with pytest.raises(DocumentError, match="found none"):
        located(attention.QWEN2_5_VL, {"visual.blocks.0.attn.qkv.weight": 0})
    with pytest.raises(DocumentError, match="found both"):
        located(attention.QWEN2_5_VL, {one: 0, other: 0})


@pytest.mark.parametrize("kinds", [None, ["full_attention"], "full_attention", 7])
def test_a_hybrid_family_says_which_layers_have_heads(tmp_path, kinds):
    text = {**GEOMETRY, "layer_types": kinds}
    base = models.bare(
        tmp_path / "base", _tensors("model.language_model.", (2,), width=4), {"text_config": text}
    )
    with pytest.raises(DocumentError, match="layer_types"):
        survey(registry.get("qwen3_5"), open_model(base))


def test_a_hybrid_family_may_say_it_by_an_interval(tmp_path):
    text = {**GEOMETRY, "full_attention_interval": 3}
    base = models.bare(
        tmp_path / "base", _tensors("model.language_model.", (2,), width=4), {"text_config": text}
    )
    assert survey(registry.get("qwen3_5"), open_model(base)).layers == (2,)
