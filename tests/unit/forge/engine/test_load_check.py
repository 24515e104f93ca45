"""The load check: what stock transformers loads passes, and each planted fault is caught by name."""

import json

import pytest

from forge import loadcheck
from forge.loadcheck import LoadCheckError
from forge.tensors.safetensors import Tensor, serialise
from tests.unit.forge.engine.making import (
    HEADS,
    dense_base,
    dense_tensors,
    executed,
    moe_base,
    recipe,
    run,
    tensor,
)

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")


@pytest.fixture
def base(tmp_path):
    return dense_base(tmp_path / "base")


def changed(folder, change):
    """A copy of the base whose tensors ``change`` has been applied to."""
    dense_base(folder)
    found = change({t.name: t for t in dense_tensors()})
    (folder / "model.safetensors").write_bytes(serialise(found.values(), {"format": "pt"}))
    return folder


def check(model, base):
    return loadcheck.check(model, device="cpu", reference=base, what="stage 0")


@pytest.mark.parametrize("make", [dense_base, moe_base])
def test_sound_model_passes(tmp_path, make):
    base = make(tmp_path / "base")
    found = check(base, base)
    assert found["result"] == "passed" and found["dtype"] == "bfloat16"
    assert found["logits"] == [1, loadcheck.TOKENS, 128]


def test_missing_tensor_is_not_made_up_at_random(tmp_path, base):
    name = "model.layers.1.self_attn.o_proj.weight"
    model = changed(tmp_path / "m", lambda t: {k: v for k, v in t.items() if k != name})
    with pytest.raises(LoadCheckError, match="o_proj"):
        check(model, base)


def test_left_over_tensor_is_found(tmp_path, base):
    name = "model.layers.7.self_attn.o_proj.weight"
    model = changed(tmp_path / "m", lambda t: {**t, name: tensor(name, (32, 32))})
    with pytest.raises(LoadCheckError, match=r"layers\.7\.self_attn"):
        check(model, base)


def test_tensor_that_the_base_has_too_may_be_left_over(tmp_path):
    name = "model.layers.7.self_attn.o_proj.weight"
    model = changed(tmp_path / "m", lambda t: {**t, name: tensor(name, (32, 32))})
    assert check(model, model)["result"] == "passed"


def test_wrong_shape_is_found(tmp_path, base):
    name = "model.layers.0.self_attn.k_proj.weight"
    model = changed(tmp_path / "m", lambda t: {**t, name: tensor(name, (8, 32))})
    with pytest.raises(LoadCheckError, match=r"shapes that the configuration gives.*k_proj"):
        check(model, base)


@pytest.mark.parametrize("word", [b"\xc0\x7f", b"\x80\x7f"], ids=["nan", "infinity"])
def test_numbers_that_are_none_are_found(tmp_path, base, word):
    name = "model.layers.0.mlp.gate_proj.weight"

    def poison(found):
        old = found[name]
        new = Tensor(name=name, dtype=old.dtype, shape=old.shape, data=word + old.data[2:])
        return {**found, name: new}

    with pytest.raises(LoadCheckError, match="finite logits"):
        check(changed(tmp_path / "m", poison), base)


@pytest.mark.parametrize(
    "changes", [{"num_attention_heads": 7}, {"model_type": "no-such-type"}, {"hidden_act": "no-such-act"}]
)
def test_configuration_that_does_not_fit_is_found(tmp_path, base, changes):
    model = changed(tmp_path / "m", lambda t: t)
    config = {**json.loads((model / "config.json").read_text()), **changes}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(LoadCheckError, match="stage 0: load check"):
        check(model, base)


def test_configuration_cannot_name_any_class(tmp_path, base):
    model = changed(tmp_path / "m", lambda t: t)
    config = json.loads((model / "config.json").read_text())
    config["architectures"] = ["Trainer", "BertModel", "os", 7]
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Evil"}
    (model / "evil.py").write_text("raise SystemExit('this code ran')")
    (model / "config.json").write_text(json.dumps(config))
    assert check(model, base)["class"] == "LlamaForCausalLM"


def test_failing_check_stops_the_forge_and_keeps_no_result(tmp_path, monkeypatch):
    from forge.stages import prune

    real = prune.pad

    def ruin(context):
        result = real(context)
        config = json.loads((context.out / "config.json").read_text())
        (context.out / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
        return result

    monkeypatch.setattr(prune, "pad", ruin)
    path = recipe(tmp_path, HEADS, {"type": "deliver"})
    with pytest.raises(LoadCheckError, match=r"stage 0 \(prune_heads_pad\).*layers\.2"):
        run(path, tmp_path / "out", load_check=None)
    assert not (tmp_path / "out" / "tiny.alloy.json").exists()


def test_replay_rests_on_bytes_instead(tmp_path):
    result = run(recipe(tmp_path, HEADS), tmp_path / "out", load_check=None, replay=True)
    assert "in a replay the bytes" in executed(result)["stages"][0]["executed"]["loadCheck"]


def test_model_larger_than_memory_is_not_loaded(tmp_path, base, monkeypatch):
    from forge import memory

    monkeypatch.setattr(memory, "available", lambda device: 1000)
    result = run(recipe(tmp_path, HEADS), tmp_path / "out", load_check=None)
    assert executed(result)["stages"][0]["executed"]["loadCheck"].startswith("not run: needs")
