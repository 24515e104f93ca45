"""Head pruning of every dense family against transformers: blanked equals masked, cut equals blanked."""

import json
import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.families import guard, registry  # noqa: E402
from forge.stages import prune  # noqa: E402
from forge.stages.heads import survey  # noqa: E402
from forge.tensors.model import open_model  # noqa: E402
from tests.unit.forge.dense import models, oracle  # noqa: E402
from verifier.errors import UsageError  # noqa: E402

CASES = tuple(models.CASES)
CUTTABLE = tuple(c for c in CASES if c != "qwen2_5_vl")


@pytest.fixture(scope="module", params=CASES)
def saved(request, tmp_path_factory):
    return request.param, models.save(request.param, tmp_path_factory.mktemp("base"))


def _random(case: str, base: Path, seed: int, *, even: int | None = None) -> dict[int, list[int]]:
    chance = random.Random(f"{case}/{seed}")
    heads = survey(registry.get(models.CASES[case][0]), open_model(base))
    counts = {layer: even or chance.randrange(heads.groups) for layer in heads.layers}
    counts[heads.layers[-1]] = counts[heads.layers[-1]] or 1
    return {layer: sorted(chance.sample(range(heads.groups), n)) for layer, n in counts.items()}


def _pruned(case, base, work, removed, body=prune.pad):
    stage = models.context(case, base, work, strategy="magnitude", level=0.25, selectionFile="selection.json")
    models.record_selection(stage, removed)
    result = body(stage)
    assert result.model == stage.out
    return result


def _check_bytes(case, pruned, base, removed):
    heads = survey(registry.get(models.CASES[case][0]), open_model(base))
    oracle.same_bytes_but_for_the_removed(
        pruned, base, removed, groups=heads.groups, size=heads.size, gated=case.startswith("qwen3_5")
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_blanked_heads_compute_what_masked_heads_do(saved, tmp_path, seed):
    case, base = saved
    removed = _random(case, base, seed)
    result = _pruned(case, base, tmp_path, removed)
    oracle.same_logits(result.model, base, removed)
    _check_bytes(case, result.model, base, removed)
    assert (result.model / "config.json").read_bytes() == (base / "config.json").read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_blanking_works_in_bf16_and_over_several_files(case, tmp_path):
    base = models.save(case, tmp_path / "base", dtype="bfloat16", shard="30KB")
    assert len(list(base.glob("*.safetensors"))) > 2
    removed = _random(case, base, 3)
    result = _pruned(case, base, tmp_path, removed)
    oracle.same_logits(result.model, base, removed)
    _check_bytes(case, result.model, base, removed)


@pytest.mark.parametrize("case", CUTTABLE)
def test_cut_heads_compute_what_blanked_heads_do_and_the_configuration_follows(case, tmp_path):
    base = models.save(case, tmp_path / "base")
    gone = 2 if case == "llama" else 1  # Llama's loader wants heads that divide the hidden size
    removed = _random(case, base, 4, even=gone)
    padded = _pruned(case, base, tmp_path / "pad", removed).model
    cut = _pruned(case, base, tmp_path / "cut", removed, prune.cut).model
    torch.testing.assert_close(oracle.logits(cut), oracle.logits(padded), atol=1e-5, rtol=0)
    before, after = (survey(registry.get(models.CASES[case][0]), open_model(p)) for p in (base, cut))
    assert (after.heads, after.groups, after.size) == (
        before.heads - 2 * gone,
        before.groups - gone,
        before.size,
    )
    size = sum(p.stat().st_size for p in cut.glob("*.safetensors"))
    assert size < sum(p.stat().st_size for p in base.glob("*.safetensors"))


def test_guarded_towers_survive_blanking_and_cutting(saved, tmp_path):
    case, base = saved
    adapter = registry.get(models.CASES[case][0])
    watch = guard.build(adapter, open_model(base))
    assert bool(watch.tensors) == bool(adapter.guarded) or case == "qwen3_5-text"
    guard.verify(watch, open_model(_pruned(case, base, tmp_path / "pad", _random(case, base, 5)).model))
    if case in CUTTABLE:
        removed = _random(case, base, 6, even=2)
        guard.verify(watch, open_model(_pruned(case, base, tmp_path / "cut", removed, prune.cut).model))


@pytest.mark.parametrize("case", ["qwen3_5", "qwen3_5-text"])
def test_linear_attention_layers_keep_every_byte(case, tmp_path):
    base = models.save(case, tmp_path / "base")
    removed = _random(case, base, 7, even=2)
    assert set(removed) == {1, 3}
    before = oracle.tensors(base)
    linear = [n for n in before if ".layers.0." in n or ".layers.2." in n or "linear_attn" in n]
    assert any("linear_attn" in n for n in linear)
    for body in (prune.pad, prune.cut):
        after = oracle.tensors(_pruned(case, base, tmp_path / body.__name__, removed, body).model)
        for name in linear:
            assert torch.equal(before[name], after[name]), name


def test_query_and_key_norms_keep_every_byte(tmp_path):
    base = models.save("qwen3", tmp_path / "base")
    removed = _random("qwen3", base, 8, even=2)
    before = oracle.tensors(base)
    for body in (prune.pad, prune.cut):
        after = oracle.tensors(_pruned("qwen3", base, tmp_path / body.__name__, removed, body).model)
        norms = [n for n in before if n.endswith(("q_norm.weight", "k_norm.weight"))]
        assert len(norms) == 2 * models.LAYERS
        assert all(torch.equal(before[n], after[n]) for n in norms)


def test_a_flat_configuration_as_published_is_read_and_loads(tmp_path):
    base = models.save("qwen2_5_vl", tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    text = config.pop("text_config")
    flat = {**{k: v for k, v in text.items() if k not in ("model_type", "architectures")}, **config}
    (base / "config.json").write_text(json.dumps(flat))
    removed = _random("qwen2_5_vl", base, 9)
    result = _pruned("qwen2_5_vl", base, tmp_path, removed)
    assert result.record["configAt"] == ["/"]
    oracle.same_logits(result.model, base, removed)


def test_a_number_of_heads_that_the_loader_refuses_is_refused_before_anything_is_written(tmp_path):
    base = models.save("llama", tmp_path / "base")
    stage = models.context("llama", base, tmp_path, strategy="magnitude", level=0.25)
    with pytest.raises(UsageError, match=r"divides the hidden size \(32\).*found 6"):
        prune.cut(stage)
    assert not stage.out.exists()


def test_a_family_whose_loaders_fix_the_head_size_is_blanked_and_never_cut(tmp_path):
    base = models.save("qwen2_5_vl", tmp_path / "base")
    stage = models.context("qwen2_5_vl", base, tmp_path, strategy="magnitude", level=0.25)
    with pytest.raises(UsageError, match="head size"):
        prune.cut(stage)
    assert not stage.out.exists()
