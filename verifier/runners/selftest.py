"""Both judges must tell a right solution from a wrong one before they are believed about others.

A judge that breaks inside its sandbox looks like a sample that fails; this is where the two are told apart.
"""

from verifier.errors import JudgeError
from verifier.runners import judges
from verifier.runners.answers import from_values
from verifier.runners.judges import Suite
from verifier.runners.problems import Problem
from verifier.sandbox.client import Sandbox

_PROBLEM = Problem(
    task_id="self-test",
    prompt="def double(number):\n",
    entry_point="double",
    canonical_solution="    return number * 2\n",
    base_input=([2], [5]),
    plus_input=(),
    atol=0,
)
_RIGHT = _PROBLEM.prompt + _PROBLEM.canonical_solution
_WRONG = _PROBLEM.prompt + "    return number + 2\n"


def self_test(official: Sandbox, isolated: Sandbox) -> None:
    """Judge a right and a wrong solution.

    Raises:
        JudgeError: a judge does not tell them apart.
    """
    suite = _suite()
    for code, expected in ((_RIGHT, "pass"), (_WRONG, "fail")):
        first = judges.judge_officially(official, "humaneval", _PROBLEM, [suite], code)["base"].status
        second = judges.judge_in_isolation(isolated, "humaneval", _PROBLEM, suite, code).status
        # On a machine under load even this can run out of time; that alone is no sign of a broken judge.
        for name, found in (("official", first), ("isolated", second)):
            if found not in (expected, "timeout"):
                raise JudgeError(f"{name} judge: expected {expected} on a known solution, found {found}")


def _suite() -> Suite:
    # Not when this module is imported: tier 1 asks for benchmarks, too, and has to do without numpy.
    answers = from_values("humaneval", "double", _PROBLEM.base_input, (4, 10))
    return Suite(name="base", inputs=_PROBLEM.base_input, answers=answers, times=(0.0, 0.0))
