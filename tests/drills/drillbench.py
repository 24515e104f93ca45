"""A tiny benchmark of our own in the HumanEval+ format, so that the drills need no published dataset.

Cheats and hostile samples name the problem that they pretend to solve in their second line
(``# solves: ENTRY``); the first line says what they do.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One committed sample that must not be believed.

    Attributes:
        name: the file's stem.
        says: what it does, from its first line.
        entry: entry point of the problem that it pretends to solve.
        code: the whole sample.
    """

    name: str
    says: str
    entry: str
    code: str


def _problem(
    number: str, entry: str, signature: str, body: str, base: Any, plus: Any, atol: float
) -> dict[str, Any]:
    return {
        "task_id": number,
        "entry_point": entry,
        "prompt": f"def {entry}({signature}):\n",
        "canonical_solution": body,
        "base_input": base,
        "plus_input": plus,
        "atol": atol,
        "contract": "",
        "test": "",
        "assertion": "",
    }


_RIPPLE = """    total = 0
    step = 1
    while step <= n:
        total = total * 3 + step * step
        step += 1
    return total % 1000003
"""
_WEAVE = """    letters = sorted(text)
    return [number * number + ord(letters[index % len(letters)]) for index, number in enumerate(numbers)]
"""
_MEAN_GAP = """    gaps = [abs(right - left) for left, right in zip(values, values[1:])]
    return sum(gaps) / len(gaps) + 0.25
"""
_FIND_ZERO = """    def value(x):
        return sum(c * x**k for k, c in enumerate(xs))

    low, high = -1.0, 1.0
    while value(low) * value(high) > 0:
        low *= 2.0
        high *= 2.0
    while high - low > 1e-12:
        middle = (low + high) / 2.0
        if value(middle) * value(low) > 0:
            low = middle
        else:
            high = middle
    return low
"""

HUMANEVAL: tuple[dict[str, Any], ...] = (
    _problem("Drill/0", "ripple", "n", _RIPPLE, [[4], [9], [17]], [[23], [31], [45], [60]], 0),
    _problem(
        "Drill/1",
        "weave",
        "numbers, text",
        _WEAVE,
        [[[1, 2, 3], "ab"], [[5], "xyz"]],
        [[[7, 8, 9, 10], "loom"], [[0, -4], "thread"], [[100], "z"]],
        0,
    ),
    _problem(
        "Drill/2",
        "mean_gap",
        "values",
        _MEAN_GAP,
        [[[1.0, 2.5, 4.0]], [[0.5, 0.25]]],
        [[[9.0, 1.0, 3.0, 2.0]], [[-1.5, 1.5]]],
        1e-6,
    ),
    _problem(
        "Drill/3", "find_zero", "xs", _FIND_ZERO, [[[1, 2]], [[-6, 11, -6, 1]]], [[[3, -7, 2, 5]]], 1e-4
    ),
)
MBPP: tuple[dict[str, Any], ...] = (
    _problem(
        "Mbpp/2",
        "similar_elements",
        "first, second",
        "    return tuple(set(first) & set(second))\n",
        [[[1, 2, 3], [2, 3, 4]]],
        [[[5, 6], [6, 7]], [[9, 9, 1], [1, 9]]],
        0,
    ),
    _problem(
        "Mbpp/581",
        "surface_Area",
        "base, height",
        "    slant = (base * base / 4 + height**2) ** 0.5\n    return round(base * base + 2 * base * slant)\n",
        [[3, 4], [4, 5]],
        [[1, 2], [10, 7]],
        0,
    ),
)
KIND = {p["entry_point"]: kind for kind, ps in (("humaneval", HUMANEVAL), ("mbpp", MBPP)) for p in ps}
PROBLEM = {p["entry_point"]: p for p in HUMANEVAL + MBPP}


def canonical(entry: str) -> str:
    """Return the honest solution of a problem, as a standalone sample."""
    problem = PROBLEM[entry]
    return str(problem["prompt"] + problem["canonical_solution"])


def inputs(entry: str) -> list[Any]:
    """Return base and plus inputs as the judge runs them (MBPP deserialisation included)."""
    problem = PROBLEM[entry]
    every = json.loads(json.dumps(problem["base_input"] + problem["plus_input"]))
    if entry == "similar_elements":
        return [[tuple(argument) for argument in arguments] for arguments in every]
    return list(every)


def expected(entry: str) -> list[Any]:
    """Return what the honest solution returns for each of :func:`inputs`."""
    space: dict[str, Any] = {}
    exec(canonical(entry), space)
    return [space[entry](*arguments) for arguments in inputs(entry)]


def specimens(folder: str) -> tuple[Specimen, ...]:
    """Read the committed samples of ``cheats`` or ``hostile``, sorted by name."""
    found = []
    for path in sorted((HERE / folder).glob("*.py")):
        code = path.read_text(encoding="utf-8")
        says, solves = code.splitlines()[:2]
        entry = solves.removeprefix("# solves: ")
        if not says.startswith("# ") or entry not in PROBLEM:
            raise ValueError(
                f"{path.name}: expected a description and a '# solves:' line, found {says!r}, {solves!r}"
            )
        found.append(Specimen(name=path.stem, says=says[2:], entry=entry, code=code))
    return tuple(found)


def write_dataset(path: Path, kind: str) -> Path:
    """Write the problems of one kind as a JSONL file and return its path."""
    problems = HUMANEVAL if kind == "humaneval" else MBPP
    path.write_text("".join(json.dumps(problem) + "\n" for problem in problems), encoding="utf-8")
    return path


def write_samples(path: Path, solutions: Mapping[str, str] | Iterable[tuple[str, str]]) -> Path:
    """Write (entry point, solution) pairs as a samples file and return its path."""
    pairs = solutions.items() if isinstance(solutions, Mapping) else solutions
    lines = [
        json.dumps({"task_id": PROBLEM[entry]["task_id"], "solution": code}) + "\n" for entry, code in pairs
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path
