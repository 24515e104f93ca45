"""When is a result right? evalplus 0.3.1's rules, applied outside of the candidate's process.

Source: ``unsafe_execute`` in ``evalplus/eval/__init__.py`` and the oracles in ``_special_oracle.py``. Two
things differ on purpose: results are decoded plain values, so that no code of a sample takes part in the
comparison; and the oracle of ``find_zero`` (HumanEval/32) counts as passed when it holds, which the release
forgets.

Results are untrusted in size and shape, so operations whose cost would be a product of both sides' sizes are
refused. None of them could make a result right.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from verifier.errors import UsageError
from verifier.sandbox.codec import WIDE, CodecError, Iterated, Opaque, bounded_set, decode

MAX_PRODUCT = 10_000_000
MAX_RANGE = 1_000_000

# Source: MBPP_OUTPUT_NOT_NONE_TASKS and MBPP_OUTPUT_SET_EQ_TASKS.
NOT_NONE_TASKS = frozenset({"check_str", "text_match_three", "text_starta_endb"})
SET_TASKS = frozenset(
    {
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    }
)
_DATASETS = ("humaneval", "mbpp")
_ENFORCED_ATOL = 1e-6
_RTOL = 1e-07
_CHEAP = (bool, int, float, str, bytes, type(None))
_CHEAP_TYPES = frozenset(_CHEAP)


class _TooLargeError(Exception):
    """A comparison would cost the product of both sides' sizes."""


def agrees(
    dataset: str, entry_point: str, inputs: Sequence[Any], out: Any, expected: Any, atol: float
) -> bool:
    """Tell whether one result is right.

    Args:
        dataset: ``"humaneval"`` or ``"mbpp"``; decides which special oracles there are.
        entry_point: the problem's function.
        inputs: the arguments of this call, as they were before it.
        out: the decoded result.
        expected: the trusted result.
        atol: the problem's absolute tolerance.

    Returns:
        True if evalplus would accept it as the first result of a run.

    Raises:
        UsageError: unknown ``dataset``.
    """
    return agree_all(dataset, entry_point, [inputs], [out], [expected], atol)[0]


def agree_all(
    dataset: str,
    entry_point: str,
    inputs: Sequence[Sequence[Any]],
    outs: Sequence[Any],
    expecteds: Sequence[Any],
    atol: float,
) -> list[bool]:
    """Tell which results of a run are right.

    A run is one sequence of calls in one process, such as all base inputs: once it has met an expected float,
    evalplus keeps a tolerance of 1e-6 for the rest of the run, even for results that are compared exactly
    before.

    Args:
        dataset: ``"humaneval"`` or ``"mbpp"``.
        entry_point: the problem's function.
        inputs: argument lists, as they were before each call.
        outs: decoded results; shorter than ``inputs`` if the run broke off.
        expecteds: trusted results.
        atol: the problem's absolute tolerance.

    Returns:
        One truth value for each input; False for each result that is missing.

    Raises:
        UsageError: unknown ``dataset``, or not one expected result for each input.
    """
    _check(dataset, inputs, outs, expecteds)
    run = _Run(dataset, entry_point, atol)
    found = [run.accepts(inp, out, exp) for inp, out, exp in zip(inputs, outs, expecteds, strict=False)]
    return found + [False] * (len(inputs) - len(found))


class Expected(NamedTuple):
    """A right result, ready for many comparisons.

    Attributes:
        value: the trusted result.
        data: its encoding, if a result of the same encoding is right for sure; else None.
    """

    value: Any
    data: bytes | None


def is_stable(dataset: str, entry_point: str, inp: Sequence[Any], frame: bytes) -> bool:
    """Whether a result whose encoding is ``frame``, that of the trusted result, is right for sure.

    Equal bytes mean an equal value, but not always a right result: nan differs from itself, and some oracles
    do not look for equality.

    Raises:
        CodecError: the frame is no encoding.
    """
    # Decoded twice, because a container equals itself even where its items do not. Without tolerance, so
    # that only equality or an oracle's own rule counts.
    one, other = decode(frame, limits=WIDE), decode(frame, limits=WIDE)
    return _Run(dataset, entry_point, 0).accepts(inp, one, other)


def agree_encoded(
    dataset: str,
    entry_point: str,
    inputs: Sequence[Sequence[Any]],
    outs: Sequence[bytes],
    expecteds: Sequence[Expected],
    atol: float,
) -> list[bool]:
    """As :func:`agree_all`, on encoded results, decoding only those that are not the expected bytes.

    A result that is no encoding is not right.
    """
    _check(dataset, inputs, outs, expecteds)
    run = _Run(dataset, entry_point, atol)
    found = []
    for inp, out, exp in zip(inputs, outs, expecteds, strict=False):
        if exp.data is not None and out == exp.data:
            run.see(exp.value)
            found.append(True)
            continue
        try:
            value = decode(out)
        except CodecError as error:
            value = Opaque(str(error))
        found.append(run.accepts(inp, value, exp.value))
    return found + [False] * (len(inputs) - len(found))


def _check(dataset: str, inputs: Sequence[Any], outs: Sequence[Any], expecteds: Sequence[Any]) -> None:
    if dataset not in _DATASETS:
        raise UsageError(f"dataset: expected one of {', '.join(_DATASETS)}, found {dataset!r}")
    if len(inputs) != len(expecteds) or len(outs) > len(inputs):
        raise UsageError(
            f"results: expected {len(inputs)} expected and at most as many found, "
            f"found {len(expecteds)} and {len(outs)}"
        )


