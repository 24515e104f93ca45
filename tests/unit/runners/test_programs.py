"""What is remembered of programs: equal to the dataset's own but for comments, or another problem's."""

from collections.abc import Callable

import pytest

from verifier.errors import JudgeError
from verifier.runners import programs
from verifier.runners.problems import Problem


def problem(task: str, entry: str, prompt: str, solution: str) -> Problem:
    return Problem(
        task_id=task,
        prompt=prompt,
        entry_point=entry,
        canonical_solution=solution,
        base_input=(),
        plus_input=(),
        atol=0,
    )


MEAN = problem(
    "T/0",
    "mean",
    'from typing import List\n\n\ndef mean(xs: List[float]) -> float:\n    """Mean."""\n',
    "    total = 0\n    for x in xs:\n        total += x\n    return total / len(xs)\n",
)
PRIME = problem(
    "T/1",
    "is_prime",
    'def is_prime(n):\n    """Prime?"""\n',
    "    return n > 1 and all(n % i for i in range(2, n))\n",
)
FIB = problem(
    "T/2",
    "prime_fib",
    'def is_prime(n):\n    return all(n % i for i in range(2, n))\n\n\ndef prime_fib(n):\n    """Fib."""\n',
    "    return n\n",
)
TWIN = problem("T/3", "mean", 'def mean(a):\n    """Another mean."""\n', "    return sum(a) / len(a)\n")
PROBLEMS = {p.task_id: p for p in (MEAN, PRIME, FIB, TWIN)}


def look(task: str, text: str) -> dict[str, object]:
    request = {
        "programs": {task: text},
        "problems": {
            p.task_id: [p.entry_point, p.prompt, p.prompt + p.canonical_solution] for p in PROBLEMS.values()
        },
    }
    return programs.compare(request, lambda done: None).get(task, {})


@pytest.mark.parametrize(
    "text",
    [
        MEAN.prompt + MEAN.canonical_solution,
        "def mean(xs):\n  # the mean\n  total = 0\n  for x in xs: total += x\n  return total / len(xs)",
        "import os\ndef helper(): pass\n" + MEAN.prompt + MEAN.canonical_solution + "\nprint(mean([1]))\n",
        "def mean(xs):\n    return 1\n" + MEAN.prompt + MEAN.canonical_solution,
    ],
    ids=["itself", "reformatted", "surrounded", "the last definition counts"],
)
def test_the_datasets_own_solution_is_recognised(text: str) -> None:
    found = look("T/0", text)
    assert (found["canonical"], found["of"]) == (True, "")
    assert found["size"] == look("T/0", MEAN.prompt + MEAN.canonical_solution)["size"]


@pytest.mark.parametrize(
    "text",
    [
        "def mean(ys):\n    total = 0\n    for y in ys:\n        total += y\n    return total / len(ys)",
        "def mean(xs):\n    return sum(xs) / len(xs)",
        MEAN.prompt,
        "",
        "total = 3",
    ],
)
def test_other_programs_are_not_it(text: str) -> None:
    found = look("T/0", text)
    assert (found["canonical"], found["of"]) == (False, "")


def test_an_answer_to_another_problem_names_it() -> None:
    assert look("T/0", PRIME.prompt + PRIME.canonical_solution)["of"] == "T/1"
    assert look("T/1", "def mean(a):\n    return 0")["of"] == "T/0"
    # Two problems want a function of this name; the quoted prompt tells which.
    assert look("T/1", TWIN.prompt + TWIN.canonical_solution)["of"] == "T/3"


def test_helpers_of_the_own_prompt_are_no_other_problem() -> None:
    assert look("T/2", "def is_prime(n):\n    return True\n")["of"] == ""
    assert look("T/0", "def mean(xs):\n    return 1\ndef is_prime(n):\n    return True\n")["of"] == ""
    assert look("T/0", "from solutions import mean\ndef is_prime(n):\n    return True\n")["of"] == ""
    assert look("T/0", "mean = lambda xs: 0\ndef is_prime(n):\n    return True\n")["of"] == ""
    assert look("T/0", "from sympy import is_prime\n")["of"] == ""


@pytest.mark.parametrize(
    "text",
    [
        "def mean(xs:\n",
        "-" * 60_000 + "1",
        "(" * 60_000,
        "x = '\0'",
        "x" + ".y" * 30_000,
        "x" * 70_000,
        "\ufeff",
    ],
    ids=["syntax", "signs", "brackets", "null", "attributes", "long", "mark"],
)
def test_hostile_programs_are_remembered_by_their_digest_alone(text: str) -> None:
    found = programs.answers([("T/0", text), ("T/1", PRIME.prompt + PRIME.canonical_solution)], PROBLEMS)
    assert (found["T/0"].canonical, found["T/0"].of, found["T/0"].length) == (False, "", len(text.strip()))
    assert found["T/1"].canonical


def test_a_parser_that_dies_costs_nothing_but_the_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(
        entry: str, request: object, on_progress: Callable[[int], None] | None = None
    ) -> dict[str, object]:
        raise JudgeError("the process ended without an answer")

    monkeypatch.setattr(programs, "ask", dead)
    (found,) = programs.answers([("T/0", " def mean(xs): ... ")], PROBLEMS).values()
    assert (found.length, found.size, found.canonical) == (17, 0, False)


def test_nothing_to_look_at_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ask", None)
    assert programs.answers([], PROBLEMS) == {}
