"""context-extend against transformers in every family: the rotary embedding it builds is the scaled one."""

import json

import pytest

from forge.families import registry
from forge.families.language import language_config
from tests.unit.forge.engine.making import YARN, document, executed, run

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
transformers = pytest.importorskip("transformers", reason="needs the extra [forge]")

from tests.unit.forge import tiny_models  # noqa: E402

YARN_FAMILIES = sorted(
    a for a in (*tiny_models.TEXT, *tiny_models.VISION) if a not in ("phimoe", "deepseek_v2", "deepseek_v3")
)
TARGET = 1024


def extend(folder, architecture, stage, out="out", **checked):
    path = folder / "recipe.alloy.json"
    path.write_text(json.dumps(document(stage, architecture=architecture)))
    return run(path, folder / out, load_check=True, **checked)


def config(folder):
    return json.loads((folder / "config.json").read_text())


def rotary(folder):
    """Rotary modules of the language model that transformers builds from a folder's configuration alone."""
    loaded = transformers.AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        auto = transformers.AutoModelForCausalLM
        if type(loaded) not in auto._model_mapping:
            auto = transformers.AutoModelForImageTextToText
        model = auto.from_config(loaded)
    return [m for n, m in model.named_modules() if n.endswith("rotary_emb") and "visual" not in n]


@pytest.mark.parametrize("architecture", YARN_FAMILIES)
def test_rotary_embedding_is_yarn(tmp_path, architecture):
    base = tiny_models.save(tmp_path / "base", architecture)
    adapter = registry.get(architecture)
    before = language_config(adapter, config(base))
    if before["rope_parameters"]["rope_type"] == "yarn":  # gpt-oss is scaled when it is born
        assert before["rope_parameters"]["original_max_position_embeddings"]
    result = extend(tmp_path, architecture, {**YARN, "targetLength": TARGET})
    check = executed(result)["stages"][0]["executed"]["loadCheck"]
    assert check["result"] == "passed"
    after = language_config(adapter, config(result.out))
    original = before["rope_parameters"].get("original_max_position_embeddings", 256)
    assert after["rope_parameters"]["factor"] == TARGET / original
    assert after["max_position_embeddings"] == TARGET
    found = rotary(result.out)
    assert found and all(m.rope_type == "yarn" for m in found)
    for key in ("rope_theta", "mrope_section", "partial_rotary_factor"):
        assert after["rope_parameters"].get(key) == before["rope_parameters"].get(key)


@pytest.mark.parametrize("architecture", ["deepseek_v2", "deepseek_v3"])
def test_latent_attention_keeps_its_own_settings(tmp_path, architecture):
    tiny_models.save(tmp_path / "base", architecture)
    own = {"rope_type": "yarn", "factor": 4.0, "mscale": 0.707, "mscale_all_dim": 0.707, "beta_fast": 16}
    body = {**config(tmp_path / "base"), "max_position_embeddings": 256}
    theta = body["rope_parameters"]["rope_theta"]
    body["rope_parameters"] = {**own, "rope_theta": theta, "original_max_position_embeddings": 64}
    (tmp_path / "base" / "config.json").write_text(json.dumps(body))
    result = extend(tmp_path, architecture, {**YARN, "targetLength": TARGET})
    after = config(result.out)["rope_parameters"]
    assert after == {**body["rope_parameters"], "factor": 16.0}


def test_longrope_takes_its_factors_from_the_recipe(tmp_path):
    tiny_models.save(tmp_path / "base", "phimoe")
    factors = {"longFactor": [1.5, 2.0, 3.0, 4.0], "shortFactor": [1.0, 1.0, 1.0, 1.25]}
    scales = {"longMscale": 1.25, "shortMscale": 1.0}
    stage = {"type": "context-extend", "targetLength": TARGET, "method": "longrope", **scales}
    result = extend(tmp_path, "phimoe", {**stage, **factors})
    after = config(result.out)["rope_parameters"]
    assert after["long_factor"] == factors["longFactor"] and after["short_factor"] == factors["shortFactor"]
    assert (after["long_mscale"], after["short_mscale"]) == (1.25, 1.0)
    assert after["original_max_position_embeddings"] == 256
    refused = ({}, {**factors, "longFactor": [1.0]}, {**factors, "shortFactor": [0, 1, 1, 1]})
    for i, wrong in enumerate(refused):
        with pytest.raises(Exception, match="4 numbers above 0"):
            extend(tmp_path, "phimoe", {**stage, **wrong}, out=f"refused-{i}")
