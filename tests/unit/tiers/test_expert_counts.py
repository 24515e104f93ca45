"""Counts of expert tensors, in models of which some layers hold no experts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tiers.test_checks import document, outcomes
from verifier.verdicts import Verdict

DROPPED, RENAMED, ROUTERS = "stage-0-experts-dropped", "stage-0-experts-renamed", "stage-0-router-layers"
TENSORS = 3


def stage(keep, layers, original=8, **changes):
    """An honest stage of a model in which ``layers`` layers hold experts."""
    kept = sum(keep) if isinstance(keep, list) else keep * layers
    return {
        "type": "expert-prune",
        "keepExpertsPerLayer": keep,
        "originalExpertsPerLayer": original,
        "expertsDropped": (original * layers - kept) * TENSORS,
        "expertsRenamed": kept * TENSORS,
        "routerSlicedLayers": layers,
    } | changes


def verdicts(one, tmp_path, layers=27):
    alloy = document()
    alloy["source"] |= {"architecture": "deepseek_v2", "numLayers": layers, "numExpertsPerLayer": 8}
    alloy["stages"] = [{k: v for k, v in one.items() if v is not None}]
    found = outcomes(alloy, tmp_path)
    return {n: found[n].verdict for n in (DROPPED, RENAMED, ROUTERS) if n in found}


def test_the_true_number_of_a_model_with_a_dense_first_layer_holds(tmp_path):
    assert set(verdicts(stage(6, 26), tmp_path).values()) == {Verdict.VERIFIED}
    assert set(verdicts(stage(6, 27), tmp_path).values()) == {Verdict.VERIFIED}


def test_a_list_names_the_layers_with_experts(tmp_path):
    keep = [6] * 13 + [5] * 13
    assert set(verdicts(stage(keep, 26), tmp_path).values()) == {Verdict.VERIFIED}
    for name, planted in (("expertsDropped", DROPPED), ("expertsRenamed", RENAMED)):
        found = verdicts(stage(keep, 26, **{name: 300}), tmp_path)
        assert found.pop(planted) is Verdict.REFUTED
        assert set(found.values()) == {Verdict.VERIFIED}
    assert verdicts(stage(keep, 26, routerSlicedLayers=25), tmp_path)[ROUTERS] is Verdict.REFUTED


def test_where_nothing_tells_the_layers_a_number_that_fits_fewer_is_unverifiable(tmp_path):
    found = verdicts(stage(6, 26, routerSlicedLayers=None), tmp_path)
    assert found == {DROPPED: Verdict.UNVERIFIABLE, RENAMED: Verdict.UNVERIFIABLE}
    alone = stage(6, 26, expertsDropped=None, expertsRenamed=None)
    assert verdicts(alone, tmp_path) == {ROUTERS: Verdict.UNVERIFIABLE}


@pytest.mark.parametrize(
    ("changes", "refuted"),
    [
        pytest.param({"expertsDropped": 157}, DROPPED, id="of-no-whole-layer"),
        pytest.param({"expertsDropped": 2 * TENSORS * 25}, DROPPED, id="of-fewer-than-were-sliced"),
        pytest.param({"expertsDropped": 2 * TENSORS * 28}, DROPPED, id="of-more-than-there-are"),
        pytest.param({"expertsRenamed": 6 * TENSORS * 25}, RENAMED, id="renamed"),
        pytest.param({"routerSlicedLayers": 28}, ROUTERS, id="routers-of-more-than-there-are"),
        pytest.param({"routerSlicedLayers": 25}, ROUTERS, id="routers-of-fewer-than-were-pruned"),
        pytest.param({"routerSlicedLayers": 0}, ROUTERS, id="no-routers"),
    ],
)
def test_an_edited_number_is_refuted_where_it_stands(changes, refuted, tmp_path):
    assert verdicts(stage(6, 26, **changes), tmp_path)[refuted] is Verdict.REFUTED


def test_a_number_of_sixty_digits_takes_no_time(tmp_path):
    huge = stage(6, 26, expertsDropped=10**60, routerSlicedLayers=None)
    assert verdicts(huge, tmp_path, layers=10**50)[DROPPED] is Verdict.REFUTED


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.data())
def test_an_honest_card_is_never_refuted(tmp_path_factory, layers, data):
    original = data.draw(st.integers(2, 64))
    sparse = data.draw(st.integers(1, layers))
    keep = data.draw(
        st.one_of(
            st.integers(1, original), st.lists(st.integers(1, original), min_size=sparse, max_size=sparse)
        )
    )
    left_out = data.draw(st.sets(st.sampled_from(["expertsDropped", "expertsRenamed", "routerSlicedLayers"])))
    if isinstance(keep, list) and len(keep) == 1:
        keep = keep[0]
    one = stage(keep, sparse, original, **dict.fromkeys(left_out))
    found = verdicts(one, tmp_path_factory.getbasetemp(), layers)
    assert Verdict.REFUTED not in found.values()
    assert Verdict.ERROR not in found.values()
