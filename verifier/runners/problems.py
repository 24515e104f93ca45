"""Reading a benchmark's dataset: HumanEval+ and MBPP+ in evalplus's JSONL format, without evalplus.

``evalplus.data`` imports a stack of half a gigabyte, and reads whatever file it is given without limits.
"""

import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from verifier.errors import DocumentError, UsageError

MAX_BYTES = 512 * 1024 * 1024
MAX_LINE = 64 * 1024 * 1024
MAX_PROBLEMS = 20_000
KINDS = ("humaneval", "mbpp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a benchmark.

    Attributes:
        task_id: such as ``HumanEval/0``.
        prompt: what the model was given; a completion is appended to it.
        entry_point: name of the function that is called.
        canonical_solution: the reference solution's body; appended to ``prompt``.
        base_input: argument lists of the original benchmark.
        plus_input: argument lists that the plus version adds.
        atol: absolute tolerance for floating-point results; 0 for exact results.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    base_input: tuple[Any, ...]
    plus_input: tuple[Any, ...]
    atol: float


def load_problems(path: Path, kind: str) -> dict[str, Problem]:
    """Read a dataset.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file.
        kind: ``"humaneval"`` or ``"mbpp"``; the latter's inputs get back the types that
            they stand for.

    Returns:
        Problems by task id, in the file's order.

    Raises:
        DocumentError: the file is not such a dataset, or larger than any known one by far.
        UsageError: unknown ``kind``.
    """
    if kind not in KINDS:
        raise UsageError(f"dataset kind: expected one of {', '.join(KINDS)}, found {kind!r}")
    problems: dict[str, Problem] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        problem = _problem(line, number, kind)
        if problem.task_id in problems:
            raise DocumentError(
                f"{path.name} line {number}: expected new task ids, found {problem.task_id} again"
            )
        if len(problems) >= MAX_PROBLEMS:
            raise DocumentError(f"{path.name}: expected at most {MAX_PROBLEMS} problems, found more")
        problems[problem.task_id] = problem
    if not problems:
        raise DocumentError(f"{path.name}: expected problems, found none")
    return problems


_GZIP_MAGIC = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file or a gzip file, refusing a decompression bomb before it unfolds."""
    total = 0
    try:
        # By content, not by name: in a content-addressed store the file has no suffix.
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while line := file.readline(MAX_LINE + 1):
                total += len(line)
                if len(line) > MAX_LINE or total > MAX_BYTES:
                    raise DocumentError(
                        f"{path.name}: expected at most {MAX_LINE} bytes a line, {MAX_BYTES} in all"
                    )
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{path.name}: expected a readable dataset, found {error}") from error


def _problem(line: bytes, number: int, kind: str) -> Problem:
    where = f"dataset line {number}"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{where}: expected JSON, found {error}") from error
    if not isinstance(record, dict):
        raise DocumentError(f"{where}: expected an object, found {type(record).__name__}")
    texts = {name: _typed(record, name, str, where) for name in _TEXTS}
    if "/" not in texts["task_id"] or not texts["entry_point"].isidentifier():
        raise DocumentError(f"{where}: expected task_id NAME/NUMBER and an identifier as entry_point")
    return Problem(
        **texts,
        base_input=_inputs(record, "base_input", texts["task_id"], kind, where),
        plus_input=_inputs(record, "plus_input", texts["task_id"], kind, where),
        atol=_tolerance(record, where),
    )


_TEXTS = ("task_id", "prompt", "entry_point", "canonical_solution")


def _typed(record: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = record.get(name)
    if not isinstance(value, kind):
        found = "nothing" if name not in record else type(value).__name__
        raise DocumentError(f"{where}: expected {kind.__name__}, found {found}", pointer=f"/{name}")
    return value


def _tolerance(record: Mapping[str, Any], where: str) -> float:
    value = record.get("atol")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise DocumentError(f"{where}: expected a finite number from 0, found {value!r}", pointer="/atol")
    return value


def _inputs(record: Mapping[str, Any], name: str, task_id: str, kind: str, where: str) -> tuple[Any, ...]:
    value = record.get(name)
    # MBPP+ has {} instead of [] where a problem got no further inputs.
    if value == {}:
        value = []
    if not isinstance(value, list) or not all(isinstance(inp, list) for inp in value):
        raise DocumentError(f"{where}: expected a list of argument lists", pointer=f"/{name}")
    if kind != "mbpp":
        return tuple(value)
    try:
        return tuple(deserialize_mbpp(task_id, value))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DocumentError(
            f"{where}: expected inputs of {task_id}'s types, found {error}", pointer=f"/{name}"
        ) from error


_Convert = Callable[[Any], Any]


class _Rule(NamedTuple):
    """How the argument lists of a problem get their types back from JSON.

    Attributes:
        arguments: a conversion for each argument from the first.
        further: conversion of the arguments beyond those; None drops them, as evalplus does.
        outer: type of the argument list itself.
    """

    arguments: tuple[_Convert, ...] = ()
    further: _Convert | None = None
    outer: type[list[Any]] | type[tuple[Any, ...]] = list

    def apply(self, inp: list[Any]) -> Any:
        """Convert one argument list."""
        count = len(self.arguments)
        converted = [convert(inp[index]) for index, convert in enumerate(self.arguments)]
        if self.further is not None:
            converted += [self.further(argument) for argument in inp[count:]]
        return self.outer(converted)


def _same(value: Any) -> Any:
    return value


def _tuples(value: Iterable[Any]) -> list[Any]:
    return [tuple(item) for item in value]


def _tuple_of_tuples(value: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(item) for item in value)


def _tuple_where_lists(value: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


def _sets(value: Iterable[Any]) -> list[Any]:
    return [set(item) if isinstance(item, list) and item else {} for item in value]


def _tuple_values(value: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: tuple(item) for key, item in value.items()}


def _deep_tuple(value: Any) -> Any:
    return tuple(_deep_tuple(item) for item in value) if isinstance(value, list) else value


# Problem numbers by rule. Source: mbpp_deserialize_inputs of evalplus 0.3.1; a test holds the two together.
_TABLE: tuple[tuple[_Rule, str], ...] = (
    (
        _Rule(further=tuple),
        "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809",
    ),
    (_Rule(further=_tuples), "63 64 70 94 120 237 272 299 400 409 417 438 473 614 780"),
    (_Rule((_tuples, _same)), "75 413 444 753"),
    (_Rule((_same, tuple)), "106 750"),
    (_Rule((_sets,)), "115"),
    (_Rule((float, complex), outer=tuple), "124"),
    (_Rule((tuple, _same)), "250 405 446 617 720 763 808"),
    (_Rule((complex,)), "252"),
    (_Rule(further=_tuple_of_tuples), "259 401 445"),
    (_Rule((_tuple_where_lists,)), "278"),
    (_Rule((tuple, _same, _same)), "307"),
    (_Rule(further=_deep_tuple, outer=tuple), "580 615 791"),
    (_Rule((_tuple_values,), further=_same), "722"),
)
_RULES: Mapping[int, _Rule] = {int(number): rule for rule, numbers in _TABLE for number in numbers.split()}


def deserialize_mbpp(task_id: str, inputs: list[Any]) -> list[Any]:
    """Give MBPP+ inputs the types that JSON has no words for, exactly as evalplus 0.3.1 does.

    Args:
        task_id: such as ``Mbpp/2``.
        inputs: argument lists as parsed from JSON.

    Returns:
        One argument list (for some problems: tuple) for each input.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: an input is not of the problem's form.
    """
    rule = _RULES.get(int(task_id.rsplit("/", 1)[-1]))
    return inputs if rule is None else [rule.apply(inp) for inp in inputs]
