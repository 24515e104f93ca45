"""Our comparison agrees with evalplus's own judge, which it replaces outside of the candidate."""

import math
from collections import Counter
from typing import Any

import pytest

from verifier.runners.answers import SMALL, from_frames, from_values
from verifier.runners.compare import (
    NOT_NONE_TASKS,
    SET_TASKS,
    Expected,
    agree_all,
    agree_encoded,
    agrees,
    is_stable,
)
from verifier.sandbox import work
from verifier.sandbox.codec import decode, encode

PRELUDE = """
import collections, datetime, decimal, fractions, math
import numpy as np
from collections import *
from decimal import Decimal
from fractions import Fraction
Point = namedtuple('Point', 'x y')
"""
NAMES: dict[str, Any] = {}
exec(PRELUDE, NAMES)

# What an honest function may return for an expected value, right and wrong, of all kinds.
OUTS = """
0 | 1 | 2 | -1 | True | False | None | 1.0 | 1.0000005 | 1.00001 | 0.0 | 1e-7 | float('nan')
math.inf | 1j | '' | 'ab' | b'ab' | bytearray(b'ab') | [] | () | [1, 2] | (1, 2) | [1.0, 2.0]
(1.0, 2.0) | [1.0, 2.0000001] | [1.0, 2.1] | [1, 2.0000001] | (1.0, 2.0000001) | [1.0]
[[1.0, 2.0]] | [[1.0], [2.0]] | [1.0, 'a'] | [float('nan')] | {1, 2} | frozenset({1, 2}) | {1: 2}
{'a': 1.0} | {'a': 1.0000001} | Counter('aab') | OrderedDict(a=1.0) | {'a': 2, 'b': 1}
deque([1, 2]) | range(1, 3) | range(0) | Fraction(1) | Fraction(1, 3) | Decimal('1.0') | Point(1, 2)
Point(1.0, 2.0) | np.float64(1.0) | np.float64(1.0000005) | np.float32(1.0) | np.int64(1)
np.bool_(True) | np.array([1, 2]) | np.array([1.0]) | np.array(1.0) | np.array([]) | np.str_('ab')
[np.float64(1.0), np.float64(2.0000001)] | [np.array([1]), 2] | {1: 2}.keys() | {1: 2, 2: 3}.keys()
{1: 2}.items() | {1: 2}.values() | iter([1, 2]) | (i for i in (1, 2)) | map(int, '12')
datetime.date(2020, 1, 1) | object() | int | 10**400 | -(10**30) | [None] | [True, False]
[[1, 2], [2, 1]] | [1, 1, 2] | ['a', 'b'] | 'ba' | [(1, 2)] | {(1, 2)} | 1 + 0j | [2, 1] | 6 | [[]]
"""
EXPECTED = """
1 | 0 | 1.0 | 0.0 | True | False | None | 'ab' | [1, 2] | (1, 2) | [1.0, 2.0] | (1.0, 2.0) | [] | ()
{1, 2} | {'a': 1.0} | [float('nan')] | float('nan') | math.inf | {1: 2} | 1j | [None]
[True, False] | [(1, 2)] | [[1.0, 2.0]] | Counter('aab') | [1, 2.0] | [1.0] | ['a', 'b'] | 10**400
[[1, 2], [2, 1]]
"""


def expressions(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split("|")]


def values(text: str) -> list[Any]:
    return [eval(part, NAMES) for part in expressions(text)]


def official(
    dataset: str, entry_point: str, outs: list[str], expecteds: list[Any], atol: float, inputs: list[Any]
) -> list[bool]:
    """What evalplus says of each result of one run: the same function returns them one after the other."""
    judge = pytest.importorskip(
        "evalplus.eval", reason="needs evalplus: pip install 'alloy-verifier[scores]'"
    )
    code = PRELUDE + "calls = iter([" + ", ".join(f"lambda: {out}" for out in outs) + "])\n"
    code += f"def {entry_point}(*arguments):\n    return next(calls)()\n"
    _status, details = judge.untrusted_check(
        dataset, code, inputs, entry_point, expecteds, atol, [10.0] * len(outs), fast_check=False
    )
    return [bool(detail) for detail in details]


def ours(
    dataset: str, entry_point: str, outs: list[str], expecteds: list[Any], atol: float, inputs: list[Any]
) -> list[bool]:
    """The same through the codec, by values and by bytes, which must not differ."""
    data = [encode(eval(out, NAMES)) for out in outs]
    by_value = agree_all(dataset, entry_point, inputs, [decode(item) for item in data], expecteds, atol)
    ready = [
        Expected(exp, encode(exp) if is_stable(dataset, entry_point, inp, encode(exp)) else None)
        for inp, exp in zip(inputs, expecteds, strict=True)
    ]
    assert agree_encoded(dataset, entry_point, inputs, data, ready, atol) == by_value
    return by_value