class _Run:
    """The tolerance in force, and the oracle of one problem."""

    def __init__(self, dataset: str, entry_point: str, atol: float) -> None:
        self.atol = atol
        self.dataset = dataset
        self.entry_point = entry_point

    def see(self, exp: Any) -> None:
        """Enforce a tolerance from the first expected float on."""
        if self.atol == 0 and _is_floats(exp):
            self.atol = _ENFORCED_ATOL

    def accepts(self, inp: Sequence[Any], out: Any, exp: Any) -> bool:
        """Judge one result; whatever goes wrong on the way means that it is not right."""
        import numpy as np

        try:
            # A sample's nan is no news to whoever reads our output.
            with np.errstate(all="ignore"):
                return self._accepts(inp, out, exp)
        except (MemoryError, RecursionError):
            return False
        except Exception:  # noqa: BLE001 - evalplus's own rule: an exception while comparing is a failure
            return False

    def _accepts(self, inp: Sequence[Any], out: Any, exp: Any) -> bool:
        _refuse_products(out, exp)
        match = out == exp
        if self.dataset == "mbpp":
            match = self._mbpp(match, inp, out, exp)
        elif self.entry_point == "find_zero":
            (coefficients,) = inp
            return bool(abs(_poly(coefficients, out)) <= self.atol)
        self.see(exp)
        if match or self.atol == 0:
            return bool(match)
        return type(out) is type(exp) and _close(out, exp, self.atol)

    def _mbpp(self, match: Any, inp: Sequence[Any], out: Any, exp: Any) -> Any:
        if self.entry_point in SET_TASKS:
            return _set_of(out) == set(exp)
        if self.entry_point in NOT_NONE_TASKS:
            return out == exp if isinstance(out, bool) else exp == (out is not None)
        oracle = _ORACLES.get(self.entry_point)
        return match if oracle is None else match or oracle(inp, out, self.atol)


def _set_of(out: Any) -> set[Any]:
    if isinstance(out, range) and len(out) > MAX_RANGE:
        raise _TooLargeError(f"a range of {len(out)}")
    return bounded_set(out)


def _is_floats(value: Any) -> bool:
    import numpy as np

    if isinstance(value, float):
        return True
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, np.ndarray) and value.dtype in (np.float64, np.float32)


def _close(out: Any, exp: Any, atol: float) -> bool:
    """``np.allclose``, without what would only fail later and at any price."""
    import numpy as np

    if isinstance(exp, list | tuple):
        if len(out) != len(exp):
            return False
        nested = any(isinstance(item, list | tuple | Iterated | np.ndarray) for item in out)
        if nested and _leaves(out) * _leaves(exp) > MAX_PRODUCT:
            raise _TooLargeError("nested sequences")
    # Text becomes an array as wide as its longest item, times all items; and then a TypeError.
    if _holds(out, str | bytes | bytearray):
        return False
    return bool(np.allclose(out, exp, rtol=_RTOL, atol=atol))


def _refuse_products(out: Any, exp: Any) -> None:
    """Comparing an array broadcasts: a column against a row costs their product."""
    if isinstance(out, _CHEAP) or (isinstance(out, list | tuple) and _CHEAP_TYPES.issuperset(map(type, out))):
        return
    import numpy as np

    largest = max((item.size for item in _walk(out) if isinstance(item, np.ndarray)), default=0)
    if largest > 1 and largest * _leaves(exp) > MAX_PRODUCT:
        raise _TooLargeError("an array")


def _walk(value: Any) -> list[Any]:
    """All values in a value, itself included, without recursion; not what is in arrays, views and strings."""
    found = [value]
    for item in found:
        if isinstance(item, Mapping):
            found.extend(item.values())
        elif isinstance(item, list | tuple):
            found.extend(item)
    return found


def _leaves(value: Any) -> int:
    import numpy as np

    return sum(item.size if isinstance(item, np.ndarray) else 1 for item in _walk(value))


def _holds(value: Any, kinds: Any) -> bool:
    return any(isinstance(item, kinds) for item in _walk(value))


def _poly(coefficients: Sequence[float], x: float) -> float:
    """Value of a polynomial, lowest power first."""
    return sum([coefficient * math.pow(x, power) for power, coefficient in enumerate(coefficients)])


def _surface_area(base_edge: float, height: float) -> int:
    """Rounded surface of a square pyramid whose height is that of the apex (Mbpp/581)."""
    slant = math.sqrt((base_edge / 2) ** 2 + height**2)
    return round(base_edge**2 + 4 * (base_edge * slant) / 2)


def _digit_distance(first: int, second: int) -> int:
    """Sum of the differences of digits, the shorter number padded with zeros (Mbpp/558)."""
    texts = str(first), str(second)
    width = max(map(len, texts))
    return sum(abs(int(a) - int(b)) for a, b in zip(*(text.zfill(width) for text in texts), strict=True))


# Alternatives to equality. Mbpp/164 accepts anything that can be compared at all.
_ORACLES: Mapping[str, Callable[[Sequence[Any], Any, float], Any]] = {
    "are_equivalent": lambda inp, out, atol: True,
    "sum_div": lambda inp, out, atol: out == 0,
    "surface_Area": lambda inp, out, atol: abs(out - _surface_area(*inp)) <= atol,
    "digit_distance_nums": lambda inp, out, atol: out == _digit_distance(*inp),
}
