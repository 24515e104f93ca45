"""What the engine made of the bases, worked out again from bytes, without its layouts and cuts."""

import json

import pytest

from tests.unit.forge.reference.making import NAMES, base_weights, built, weights

PADDED, CUT, MOE = "reference-llama-pruned", "reference-llama-defragged", "reference-qwen3-moe-compacted"
WIDTH = 48 * 2
"""Bytes of a row of the tiny Llama's projections."""

ROWS = {"q": 2 * 8, "k": 8, "v": 8}
"""Rows of a key-value group, by projection: two query heads of 8, one key and one value head."""


def removed(name=PADDED):
    return json.loads(built()[name].files["selection/stage-0-heads.json"])["removed"]


def test_padding_blanks_the_selected_heads_and_nothing_else():
    base, found = base_weights(PADDED), weights(PADDED)
    assert base.keys() == found.keys()
    assert {layer: len(groups) for layer, groups in removed().items()} == {"0": 1, "1": 1}
    for name, (shape, data) in found.items():
        expected = bytearray(base[name][1])
        for layer, (group,) in removed().items():
            prefix = f"model.layers.{layer}.self_attn"
            for p, rows in ROWS.items():
                if name == f"{prefix}.{p}_proj.weight":
                    start, end = group * rows * WIDTH, (group + 1) * rows * WIDTH
                    assert any(expected[start:end])
                    expected[start:end] = bytes(end - start)
            if name == f"{prefix}.o_proj.weight":
                for row in range(shape[0]):
                    at = (row * shape[1] + group * 16) * 2
                    expected[at : at + 32] = bytes(32)
        assert data == bytes(expected), name


def test_what_was_blanked_can_be_cut_out():
    padded, cut = weights(PADDED), weights(CUT)
    assert padded.keys() == cut.keys()
    for layer in range(2):
        prefix = f"model.layers.{layer}.self_attn"
        assert cut[f"{prefix}.q_proj.weight"][0] == [48, 48]
        assert cut[f"{prefix}.o_proj.weight"][0] == [48, 48]
        for projection in ROWS:
            (rows, columns), data = padded[f"{prefix}.{projection}_proj.weight"]
            alive = [data[r * columns * 2 : (r + 1) * columns * 2] for r in range(rows)]
            assert cut[f"{prefix}.{projection}_proj.weight"][1] == b"".join(r for r in alive if any(r))
    config = json.loads(built()[CUT].files["config.json"])
    assert (config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]) == (6, 3, 8)


def test_experts_are_dropped_renumbered_and_the_router_is_cut_to_match():
    base, found = base_weights(MOE), weights(MOE)
    selection = json.loads(built()[MOE].files["selection/stage-1-experts.json"])["layers"]
    assert len({tuple(kept) for kept in selection.values()}) > 1
    for layer, kept in selection.items():
        assert len(kept) == 6
        prefix = f"model.layers.{layer}.mlp"
        for new, old in enumerate(kept):
            for p in ("gate", "up", "down"):
                at = f"{prefix}.experts.{{}}.{p}_proj.weight"
                assert found[at.format(new)][1] == base[at.format(old)][1]
        router = base[f"{prefix}.gate.weight"][1]
        rows = b"".join(router[e * 64 : (e + 1) * 64] for e in kept)
        assert found[f"{prefix}.gate.weight"] == ([6, 32], rows)
        assert f"{prefix}.experts.6.gate_proj.weight" not in found
    untouched = {name for name in base if ".mlp." not in name}
    assert {name: found[name] for name in untouched} == {name: base[name] for name in untouched}


@pytest.mark.parametrize("name", NAMES)
def test_something_was_taken_out(name):
    assert weights(name) != base_weights(name)


@pytest.mark.parametrize("tower", ["thinker.visual.", "thinker.audio_tower.", "talker.", "token2wav."])
def test_the_omni_models_other_parts_stay_as_they_are(tower):
    base, found = (f("reference-qwen2-5-omni-pruned") for f in (base_weights, weights))
    parts = [n for n in base if n.startswith(tower)]
    assert parts
    assert [found[n] for n in parts] == [base[n] for n in parts]
