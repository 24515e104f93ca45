"""Layouts against the tensors that transformers writes for every family."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.families import inventory, layouts, registry
from forge.families.layouts import Part
from forge.tensors.model import open_model
from tests.unit.forge.moe import models
from verifier.errors import DocumentError

FEWER = 6
ALONE = [replace(layouts.get(name), alternatives=()) for name in layouts.names()]
"""Every layout by itself, without the other forms of its families."""
SAME_NAMES = {
    # Routed experts have the same names; the first has no shared experts beside them, the second has.
    frozenset({"unfused-experts", "deepseek-routed-shared"}),
    frozenset({"unfused-experts", "qwen3_5-text-unfused-shared"}),
    frozenset({"deepseek-routed-shared", "qwen3_5-text-unfused-shared"}),
    frozenset({"qwen3_vl-fused", "qwen3_5-fused-shared"}),
    # gpt-oss calls its router otherwise, and has biases.
    frozenset({"gpt_oss-fused-bias", "qwen3_5-text-fused-shared"}),
}


def shapes(folder):
    return {name: ref.shape for name, ref in open_model(folder).tensors.items()}


FORMS = {
    "gpt_oss-mxfp4": "gpt_oss-mxfp4-bias",
    "qwen3_5_moe-unfused": "qwen3_5-unfused-shared",
    "qwen3_5_moe-text": "qwen3_5-text-fused-shared",
    "qwen3_5_moe-text-unfused": "qwen3_5-text-unfused-shared",
}
"""Case -> the form in which its checkpoint lies on disk, where that is not its family's first."""


def form(case):
    return FORMS.get(case.name, case.adapter.layout.name)


def claimed(layout, names):
    wanted = (Part.ROUTER, Part.EXPERT, Part.PER_EXPERT)
    return {n for n in names if (place := layout.place(n)) is not None and place.part in wanted}


def test_every_mixture_of_experts_of_the_registry_has_a_case():
    assert {c.family for c in models.CASES} == {n for n in registry.names() if registry.get(n).is_moe}
    assert {form(c) for c in models.CASES} | {
        "qwen3_5-text-fused-shared",
        "qwen3_5-text-unfused-shared",
    } == set(layouts.names())


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_a_layout_claims_exactly_what_depends_on_the_number_of_experts(case, saved):
    # The oracle knows no names: it is what changes when transformers builds the model with fewer experts.
    many, few = shapes(saved(case)), shapes(saved(case, experts=FEWER))

    def any_expert(name):
        return re.sub(r"\.experts\.[0-9]+\.", ".experts.*.", name)

    changed = {any_expert(n) for n in many if many[n] != few.get(n)}
    assert changed
    wanted = {n for n in many if any_expert(n) in changed}
    assert claimed(layouts.get(form(case)), many) == wanted
    assert not any(n.startswith(case.adapter.guarded) for n in wanted if case.adapter.guarded)


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_a_checkpoint_is_taken_by_one_layout_alone(case, saved):
    tensors = shapes(saved(case))
    takers = []
    for layout in ALONE:
        try:
            takers.append(inventory.take(layout, tensors).layout.name)
        except DocumentError:
            continue
    assert takers == [form(case)]
    assert inventory.take(case.adapter.layout, tensors).layout.name == form(case)


def test_names_of_a_layout_are_those_of_no_other_but_the_known_twins(saved):
    twins = set()
    for case in models.CASES:
        names = shapes(saved(case))
        own = experts(layouts.get(form(case)), names)
        for other in ALONE:
            theirs = experts(other, names)
            assert theirs in (set(), own), f"{other.name} takes a part of {case.name}"
            if theirs and other.name != form(case):
                twins.add(frozenset({other.name, form(case)}))
    assert twins == SAME_NAMES


def experts(layout, names):
    return {n for n in names if (place := layout.place(n)) is not None and place.part is Part.EXPERT}


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_an_inventory_lists_all_experts_and_shared_ones_and_no_dense_layer(case, saved):
    tensors = shapes(saved(case))
    found = inventory.take(case.adapter.layout, tensors)
    listed = [n for x in found.layers for n in (*x.stacked, *x.shared, *(t for e in x.experts for t in e))]
    assert len(listed) == len(set(listed))
    blocks = {n for n in tensors if any(n.startswith(found.layout.block(x.layer)) for x in found.layers)}
    assert set(listed) == blocks
    dense = {0} if "first_k_dense_replace" in case.config else set(case.config.get("mlp_only_layers", ()))
    assert {x.layer for x in found.layers} == {0, 1, 2} - dense
    assert all(x.count == models.EXPERTS for x in found.layers)


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("part", [Part.ROUTER, Part.EXPERT, Part.SHARED], ids=lambda p: p.value)
def test_a_missing_tensor_is_named(part, case, saved):
    tensors = shapes(saved(case))
    layout = layouts.get(form(case))
    victims = sorted(n for n in tensors if (p := layout.place(n)) is not None and p.part is part)
    if not victims:
        assert part is Part.SHARED
        return
    victim = victims[len(victims) // 2]
    del tensors[victim]
    with pytest.raises(DocumentError, match=re.escape(victim)):
        inventory.take(case.adapter.layout, tensors)


@pytest.mark.parametrize("case", models.CASES, ids=lambda c: c.name)
def test_an_odd_tensor_is_named(case, saved):
    tensors = dict(shapes(saved(case)))
    layout = layouts.get(form(case))
    odd = layout.block(2) + "experts.zero_points"
    tensors[odd] = (8, 2)
    with pytest.raises(DocumentError, match=re.escape(odd)):
        inventory.take(case.adapter.layout, tensors)
