"""Which groups go: quota, minimums, ties, normalisation, and reading a recorded selection. No torch."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forge.families.attention import PLAIN
from forge.stages import head_choice
from forge.stages.head_choice import Limits
from forge.stages.heads import Heads
from verifier.errors import DocumentError, UsageError


def _heads(layers=(0, 1, 2), groups=4, span=2) -> Heads:
    return Heads(layout=PLAIN, layers=layers, heads=groups * span, groups=groups, size=4, hidden=16)


def test_the_least_important_go_wherever_they_are():
    scores = {0: [1.0, 9.0, 2.0, 9.0], 1: [3.0, 9.0, 9.0, 9.0], 2: [9.0, 9.0, 9.0, 9.0]}
    chosen = head_choice.choose(scores, Limits(level=Decimal("0.25")), _heads())
    assert chosen == {0: [0, 2], 1: [0], 2: []}


def test_ties_go_to_the_lower_layer_then_to_the_lower_index():
    chosen = head_choice.choose(
        {0: [5.0] * 4, 1: [5.0] * 4, 2: [5.0] * 4}, Limits(level=Decimal("0.4")), _heads()
    )
    assert chosen == {0: [0, 1, 2], 1: [0, 1], 2: []}


def test_normalisation_compares_groups_with_their_own_layer():
    scores = {0: [10.0, 11.0, 12.0, 13.0], 1: [1.0, 7.0, 9.0, 9.0], 2: [200.0, 100.0, 300.0, 300.0]}
    raw = head_choice.choose(scores, Limits(level=Decimal("0.2")), _heads())
    fair = head_choice.choose(scores, Limits(level=Decimal("0.2"), normalised=True), _heads())
    assert raw == {0: [], 1: [0, 1], 2: []}
    assert fair == {0: [], 1: [0], 2: [1]}


def test_layers_keep_their_minimum_of_heads_and_of_groups():
    scores = {0: [0.0, 0.1, 0.2, 0.3], 1: [5.0] * 4, 2: [6.0] * 4}
    for limits in (
        Limits(level=Decimal("0.25"), min_groups=3),
        Limits(level=Decimal("0.25"), min_heads=5),  # 5 heads of 2 a group: 3 groups
    ):
        assert head_choice.choose(scores, limits, _heads()) == {0: [0], 1: [0], 2: [0]}


def test_minimums_beyond_the_model_are_refused():
    with pytest.raises(UsageError, match="minKvHeadsPerLayer 5"):
        Limits(level=Decimal("0.1"), min_groups=5).stay(_heads())


@pytest.mark.parametrize(
    ("level", "even", "expected"),
    [("0.125", False, 1), ("0.13", False, 2), ("0.125", True, None), ("0.375", True, 1), ("0.4", True, 2)],
)
def test_the_quota_is_the_nearest_number_with_halves_down(level, even, expected):
    limits = Limits(level=Decimal(level), even=even)
    if expected is None:
        with pytest.raises(UsageError, match="at least one of the 4"):
            head_choice.quota(limits, _heads())
    else:
        assert head_choice.quota(limits, _heads()) == expected


@given(
    st.lists(st.lists(st.floats(0, 1e6), min_size=4, max_size=4), min_size=3, max_size=3),
    st.decimals("0.05", "0.95", places=3),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
def test_any_choice_keeps_its_promises(rows, level, least, normalised, even):
    heads, scores = _heads(), dict(enumerate(rows))
    limits = Limits(level=level, min_groups=least, normalised=normalised, even=even)
    try:
        asked = head_choice.quota(limits, heads)
    except UsageError:
        return
    chosen = head_choice.choose(scores, limits, heads)
    assert all(groups == sorted(set(groups)) and len(groups) <= 4 - least for groups in chosen.values())
    total = sum(map(len, chosen.values()))
    assert total <= (asked * 3 if even else asked)
    if even:
        assert len({len(groups) for groups in chosen.values()}) == 1
    elif total < asked:
        assert all(len(groups) == 4 - least for groups in chosen.values())
    for layer, groups in chosen.items():
        kept = [s for g, s in enumerate(scores[layer]) if g not in groups]
        assert not groups or max(scores[layer][g] for g in groups) <= min(kept, default=float("inf"))
    assert head_choice.parse(head_choice.document(chosen, {}), heads, limits) == chosen


def test_an_importance_that_is_no_number_is_refused():
    with pytest.raises(DocumentError, match="layer 1: expected finite"):
        head_choice.choose(
            {0: [1.0] * 4, 1: [1.0, float("nan"), 1.0, 1.0], 2: [1.0] * 4},
            Limits(level=Decimal("0.3")),
            _heads(),
        )


def _document(removed, **changes):
    body = {"schema": "alloy-selection/1", "unit": "kv-group", "removed": removed, **changes}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "selection"),
        (b"[]", "expected schema"),
        (_document({}, schema="alloy-selection/2"), "expected schema"),
        (_document({}, unit="expert"), "unit 'kv-group'"),
        (_document([]), "removed: expected an object"),
        (_document({"3": [0]}), r"expected layers with softmax heads, \[0, 1, 2\]"),
        (_document({"00": [0]}), "expected layers"),
        (_document({"0": [4]}), "ascending groups in 0..3"),
        (_document({"0": [1, 0]}), "ascending"),
        (_document({"0": [1, 1]}), "ascending"),
        (_document({"0": [True]}), "ascending"),
        (_document({"0": [-1]}), "ascending"),
        (_document({"0": 1}), "ascending"),
        (_document({"0": [0, 1, 2, 3]}), "at most 2 groups removed"),
        (_document({"0": [0, 1, 2]}), "at most 2 groups removed"),
    ],
)
def test_a_selection_that_is_none_for_the_model_is_refused(data, message):
    with pytest.raises(DocumentError, match=message):
        head_choice.parse(data, _heads(), Limits(level=Decimal("0.3"), min_groups=2))


def test_the_form_of_the_reference_artifacts_is_read():
    data = _document({"0": [0], "1": [2, 3]}, sumOfSquares={"0": [1, 2, 3, 4]})
    assert head_choice.parse(data, _heads(), Limits(level=Decimal("0.3"))) == {0: [0], 1: [2, 3], 2: []}
