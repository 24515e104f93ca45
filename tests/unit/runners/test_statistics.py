"""Intervals and tests against scipy, statsmodels, and values that can be checked by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.runners.statistics import (
    fewest_flips,
    mcnemar,
    normal,
    paired,
    smallest_difference,
    wilson,
)

COUNTS = st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_wilson_of_textbooks() -> None:
    """81 of 263 at 95 %: R. G. Newcombe, Statistics in Medicine 17 (1998), table I."""
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    found = wilson(0, 20)
    assert (found.low, round(found.high, 4)) == (0.0, 0.1611)
    found = wilson(1, 29)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0061, 0.1718)


@settings(max_examples=100, deadline=None)
@given(counts=COUNTS, level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_as_scipy_has_it(counts: tuple[int, int], level: float) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the oracle")
    expected = stats.binomtest(*counts).proportion_ci(level, method="wilson")
    found = wilson(*counts, level=level)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= found.low <= counts[0] / counts[1] <= found.high <= 1


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 2 / 2**5), (6, 0, 2 / 2**6), (1, 8, 2 * (1 + 9) / 2**9), (3, 3, 1.0)],
)
def test_mcnemar_by_hand(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == p


@settings(max_examples=100, deadline=None)
@given(won=st.integers(0, 400), lost=st.integers(0, 400))
def test_mcnemar_as_scipy_has_it(won: int, lost: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the oracle")
    expected = stats.binomtest(won, won + lost, 0.5).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(won, lost) == mcnemar(lost, won)


def test_mcnemar_as_statsmodels_has_it() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="the oracle")
    for won, lost in ((12, 5), (0, 9), (40, 41), (150, 90)):
        expected = tables.mcnemar([[10, won], [lost, 10]], exact=True).pvalue
        assert mcnemar(won, lost) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_many_problems() -> None:
    assert mcnemar(6000, 6000) == 1.0
    assert 0 < mcnemar(6200, 5800) < 0.001
    assert mcnemar(20_000, 0) == 0.0


def test_six_problems_are_the_fewest_that_show_anything() -> None:
    assert fewest_flips() == 6
    assert fewest_flips(0.99) == 8


@pytest.mark.parametrize("n", [30, 164, 1319, 12_032])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_smallest_difference_by_simulation_of_its_definition(n: int, share: float) -> None:
    """With that true difference, the two-sided test at 5 % succeeds four times of five."""
    difference = smallest_difference(n, share)
    error = math.sqrt(2 * share * (1 - share) / n)
    normal = pytest.importorskip("scipy.stats", reason="the oracle").norm
    assert normal.sf(normal.isf(0.025) - difference / error) == pytest.approx(0.8, abs=1e-9)


def test_smallest_difference_by_hand() -> None:
    """(1.959964 + 0.841621) * sqrt(2 * 0.25 / 164)."""
    assert smallest_difference(164) == pytest.approx(2.801585 * math.sqrt(0.5 / 164), rel=1e-6)
    assert smallest_difference(1) == 1.0
    assert 0 < smallest_difference(164, 1.0) < smallest_difference(164)


def test_flipped_problems_both_ways() -> None:
    first = {"a": True, "b": True, "c": False, "d": False, "only here": True}
    second = {"a": True, "b": False, "c": True, "d": False, "only there": False}
    found = paired(first, second)
    assert found is not None
    assert (found.n, found.won, found.lost, found.p, found.difference) == (4, ("b",), ("c",), 1.0, 0.0)
    assert not found.distinguishable()
    assert paired({"a": True}, {"b": True}) is None


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_swapping_models_swaps_the_flips(statuses: dict[str, tuple[bool, bool]]) -> None:
    first = {task: one for task, (one, _) in statuses.items()}
    second = {task: other for task, (_, other) in statuses.items()}
    there, back = paired(first, second), paired(second, first)
    assert there is not None
    assert back is not None
    assert (there.won, there.lost, there.p) == (back.lost, back.won, back.p)
    assert there.difference == pytest.approx((sum(first.values()) - sum(second.values())) / len(statuses))


@settings(max_examples=60, deadline=None)
@given(value=st.floats(-5, 5), stderr=st.floats(1e-9, 3), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_interval_of_a_mean_as_scipy_has_it(value: float, stderr: float, level: float) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the oracle")
    found = normal(value, stderr, level)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(level, value, stderr), abs=1e-9)


@pytest.mark.parametrize(
    ("value", "stderr"), [(0.5, math.nan), (math.inf, 0.1), (0.5, -0.1), (math.nan, 0.1), (0.5, math.inf)]
)
def test_no_interval_from_what_is_no_number(value: float, stderr: float) -> None:
    assert normal(value, stderr) is None


@settings(max_examples=60, deadline=None)
@given(statuses=st.dictionaries(st.integers(), st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_paired_test_from_statuses_as_scipy_has_it(statuses: dict[int, tuple[bool, bool]]) -> None:
    stats = pytest.importorskip("scipy.stats", reason="the oracle")
    found = paired(
        {str(t): one for t, (one, _) in statuses.items()}, {str(t): two for t, (_, two) in statuses.items()}
    )
    assert found is not None
    won = sum(one and not two for one, two in statuses.values())
    lost = sum(two and not one for one, two in statuses.values())
    # Twice the smaller tail of a binomial of the flips, at most 1.
    expected = min(1.0, 2 * stats.binom.cdf(min(won, lost), won + lost, 0.5))
    assert found.p == pytest.approx(expected, rel=1e-9)
    assert (len(found.won), len(found.lost)) == (won, lost)


@pytest.mark.parametrize(("solved", "n"), [(1, 0), (0, 0), (-1, 3), (4, 3)])
def test_counts_that_cannot_be(solved: int, n: int) -> None:
    with pytest.raises(ValueError, match="k of n"):
        wilson(solved, n)


def test_other_nonsense() -> None:
    for call in (
        lambda: mcnemar(-1, 2),
        lambda: smallest_difference(10, 1.5),
        lambda: wilson(1, 2, level=1.0),
        lambda: smallest_difference(10, power=0.0),
    ):
        with pytest.raises(ValueError, match=r"negative|share|probability"):
            call()
