"""When is an output right? The harness's rules, applied outside of the program's process.

Source: ``grade_stdio`` and ``grade_call_based`` in ``testing_util.py`` of nvidia-livecodebench 26.3, where
the comparison stands in the midst of running the program and cannot be called by itself. Outputs are
untrusted in size: nothing is split into more pieces than the expected output has.
"""

import json
import sys
from decimal import Decimal
from typing import Any

_LONG = 4000
"""Digits from which an integer goes through ``Decimal``: Python refuses longer ones, the harness does not."""
_MAX_DIGITS = 50_000


def printed_agrees(found: object, expected: str) -> bool:
    """Tell whether what a program printed is right: line by line, as text or as numbers.

    Args:
        found: the decoded output.
        expected: the test's output.
    """
    if type(found) is not str:
        return False
    ours, theirs = found.strip(), expected.strip()
    if ours.count("\n") != theirs.count("\n"):
        return False
    pairs = zip(ours.split("\n"), theirs.split("\n"), strict=True)
    return all(one.strip() == other.strip() or _same_numbers(one, other) for one, other in pairs)


def _same_numbers(found: str, expected: str) -> bool:
    wanted = expected.split()
    words = found.split(None, len(wanted))
    if len(words) != len(wanted):
        return False
    try:
        return [Decimal(word) for word in words] == [Decimal(word) for word in wanted]
    except (ArithmeticError, ValueError):
        return False


def returned_agrees(found: object, expected: str) -> bool:
    """Tell whether what a method returned is right; a tuple counts as a list, at the top alone.

    Args:
        found: the decoded result.
        expected: the test's output: a JSON value.
    """
    try:
        wanted = json.loads(expected, parse_int=_integer)
        result = list(found) if isinstance(found, tuple) else found
        # The harness asks `prediction == expected` for its truth, which an array of more than one element has
        # not; here it is refused before comparing it costs the product of both sizes.
        return not _has_array(result) and bool(result == wanted)
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return False


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"expected an integer of at most {_MAX_DIGITS} digits")
    return int(text) if len(text) < _LONG else int(Decimal(text))


def _has_array(value: Any) -> bool:
    """Whether a NumPy array of any size but one is anywhere in a value of lists, tuples and dicts."""
    if "numpy" not in sys.modules:
        return False
    import numpy as np

    open_ = [value]
    while open_:
        item = open_.pop()
        if isinstance(item, np.ndarray) and item.size != 1:
            return True
        if isinstance(item, list | tuple):
            open_ += item
        elif isinstance(item, dict):
            open_ += item.values()
    return False
