"""The guard: planted changes to towers, special tokens and keys are each caught by name. No torch."""

import json
import random
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forge.families import guard, registry
from forge.tensors.model import open_model
from forge.tensors.safetensors import Tensor
from tests.unit.forge.dense import models
from verifier.errors import DocumentError, GuardError, UsageError

CONFIG = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"],
    "image_token_id": 5,
    "video_token_id": 6,
    "vision_start_token_id": 3,
    "text_config": {"num_hidden_layers": 1, "hidden_size": 4},
    "vision_config": {"depth": 1, "window": [1, 2], "ratio": 1},
}
SHAPES = {
    "lm_head.weight": (8, 4),
    "model.embed_tokens.weight": (8, 4),
    "model.layers.0.self_attn.q_proj.weight": (4, 4),
    "visual.blocks.0.attn.qkv.weight": (6, 2),
    "visual.merger.mlp.0.weight": (4, 4),
}


def _tensors():
    chance = random.Random(0)
    return [
        Tensor(name=n, dtype="BF16", shape=s, data=chance.randbytes(2 * s[0] * s[1]))
        for n, s in SHAPES.items()
    ]


def _watch(tmp_path, family="qwen2_5_vl", tensors=None, config=None):
    folder = models.bare(tmp_path / "model", tensors or _tensors(), config or CONFIG)
    return guard.build(registry.get(family), open_model(folder)), folder


def _flip(folder, name, byte):
    ref = open_model(folder).tensors[name]
    with ref.path.open("r+b") as file:
        file.seek(ref.offset + byte)
        old = file.read(1)[0]
        file.seek(ref.offset + byte)
        file.write(bytes([old ^ 1]))


def _caught(watch, folder) -> str:
    with pytest.raises(GuardError) as caught:
        guard.verify(watch, open_model(folder))
    assert caught.value.culprit in str(caught.value) or "[" in caught.value.culprit
    assert "expected it untouched" in str(caught.value)
    return caught.value.culprit


def test_an_untouched_model_passes_and_what_was_guarded_is_counted(tmp_path):
    watch, folder = _watch(tmp_path)
    guard.verify(watch, open_model(folder))
    summary = watch.summary()
    assert (summary["tensors"], summary["tokenRows"], summary["bytes"]) == (2, 6, 24 + 32 + 6 * 8)
    assert summary["configKeys"] == sorted(
        ("image_token_id", "video_token_id", "vision_config", "vision_start_token_id")
    )


@pytest.mark.parametrize("name", [n for n in SHAPES if n.startswith("visual.")])
@pytest.mark.parametrize("byte", [0, -1])
def test_a_changed_vision_tensor_is_caught_by_name(tmp_path, name, byte):
    watch, folder = _watch(tmp_path)
    _flip(folder, name, byte % open_model(folder).tensors[name].size)
    assert _caught(watch, folder) == name


def test_a_tensor_of_the_language_model_may_change(tmp_path):
    watch, folder = _watch(tmp_path)
    _flip(folder, "model.layers.0.self_attn.q_proj.weight", 3)
    guard.verify(watch, open_model(folder))


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
@pytest.mark.parametrize("token", [3, 5, 6])
def test_a_changed_row_of_a_special_token_is_caught_by_name(tmp_path, name, token):
    watch, folder = _watch(tmp_path)
    _flip(folder, name, token * 8 + 7)
    assert _caught(watch, folder) == f"{name}[{token}]"


@given(token=st.integers(0, 7), byte=st.integers(0, 7))
@settings(deadline=None, max_examples=30)
def test_exactly_the_rows_of_special_tokens_are_guarded(tmp_path_factory, token, byte):
    watch, folder = _watch(tmp_path_factory.mktemp("rows"))
    _flip(folder, "model.embed_tokens.weight", token * 8 + byte)
    if token in (3, 5, 6):
        assert _caught(watch, folder) == f"model.embed_tokens.weight[{token}]"
    else:
        guard.verify(watch, open_model(folder))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"image_token_id": 4}, "image_token_id"),
        ({"image_token_id": 5.0}, "image_token_id"),
        ({"image_token_id": None}, "image_token_id"),
        ({"vision_end_token_id": 4}, "vision_end_token_id"),
        ({"vision_config": {**CONFIG["vision_config"], "depth": 2}}, "vision_config"),
        ({"vision_config": {**CONFIG["vision_config"], "window": [1, 3]}}, "vision_config"),
        ({"vision_config": {**CONFIG["vision_config"], "ratio": True}}, "vision_config"),
        ({"vision_config": {**CONFIG["vision_config"], "more": None}}, "vision_config"),
        ({"vision_config": None}, "vision_config"),
    ],
)
def test_a_changed_configuration_key_is_caught_by_name(tmp_path, change, key):
    watch, folder = _watch(tmp_path)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **change}))
    assert _caught(watch, folder) == key


def test_a_removed_configuration_key_is_caught_by_name(tmp_path):
    watch, folder = _watch(tmp_path)
    (folder / "config.json").write_text(
        json.dumps({k: v for k, v in CONFIG.items() if k != "video_token_id"})
    )
    assert _caught(watch, folder) == "video_token_id"