@pytest.mark.parametrize("atol", [0, 1e-6, 0.01])
@pytest.mark.parametrize("exp", expressions(EXPECTED))
def test_one_result_is_judged_as_evalplus_does(exp: str, atol: float) -> None:
    """Every kind of result against one expected value; the tolerance sticks from the first on."""
    outs = expressions(OUTS)
    expecteds = [eval(exp, NAMES) for _ in outs]
    inputs: list[list[Any]] = [[] for _ in outs]
    wanted = official("humaneval", "f", outs, expecteds, atol, inputs)
    found = ours("humaneval", "f", outs, expecteds, atol, inputs)
    assert dict(zip(outs, found, strict=True)) == dict(zip(outs, wanted, strict=True))


@pytest.mark.parametrize("atol", [0, 1e-6])
@pytest.mark.parametrize(
    "entry_point",
    [*sorted(SET_TASKS | NOT_NONE_TASKS), "are_equivalent", "sum_div", "surface_Area", "digit_distance_nums"],
)
def test_special_oracles_are_those_of_evalplus(entry_point: str, atol: float) -> None:
    outs = expressions(OUTS)
    arguments = [3, 4] if entry_point == "surface_Area" else [12, 7]
    for exp in ("[1, 2]", "True", "33", "'ab'"):
        expecteds = [eval(exp, NAMES) for _ in outs]
        inputs = [list(arguments) for _ in outs]
        wanted = official("mbpp", entry_point, outs, expecteds, atol, inputs)
        found = ours("mbpp", entry_point, outs, expecteds, atol, inputs)
        assert dict(zip(outs, found, strict=True)) == dict(zip(outs, wanted, strict=True))


def test_the_tolerance_sticks_for_the_rest_of_a_run() -> None:
    outs = ["1.0000005", "[1, 2.0000001]", "0.5", "[1, 2.0000001]"]
    expecteds = values("[2] | [1, 2] | 0.5 | [1, 2]")
    inputs: list[list[Any]] = [[]] * 4
    wanted = official("humaneval", "f", outs, expecteds, 0, inputs)
    assert wanted == [False, False, True, True]
    assert ours("humaneval", "f", outs, expecteds, 0, inputs) == wanted
    assert [
        agrees("humaneval", "f", [], eval(out, NAMES), exp, 0)
        for out, exp in zip(outs, expecteds, strict=True)
    ] == [False, False, True, False]


def test_a_failed_comparison_does_not_make_the_tolerance_stick() -> None:
    """evalplus notes the float only after the comparison, which an array cannot survive with an oracle."""
    outs = ["np.array([1.0, 2.0])", "[1, 2.0000001]"]
    expecteds = values("0.5 | [1, 2]")
    wanted = official("mbpp", "surface_Area", outs, expecteds, 0, [[3, 4], [3, 4]])
    assert ours("mbpp", "surface_Area", outs, expecteds, 0, [[3, 4], [3, 4]]) == wanted == [False, False]


def test_find_zero_counts_where_the_release_forgets_it() -> None:
    """The release never records a right answer; whether an answer is right is its own oracle's say."""
    inputs = [[[-6.0, 11.0, -6.0, 1.0]]] * 4
    expecteds = [1.0] * 4
    outs = ["1.00000001", "3.0", "2.5", "'1'"]
    assert ours("humaneval", "find_zero", outs, expecteds, 1e-4, inputs) == [True, True, False, False]
    assert official("humaneval", "find_zero", ["1.0"], [1.0], 1e-4, inputs[:1]) == []


def test_results_that_never_came_are_not_right() -> None:
    assert agree_all("humaneval", "f", [[], [], []], [1], [1, 1, 1], 0) == [True, False, False]
    ready = [Expected(1, encode(1))] * 2
    assert agree_encoded("humaneval", "f", [[], []], [b"junk"], ready, 0) == [False, False]


def test_equal_bytes_are_no_proof_where_equality_is_none() -> None:
    for exp in (math.nan, [1.0, math.nan], object(), iter([1])):
        answers = from_frames("humaneval", "f", [[]], [encode(exp)])
        assert not answers.are([encode(exp)])
        assert answers.expected()[0].data is None
    assert not from_values("humaneval", "find_zero", [[[1.0, 1.0]]], [5.0]).are([encode(5.0)])
    assert from_values("humaneval", "f", [[]], [[1.0, "a"]]).are([encode([1.0, "a"])])
    assert not from_values("humaneval", "f", [[]], [[1.0, "a"]]).are([encode([1.0, "b"])])
    assert not from_values("humaneval", "f", [[], []], [1, 2]).are([encode(1)])


def test_the_official_judge_is_handed_the_same_results_either_way() -> None:
    values = [[1, 2.5, "text"], (), {"a": None}]
    small = from_values("humaneval", "f", [[]] * 3, values)
    assert isinstance(small.to_hand_over(), bytes)
    large = from_values("humaneval", "f", [[]], ["x" * (SMALL + 1)])
    assert work._handed(small.to_hand_over()) == values == small.values()
    assert isinstance(large.to_hand_over(), list)
    assert work._handed(large.to_hand_over()) == large.values()
    counter = from_values("humaneval", "f", [[]], [Counter("aab")])
    assert work._handed(counter.to_hand_over()) == [Counter("aab")]
