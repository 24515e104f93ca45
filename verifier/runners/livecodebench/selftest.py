"""Both judges must tell right programs from wrong ones before they are believed about others."""

from verifier.errors import JudgeError
from verifier.runners.livecodebench import judges
from verifier.runners.livecodebench.dataset import Tests
from verifier.sandbox.client import Sandbox

_METHOD = Tests(inputs=["2\n[3]", "5\n[]"], outputs=["[3, 2]", "[5]"], function="add")
_PROGRAM = Tests(inputs=["1 2\n", "3 4\n"], outputs=["3\n1.0", "7\n1"], function=None)
_CASES = (
    (_METHOD, "class Solution:\n    def add(self, a, b):\n        return [*b, a]\n", "pass"),
    (_METHOD, "class Solution:\n    def add(self, a, b):\n        return [a, *b]\n", "fail"),
    (_PROGRAM, "a, b = map(int, input().split())\nprint(a + b)\nprint(b - a)\n", "pass"),
    (_PROGRAM, "a, b = map(int, input().split())\nprint(a * b)\nprint(b - a)\n", "fail"),
)


def self_test(sandbox: Sandbox) -> None:
    """Judge right and wrong programs.

    Raises:
        JudgeError: a judge does not tell them apart.
    """
    for tests, code, expected in _CASES:
        official, _ = judges.judge_officially(sandbox, tests, tests.as_the_harness_has_them(), code)
        isolated = judges.judge_in_isolation(sandbox, tests, code)
        # On a machine under load even this can run out of time; that alone is no sign of a broken judge.
        for name, run in (("official", official), ("isolated", isolated)):
            if run.status not in (expected, "timeout"):
                raise JudgeError(
                    f"{name} judge: expected {expected} on a known program, found {run.status}",
                    remedy="run `alloy doctor`; install the packages of [livecodebench] anew",
                )
