"""A tiny benchmark of our own in the HumanEval+ format, so that the drills need no published dataset.

Cheats and hostile samples name the problem that they pretend to solve in their second line
(``# solves: ENTRY``); the first line says what they do.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from verifier.sandbox import doctor

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
    _problem("Drill/4", "tally", "n", "    return n * n + 1\n", [[6]], [[11]], 0),
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
        "    slant = (base * base / 4 + height**2) ** 0.5\n    return round(base * (base + 2 * slant))\n",
        [[3, 4], [4, 5]],
        [[1, 2], [10, 7]],
        0,
    ),
)
KIND = {p["entry_point"]: kind for kind, ps in (("humaneval", HUMANEVAL), ("mbpp", MBPP)) for p in ps}
PROBLEM = {p["entry_point"]: p for p in HUMANEVAL + MBPP}
HONEST = tuple(p["entry_point"] for p in HUMANEVAL + MBPP)


def require_sandbox() -> None:
    """Skip the test where too few sandbox layers work; not at import, for finding out takes a while."""
    if not doctor.sufficient():
        found = "; ".join(f"{layer.name}: {layer.detail}" for layer in doctor.layers() if not layer.available)
        pytest.skip(f"needs a sandbox with enough layers; missing: {found}")


def canonical(entry: str) -> str:
    """Return the honest solution of a problem, as a standalone sample."""
    problem = PROBLEM[entry]
    return str(problem["prompt"] + problem["canonical_solution"])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run of the judge: a dataset and a samples file, both written for it.

    Attributes:
        kind: ``"humaneval"`` or ``"mbpp"``.
        dataset: path of the dataset.
        samples: path of the samples.
        tasks: task id by the name of what answers it.
    """

    kind: str
    dataset: Path
    samples: Path
    tasks: Mapping[str, str]


def write_round(folder: Path, kind: str, answers: Iterable[tuple[str, str, str]]) -> Round:
    """Write a round in which every answer has a task of its own.

    One task each, because a repeated task would merge the results of its samples.

    Args:
        folder: an existing folder to write into.
        kind: ``"humaneval"`` or ``"mbpp"``; answers to problems of the other kind are left out.
        answers: (name, entry point, code) of each sample.
    """
    tasks, problems, samples = {}, [], []
    # MBPP numbers from 10,000: no published problem's conversion rules apply to them.
    for number, (name, entry, code) in enumerate((a for a in answers if KIND[a[1]] == kind), 10_000):
        task = f"{'Mbpp' if kind == 'mbpp' else 'Drill'}/{number}"
        tasks[name] = task
        problems.append(json.dumps({**PROBLEM[entry], "task_id": task}) + "\n")
        samples.append(json.dumps({"task_id": task, "solution": code}) + "\n")
    folder.mkdir(parents=True, exist_ok=True)
    dataset, answered = folder / "dataset.jsonl", folder / "samples.jsonl"
    dataset.write_text("".join(problems), encoding="utf-8")
    answered.write_text("".join(samples), encoding="utf-8")
    return Round(kind=kind, dataset=dataset, samples=answered, tasks=tasks)


def among_honest(every: Iterable[Specimen]) -> list[tuple[str, str, str]]:
    """Arrange specimens so that honest and wrong samples stand between them.

    Their names begin with ``honest:`` and ``wrong:``; each has a comment of its own, so that no two
    are the same work to a judge that avoids doing the same work twice.
    """
    answers = []
    for number, specimen in enumerate(every):
        entry = HONEST[number % len(HONEST)]
        answers.append((f"honest:{number}", entry, f"{canonical(entry)}# copy {number}\n"))
        answers.append((specimen.name, specimen.entry, specimen.code))
        if number % 4 == 0:
            answers.append((f"wrong:{number}", "ripple", f"def ripple(n):\n    return {number}\n"))
    return answers