def test_order_of_keys_and_other_keys_may_change(tmp_path):
    watch, folder = _watch(tmp_path)
    turned = dict(
        reversed({**CONFIG, "vision_config": dict(reversed(CONFIG["vision_config"].items()))}.items())
    )
    turned["text_config"] = {"num_hidden_layers": 2}
    (folder / "config.json").write_text(json.dumps(turned))
    guard.verify(watch, open_model(folder))


def _changed(tensors, of, **changes):
    return [replace(t, **changes) if t.name == of else t for t in tensors]


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (lambda t: t[:-1], "visual.merger.mlp.0.weight"),
        (
            lambda t: [*t, replace(t[3], name="visual.blocks.1.attn.qkv.weight")],
            "visual.blocks.1.attn.qkv.weight",
        ),
        (lambda t: _changed(t, "visual.merger.mlp.0.weight", shape=(2, 8)), "visual.merger.mlp.0.weight"),
        (lambda t: _changed(t, "visual.merger.mlp.0.weight", dtype="F16"), "visual.merger.mlp.0.weight"),
        (lambda t: _changed(t, "lm_head.weight", name="head.weight"), "lm_head.weight[3]"),
        (lambda t: _changed(t, "lm_head.weight", shape=(5, 4), data=t[0].data[:40]), "lm_head.weight[5]"),
    ],
    ids=["removed", "added", "reshaped", "another dtype", "a renamed head", "rows cut off"],
)
def test_tensors_that_come_go_or_change_their_form_are_caught(tmp_path, change, culprit):
    watch, folder = _watch(tmp_path)
    shutil.rmtree(folder)
    models.bare(folder, change(_tensors()), CONFIG)
    assert _caught(watch, folder) == culprit


def test_rows_appended_to_the_embedding_are_no_violation(tmp_path):
    watch, folder = _watch(tmp_path)
    shutil.rmtree(folder)
    tensors = _tensors()
    models.bare(
        folder,
        _changed(tensors, "model.embed_tokens.weight", shape=(9, 4), data=tensors[1].data + bytes(8)),
        CONFIG,
    )
    guard.verify(watch, open_model(folder))


def test_a_language_only_family_has_nothing_to_guard(tmp_path):
    watch, folder = _watch(tmp_path, family="qwen2")
    assert watch.size == 0 and not watch.tensors and not watch.rows
    _flip(folder, "visual.merger.mlp.0.weight", 0)
    guard.verify(watch, open_model(folder))


@pytest.mark.parametrize("value", ["5", -1, True, 1.5, [5, "6"]])
def test_a_token_id_that_is_none_is_refused(tmp_path, value):
    with pytest.raises(DocumentError, match="image_token_id: expected a token id"):
        _watch(tmp_path, config={**CONFIG, "image_token_id": value})


def test_special_tokens_without_an_embedding_of_a_known_name_are_refused(tmp_path):
    tensors = [t for t in _tensors() if not t.name.endswith(("embed_tokens.weight", "lm_head.weight"))]
    with pytest.raises(DocumentError, match="expected an embedding"):
        _watch(tmp_path, tensors=tensors)


def test_tokens_beyond_the_embedding_have_no_row_and_are_said_so(tmp_path):
    watch, folder = _watch(tmp_path, config={**CONFIG, "image_token_id": 99})
    assert watch.without_row == (99,) and watch.summary()["tokensWithoutRow"] == [99]
    (folder / "config.json").write_text(json.dumps({**CONFIG, "image_token_id": 98}))
    assert _caught(watch, folder) == "image_token_id"


MODULES = (
    "model.language_model.layers.0.self_attn.q_proj",
    "model.language_model.layers.0.mlp.down_proj",
    "model.visual.blocks.0.attn.proj",
    "model.visual.blocks.0.mlp.down_proj",
    "model.visual.blocks.0.attn.q_proj",
)


def test_targets_of_an_adapter_leave_the_tower_out():
    family = registry.get("qwen2_5_vl")
    assert guard.allowed_targets(family, MODULES, ["down_proj", "q_proj"]) == MODULES[:2]
    assert guard.allowed_targets(family, MODULES, [MODULES[1]]) == MODULES[1:2]
    assert guard.allowed_targets(registry.get("qwen2"), MODULES, ["down_proj"]) == (MODULES[1], MODULES[3])


def test_a_target_that_only_the_tower_has_is_a_violation():
    with pytest.raises(GuardError, match="only guarded ones") as caught:
        guard.allowed_targets(registry.get("qwen2_5_vl"), MODULES, ["q_proj", "attn.proj"])
    assert caught.value.culprit == "model.visual.blocks.0.attn.proj"


def test_a_target_that_nothing_has_is_a_usage_error():
    with pytest.raises(UsageError, match="'proj_q'"):
        guard.allowed_targets(registry.get("qwen2_5_vl"), MODULES, ["proj_q"])
    with pytest.raises(UsageError, match="'proj'"):  # the end of a name means whole parts of it
        guard.allowed_targets(registry.get("qwen2"), MODULES[:2], ["proj"])
