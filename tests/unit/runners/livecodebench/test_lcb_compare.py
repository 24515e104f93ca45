"""The comparison outside of the sandbox says what the harness says, on outputs of every kind."""

import decimal
import fractions
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verifier.runners.livecodebench.compare import printed_agrees, returned_agrees
from verifier.sandbox import codec

Case = tuple[bool, str, str]

WORDS = (
    "3", "3.0", "03", "+3", "-0", "0", "1e2", "100", "1E+2", "0.1", "0.10", ".1", "1_0", "10", "nan", "inf",
    "-inf", "Infinity", "sNaN", "yes", "YES", "é", "☃", "3,", "50000000000000001", "50000000000000000",
    "0x10", "1e999999999", "1e999999998", "٣", "", "\u00a0", "\x1c",
)  # fmt: skip
SPACES = (" ", "  ", "\t", "\n", "\n\n", " \n", "\r\n", "\x0b", "\x0c", "\u2028", "")

VALUES = (
    "None", "True", "False", "0", "1", "-1", "2", "1.0", "0.5", "1e300", "10**40", "float('nan')",
    "float('inf')", "''", "'a'", "'é☃'", "[]", "()", "{}", "set()", "[1, 2]", "(1, 2)", "[(1, 2)]",
    "[[1, 2]]", "([1], [2])", "[[1], [2]]", "{'a': 1}", "[None, True]", "b'a'", "range(3)", "[0, 1, 2]",
    "{1, 2}", "1j", "Decimal('0.5')", "Decimal(1)", "Fraction(1, 2)", "Fraction(1)", "np.int64(1)",
    "np.float64(0.5)", "np.bool_(True)", "np.str_('a')", "np.array([])", "np.array([1])",
    "np.array([1, 2])", "np.array(1)", "np.array([[1]])", "[np.int64(1), 2]", "[np.array([1]), 2]",
    "[np.array([1, 2])]", "np.zeros((0, 1))", "collections.deque([1, 2])", "collections.Counter('a')",
    "collections.OrderedDict(a=1)", "frozenset()", "iter([1, 2])", "dict(a=1).keys()", "float", "print",
    "int('7' * 5000)", "[int('7' * 5000)]",
)  # fmt: skip
EXPECTED = (
    "null", "true", "false", "0", "1", "-1", "2", "1.0", "0.5", "1e300", str(10**40), "NaN", "Infinity",
    '""', '"a"', '"é☃"', "[]", "{}", "[1, 2]", "[[1, 2]]", "[[1], [2]]", '{"a": 1}', "[null, true]",
    "[0, 1, 2]", "[1]", "[[1]]", "[1, true]", "7" * 5000, f"[{'7' * 5000}]", "[", "",
)  # fmt: skip
_SPACE: dict[str, Any] = {"collections": __import__("collections")}


def text(chance: random.Random) -> str:
    return "".join(chance.choice(WORDS) + chance.choice(SPACES) for _ in range(chance.randrange(6)))


def printed_cases(chance: random.Random, count: int) -> list[Case]:
    cases: list[Case] = []
    for _ in range(count):
        expected = text(chance)
        pieces = re.split(r"(\s+)", expected)
        for _ in range(chance.randrange(3)):  # near misses find more than texts that have nothing in common
            pieces[chance.randrange(len(pieces))] = chance.choice(WORDS + SPACES)
        found = "".join(pieces)
        cases.append((False, repr(found), expected))
    return cases


def ask_the_harness(cases: list[Case]) -> list[bool]:
    pytest.importorskip("livecodebench", reason="needs the extra [livecodebench] and the harness")
    command = [sys.executable, "-P", Path(__file__).with_name("harness_compare.py")]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    verdicts: list[bool] = json.loads(done.stdout)
    return verdicts


def test_printed_outputs_are_judged_as_the_harness_judges_them() -> None:
    cases = printed_cases(random.Random(6), 500)
    theirs = ask_the_harness(cases)
    for (_, found, expected), right in zip(cases, theirs, strict=True):
        sent = codec.decode(codec.encode(eval(found)))
        assert printed_agrees(sent, expected) is right, (found, expected)
    assert 100 < sum(theirs) < 400


def test_returned_values_are_judged_as_the_harness_judges_them() -> None:
    cases: list[Case] = [(True, value, expected) for value in VALUES for expected in EXPECTED]
    theirs = ask_the_harness(cases)
    np = pytest.importorskip("numpy")
    space = _SPACE | {"np": np, "Decimal": decimal.Decimal, "Fraction": fractions.Fraction}
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(50_000)
    frames = {value: codec.encode(eval(value, space)) for value in VALUES}
    sys.set_int_max_str_digits(limit)  # the comparison has to do without
    wrong = [
        (value, expected[:20], right)
        for (_, value, expected), right in zip(cases, theirs, strict=True)
        if returned_agrees(codec.decode(frames[value]), expected) is not right
    ]
    assert wrong == []
    assert sum(theirs) > 40


@pytest.mark.parametrize(
    "found", ["1 " * 4_000_000, "\n" * 4_000_000 + "x", "x\n" * 4_000_000, "9" * 4_000_000]
)
def test_huge_outputs_cost_no_more_than_their_size(found: str) -> None:
    assert not printed_agrees(found, "1 2\n3")
    assert not printed_agrees(found, "1")
    assert printed_agrees(found, found)


def test_shapes_whose_comparison_would_be_a_product_are_refused() -> None:
    np = pytest.importorskip("numpy")
    row = json.dumps(list(range(50_000)))
    assert not returned_agrees(np.zeros((50_000, 1)), row)
    assert not returned_agrees([np.zeros((50_000, 1))], f"[{row}]")
    assert not returned_agrees({"a": (np.zeros((50_000, 1)),)}, '{"a": [1]}')


@pytest.mark.parametrize("found", [None, 3, b"3", ["3"], codec.Opaque("x"), codec.Iterated("x", ("3",))])
def test_what_is_no_text_was_never_printed(found: object) -> None:
    assert not printed_agrees(found, "3")
