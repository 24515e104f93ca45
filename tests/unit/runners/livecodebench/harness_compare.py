"""Ask LiveCodeBench itself whether outputs are right, in its own process: its timers need the main thread.

Reads a JSON list of [returned, output as a Python expression, expected text] and prints a list of verdicts.
The harness grades a program that does nothing but print, or return, the output.
"""

import json
import signal
import sys

import livecodebench.evaluation.compute_code_generation_metrics  # noqa: F401 (it lifts the limit on digits)
import numpy as np
from livecodebench.evaluation import testing_util as harness

_PRINTS = "import sys\nsys.stdout.write({})\n"
_RETURNS = """
import numpy as np
from decimal import Decimal
from fractions import Fraction
class Solution:
    def answer(self, _):
        return {}
"""


def verdict(returned: bool, found: str, expected: str) -> bool:
    try:
        if returned:
            grades, _ = harness.grade_call_based(_RETURNS.format(found), ["0"], [expected], "answer", 60)
        else:
            grades, _ = harness.grade_stdio(_PRINTS.format(found), [""], [expected], 60)
        # An array without elements has no grade: the harness's counting breaks on it, and here it is wrong.
        fixed = [grade.item(0) if isinstance(grade, np.ndarray) else grade for grade in grades]
    except Exception:
        return False
    return bool(np.all(np.array(fixed) > 0))


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, harness.timeout_handler)
    print(json.dumps([verdict(*case) for case in json.load(sys.stdin)]))
