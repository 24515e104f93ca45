"""Derived numbers: honest rounding always passes, a shift beyond rounding never does."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from verifier.tiers.arithmetic import (
    dropped_tensors,
    forged_params,
    improvement,
    kept_tensors,
    published,
    removed,
    solved,
)
from verifier.tiers.scores import unit


def rounded(value, places):
    return Decimal(value).quantize(Decimal(1).scaleb(-places))


@given(st.integers(1, 2000), st.data(), st.integers(1, 3))
def test_an_honest_score_is_always_reachable(problems, data, places):
    k = data.draw(st.integers(0, problems))
    assert k in solved(rounded(Decimal(100 * k) / problems, places), problems)


@given(st.integers(2, 900), st.data())
def test_a_score_between_two_steps_is_never_reachable(problems, data):
    k = data.draw(st.integers(0, problems - 1))
    between = rounded(Decimal(100) * (2 * k + 1) / (2 * problems), 6)
    assert not solved(between, problems)


@pytest.mark.parametrize(("score", "k"), [("85.4", 140), ("88.4", 145), ("86.0", 141), ("89.0", 146)])
def test_known_scores_of_164_problems(score, k):
    assert list(solved(Decimal(score), 164)) == [k]


@given(st.integers(1, 2000), st.data(), st.integers(1, 4))
def test_an_honest_fraction_is_always_reachable(problems, data, places):
    k = data.draw(st.integers(0, problems))
    assert k in solved(rounded(Decimal(k) / problems, places), problems, 1)


perplexities = st.decimals("1.5", "90", places=6)


@given(perplexities, perplexities, st.integers(1, 4))
def test_honest_improvement_passes_and_a_shifted_one_fails(base, final, places):
    claimed = rounded(100 * (base - final) / base, 2)
    derived = improvement({"baseline": rounded(base, places), "final": rounded(final, places)})
    assert published(claimed).meets(derived)
    width = derived.high - derived.low + Decimal("0.02")
    assert not published(claimed + width).meets(derived)
    assert not published(claimed - width).meets(derived)


@given(st.integers(1, 256), st.data(), st.integers(1, 80))
def test_expert_tensor_counts_add_up(original, data, layers):
    keep = data.draw(st.integers(1, original))
    values = {"keep": keep, "original": original, "layers": layers, "tensors": 3}
    assert dropped_tensors(values).low + kept_tensors(values).low == 3 * original * layers
    same = values | {"keep": [keep] * layers}
    assert kept_tensors(same) == kept_tensors(values) or layers == 1
    assert removed(same) == removed(values)


@given(st.integers(4, 200), st.data(), st.integers(1, 50), st.integers(1, 50))
def test_forged_parameters_follow_from_a_counted_model(experts, data, rest, each):
    routed = data.draw(st.integers(1, experts - 1))
    keep = data.draw(st.integers(routed, experts))
    values = {
        "total_before": Decimal(rest + experts * each),
        "active_before": Decimal(rest + routed * each),
        "experts": experts,
        "routed": routed,
        "keep": keep,
    }
    derived = forged_params(values)
    true = Decimal(rest + keep * each)
    assert derived.low <= true <= derived.high
    assert derived.high - derived.low <= 1 + Decimal("0.001")


@given(st.decimals("0.01", "1", places=3))
def test_fractions_and_percentages_are_told_apart(value):
    assume(value.as_tuple().exponent < -1)
    assert unit(value) == 1
    assert unit(Decimal("36.0")) == 100
    assert unit(Decimal("1.0")) == 100


def test_intervals_read_well():
    assert str(published(Decimal("36.0"))) == "35.95 to 36.05"
    assert published(3).low == Decimal("2.5")
