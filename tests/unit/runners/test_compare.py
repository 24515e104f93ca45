"""Our comparison agrees with evalplus's own judge, which it replaces outside of the candidate."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from verifier.errors import UsageError
from verifier.runners.compare import NOT_NONE_TASKS, SET_TASKS, agree_all, agree_encoded, agrees, prepare
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
    ready = [prepare(dataset, entry_point, inp, exp) for inp, exp in zip(inputs, expecteds, strict=True)]
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
    ready = [prepare("humaneval", "f", [], 1)] * 2
    assert agree_encoded("humaneval", "f", [[], []], [b"junk"], ready, 0) == [False, False]


def test_equal_bytes_are_no_proof_where_equality_is_none() -> None:
    for exp in (math.nan, [1.0, math.nan], object(), iter([1])):
        assert prepare("humaneval", "f", [], exp).data is None
    assert prepare("humaneval", "find_zero", [[1.0, 1.0]], 5.0).data is None
    assert prepare("humaneval", "f", [], [1.0, "a"]).data == encode([1.0, "a"])


@pytest.mark.parametrize(
    ("out", "exp"),
    [
        (np.zeros((60_000, 1)), [1.0] * 50_000),
        ([np.zeros((60_000, 1))] * 2, [[1.0] * 50_000] * 2),
        ([[[0.0] * 1] * 2000] * 3000, [1.0] * 3000),
        (["x" * 10_000_000, *[1.0] * 9_999], [1.0] * 10_000),
        (np.array(["x"] * 1000, dtype="U5000"), ["y"] * 100_000),
    ],
    ids=["column", "nested column", "cube", "long text", "wide text"],
)
def test_costly_comparisons_are_refused(out: Any, exp: Any) -> None:
    """Each of these would take tens of gigabytes."""
    before = copy.deepcopy(exp)
    assert not agrees("humaneval", "f", [], out, exp, 1e-6)
    assert exp == before


@pytest.mark.parametrize(
    "out", [range(10**12), [i * (2**61 - 1) for i in range(50_000)]], ids=["range", "hashes"]
)
def test_costly_sets_are_refused(out: Any) -> None:
    assert not agrees("mbpp", "Diff", [[1], [2]], out, [1], 0)


def test_misuse_is_named() -> None:
    with pytest.raises(UsageError, match="expected one of humaneval, mbpp, found 'apps'"):
        agrees("apps", "f", [], 1, 1, 0)
    with pytest.raises(UsageError, match="expected 1 expected and at most as many found, found 2 and 0"):
        agree_all("mbpp", "f", [[]], [], [1, 2], 0)
    with pytest.raises(UsageError, match="found 1 and 2"):
        agree_all("mbpp", "f", [[]], [1, 1], [1], 0)
