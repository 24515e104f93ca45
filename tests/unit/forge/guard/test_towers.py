"""Towers and tokens of the real families, as transformers names them on disk and in memory."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge import loading  # noqa: E402
from forge.families import guard, registry  # noqa: E402
from forge.stages import modality  # noqa: E402
from forge.tensors.model import open_model  # noqa: E402
from tests.unit.forge.dense import models  # noqa: E402
from verifier.errors import DocumentError, UsageError  # noqa: E402

CASES = ("qwen2_5_vl", "qwen3_vl", "qwen3_5", "qwen2_5_omni", "qwen2_5_omni-thinker")
LANGUAGE = ("layers.", "embed_tokens.", "norm.", "lm_head.")


@pytest.fixture(scope="module", params=CASES)
def saved(request, tmp_path_factory):
    case = request.param
    return case, registry.get(models.CASES[case][0]), models.save(case, tmp_path_factory.mktemp("base"))


def _of_the_language_model(name: str) -> bool:
    rest = name.removeprefix("thinker.").removeprefix("model.").removeprefix("language_model.")
    return rest.startswith(LANGUAGE)


def test_every_tensor_belongs_to_the_language_model_or_is_guarded_and_none_is_both(saved):
    case, adapter, base = saved
    names = open_model(base).tensors
    guarded = {n for n in names if n.startswith(adapter.guarded)}
    assert guarded == {n for n in names if not _of_the_language_model(n)}
    words = ("talker", "token2wav", "visual", "audio_tower") if case == "qwen2_5_omni" else ("visual",)
    assert all(any(word in n for n in guarded) for word in words)


def test_special_tokens_and_tower_configurations_are_found(saved):
    _, adapter, base = saved
    watch = guard.build(adapter, open_model(base))
    assert len(watch.rows) >= 6 and not watch.without_row
    assert {t for _, t in watch.rows} >= {60, 61, 62}
    assert any(key.endswith("vision_config") for key in watch.config)


def test_default_targets_of_an_adapter_lie_in_the_language_model_alone(saved):
    _, adapter, base = saved
    model = loading.load_model(base)
    linear = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)]
    chosen = guard.allowed_targets(adapter, linear, (*adapter.lora_targets, "down_proj"))
    assert chosen and all("language_model.layers." in name for name in chosen)
    assert any(n.endswith(("_proj", ".proj", ".qkv")) and "visual" in n for n in linear)


def _stage(case, base, tmp_path, **parameters):
    given = {"modality": "vision", "encoderModel": "some/base"}
    return models.context(case, base, tmp_path, **{**given, **parameters})


def test_the_modality_check_says_what_it_found_and_changes_nothing(saved, tmp_path):
    case, _, base = saved
    result = modality.run(_stage(case, base, tmp_path))
    assert result.model is None
    assert result.record["width"] == models.HIDDEN and result.record["tensors"] > 5
    assert result.record["attached"] is result.record["trained"] is False
    assert result == modality.run(_stage(case, base, tmp_path / "again"))


def test_the_audio_tower_is_checked_where_there_is_one(tmp_path):
    base = models.save("qwen2_5_omni", tmp_path / "base")
    result = modality.run(_stage("qwen2_5_omni", base, tmp_path, modality="audio"))
    assert set(result.record["tokens"]) == {
        f"thinker_config.{k}" for k in ("audio_token_index", "audio_start_token_id", "audio_end_token_id")
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"modality": "audio"}, "found none, and attaching"),
        ({"modality": "smell"}, "one of vision, audio"),
        ({"encoderModel": "openai/clip-vit-large-patch14"}, "attaching it is not something"),
        ({"trainingSteps": 5000}, "projectors are not trained here"),
    ],
)
def test_what_would_be_attached_or_trained_is_refused(tmp_path, parameters, message):
    base = models.save("qwen3_5", tmp_path / "base")
    with pytest.raises(UsageError, match=message):
        modality.run(_stage("qwen3_5", base, tmp_path, **parameters))


def test_a_language_only_checkpoint_has_no_tower_to_check(tmp_path):
    base = models.save("qwen3_5-text", tmp_path / "base")
    with pytest.raises(UsageError, match="expected a model with its tower"):
        modality.run(_stage("qwen3_5-text", base, tmp_path))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("vision_config", "out_hidden_size"), 31, "as wide as the language model"),
        (("image_token_id",), 61, "tokens that differ"),
        (("image_token_id",), 64, "within the embedding"),
        (("vision_config",), None, "the tower's configuration"),
    ],
)
def test_a_tower_that_does_not_fit_is_refused(tmp_path, path, value, message):
    base = models.save("qwen3_vl", tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(DocumentError, match=message):
        modality.run(_stage("qwen3_vl", base, tmp_path))


def test_a_changed_tower_changes_the_recorded_digest(tmp_path):
    base = models.save("qwen3_vl", tmp_path / "base")
    other = models.save("qwen3_vl", tmp_path / "other", seed=1)
    stage = _stage("qwen3_vl", base, tmp_path)
    first, second = modality.run(stage), modality.run(replace(stage, model=other))
    assert first.record["guardedSha256"] != second.record["guardedSha256"]
