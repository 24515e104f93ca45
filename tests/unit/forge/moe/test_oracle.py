"""Pruned models against transformers itself, for every family."""

import pytest

pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.families import guard
from forge.stages import expert_plan
from forge.tensors.model import open_model, read
from tests.unit.forge.moe import models, oracle
from tests.unit.forge.moe.stage import prune

SHARD = "20KB"


def layers_of(case, folder):
    return [x.layer for x in expert_plan.survey(open_model(folder), case.adapter).layers]


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_a_pruned_model_is_the_original_with_dropped_experts_masked(case, saved, tmp_path):
    original = saved(case)
    kept = models.random_kept(case, layers_of(case, original), seed=1)
    result = prune(case, original, tmp_path, kept)
    assert oracle.problems(case, oracle.expected(case, original, kept), result.model, kept) == []


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_bfloat16_and_shards_too_and_the_bytes_do_not_tell_how_the_input_was_divided(case, saved, tmp_path):
    one, many = saved(case, dtype="bfloat16"), saved(case, dtype="bfloat16", shard=SHARD)
    assert len(list(many.glob("model-*.safetensors"))) > 2
    kept = models.random_kept(case, layers_of(case, many), seed=2)
    first = prune(case, one, tmp_path / "one", kept)
    second = prune(case, many, tmp_path / "many", kept)
    names = sorted(p.name for p in first.model.iterdir())
    assert names == sorted(p.name for p in second.model.iterdir())
    assert all((first.model / n).read_bytes() == (second.model / n).read_bytes() for n in names)
    assert oracle.problems(case, oracle.expected(case, many, kept), second.model, kept) == []


def test_masking_matters(saved):
    # Else the oracle would compare two unpruned models.
    case = models.BY_NAME["qwen3_moe"]
    original = saved(case)
    kept = models.random_kept(case, layers_of(case, original), seed=1)
    want, routed = oracle.expected(case, original, kept)
    plain, free = oracle.run(oracle.load(case, original)[0])
    assert (want - plain).abs().max() > 100 * oracle.TOLERANCE
    assert all(set(routed[x].flatten().tolist()) <= set(ids) for x, ids in kept.items())
    assert any(not set(free[x].flatten().tolist()) <= set(ids) for x, ids in kept.items())


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_all_but_routers_and_routed_experts_is_untouched_byte_for_byte(case, saved, tmp_path):
    original = saved(case)
    before = open_model(original)
    experts = expert_plan.survey(before, case.adapter)
    kept = models.random_kept(case, [x.layer for x in experts.layers], seed=1)
    taken = guard.build(case.adapter, before)
    after = open_model(prune(case, original, tmp_path, kept).model)
    guard.verify(taken, after)
    touched = {n for x in experts.layers for n in (*x.stacked, *(t for names in x.experts for t in names))}
    rest = set(before.tensors) - touched
    assert all(read(before.tensors[n]) == read(after.tensors[n]) for n in rest)
    if case.vision is not None:
        assert any(n.startswith("model.visual.") for n in rest)
        assert taken.tensors and taken.rows and taken.config
