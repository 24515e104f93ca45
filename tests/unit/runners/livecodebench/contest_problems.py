"""A small contest in the benchmark's own format, with three programs a problem: right ones and wrong ones.

The programs are harmless: the tests let the harness itself run them, outside of any sandbox.
"""

import base64
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Cases = Sequence[tuple[str, str]]


def packed(cases: Cases, kind: str) -> str:
    """Private tests as the published dataset holds them."""
    return base64.b64encode(zlib.compress(pickle.dumps(plain(cases, kind)))).decode("ascii")


def plain(cases: Cases, kind: str) -> str:
    return json.dumps([{"input": one, "output": other, "testtype": kind} for one, other in cases])


def problem(
    question: str,
    public: Cases,
    private: Cases,
    *,
    function: str | None = None,
    pack: bool = True,
    title: str = "",
) -> dict[str, Any]:
    """One line of the dataset."""
    kind = "functional" if function else "stdin"
    return {
        "question_title": title or f"Problem {question}",
        "question_content": f"Solve {question}: read, think, answer. (Ünïcode ☃)",
        "platform": "leetcode" if function else "atcoder",
        "question_id": question,
        "contest_id": "contest-1",
        "contest_date": "2024-11-02T00:00:00",
        "starter_code": f"class Solution:\n    def {function}(self):\n        " if function else "",
        "difficulty": "easy",
        "public_test_cases": plain(public, kind),
        "private_test_cases": packed(private, kind) if pack else plain(private, kind),
        "metadata": json.dumps({"func_name": function} if function else {}),
    }


def solution(body: str, head: str) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return f"class Solution:\n    def {head}:\n{lines}"


SUM = problem("abc301_a", [("1 2\n", "3\n")], [("5 6\n", "11\n"), ("-4 4\n", "0\n")])
REVERSED = problem("abc302_b", [("2\nab\ncd\n", "cd\nab\n")], [("3\nx\ny\nz\n", "z\ny\nx")], pack=False)
MEAN = problem("abc303_c", [("1 2\n", "1.5\n")], [("4 4\n", "4\n"), ("1 8\n", "4.50")])
GREETING = problem("abc304_d", [("Zoë\n", "Grüß dich, Zoë ☃\n")], [("世界\n", "Grüß dich, 世界 ☃\n")])
FACTORIAL = problem("arc305_a", [("5\n", "120\n")], [("30\n", "265252859812191058636308480000000\n")])
WORDS = problem("arc306_b", [("a b c\n", "3\n")], [("one\ntwo three\n\nfour\n", "4\n"), ("\n", "0\n")])
QUERIES = problem("1873_A", [("2\n1 1\n2 3\n", "2\n5\n")], [("3\n0 0\n9 1\n5 5\n", "0\n10\n10\n")])
LARGEST = problem("1873_B", [("3\n1 9 4\n", "9\n")], [("1\n-7\n", "-7\n"), ("2\n8 8\n", "8\n")])
SHIFT = problem("2727", [("[1, 2]\n3", "[4, 5]")], [("[]\n1", "[]"), ("[7]\n-7", "[0]")], function="shift")
JOIN = problem("2728", [('"ab"\n"cd"', '"abcd"')], [('""\n"é☃"', '"é☃"')], function="joined")
PAIRS = problem(
    "2729", [("3", "[[0, 1], [1, 2]]")], [("1", "[]"), ("4", "[[0, 1], [1, 2], [2, 3]]")], function="pairs"
)
EVEN = problem("2730", [("4", "true")], [("7", "false"), ("0", "true")], function="even")
HALF = problem("2731", [("3", "1.5")], [("4", "2.0"), ("9", "4.5")], function="half", pack=False)
FIRST = problem("2732", [('["x", null]', '"x"')], [("[]", "null"), ("[3]", "3")], function="first")

PROBLEMS: tuple[dict[str, Any], ...] = (
    SUM, REVERSED, MEAN, GREETING, FACTORIAL, WORDS, QUERIES, LARGEST, SHIFT, JOIN, PAIRS, EVEN, HALF, FIRST,
)  # fmt: skip

_GUARDED = """def main():
    n = input()
    print(max(map(int, input().split())))

if __name__ == '__main__':
    main()
"""

# Right, and too deep for the usual stack of 8 MiB: calls through C take their share of it.
_DEEP = """from functools import lru_cache
@lru_cache(None)
def depth(n):
    return n and depth(n - 1) + 1
a, b = map(int, input().split())
print((a + b + depth(20000) - 20000) / 2)
"""

PROGRAMS: Mapping[str, tuple[str, str, str]] = {
    "abc301_a": (
        "a, b = map(int, input().split())\nprint(a + b)\n",
        "a, b = map(int, input().split())\nprint(abs(a) + abs(b))\n",
        "while True:\n    pass\n",
    ),
    "abc302_b": (
        "n = int(input())\nfor line in [input() for _ in range(n)][::-1]:\n    print(line, '  ')\n",
        "n = int(input())\nprint(*[input() for _ in range(n)], sep='\\n')\n",
        "n = int(input())\nlines = [input() for _ in range(n + 1)]\nprint(*lines[::-1], sep='\\n')\n",
    ),
    "abc303_c": (
        "a, b = map(int, input().split())\nprint(f'{(a + b) / 2:.3f}')\n",
        "a, b = map(int, input().split())\nprint((a + b) // 2)\n",
        _DEEP,
    ),
    "abc304_d": (
        "print(f'Grüß dich, {input()} ☃')\n",
        "print('Grüß dich, ' + input().encode('ascii', 'ignore').decode() + ' ☃')\n",
        "print(f'Grüß dich, {input()} ☃'\n",
    ),
    "arc305_a": (
        "import math, sys\nsys.stdout.write(str(math.factorial(int(sys.stdin.readline()))))\n",
        "def f(n):\n    return n * f(n - 1)\nprint(f(int(input())))\n",
        "import math\nprint(float(math.factorial(int(input()))))\n",
    ),
    "arc306_b": (
        "import sys\nprint(len(sys.stdin.read().split()))\n",
        "print(len(open(0).read().split()))\n",
        "import no_such_module\nprint(0)\n",
    ),
    "1873_A": (
        "for _ in range(int(input())):\n    print(sum(map(int, input().split())))\n",
        "for _ in range(int(input())):\n    print(sum(map(int, input().split())))\nprint('done')\n",
        "for _ in range(int(input())):\n    print(sum(map(int, input().split())))\nexit()\n",
    ),
    "1873_B": (_GUARDED, "input()\nprint(sorted(input().split())[-1])\n", ""),
    "2727": (
        solution("return [n + k for n in numbers]", "shift(self, numbers: List[int], k: int) -> List[int]"),
        solution("return {n + k for n in numbers}", "shift(self, numbers, k)"),
        solution("import numpy as np\nreturn np.array(numbers) + k", "shift(self, numbers, k)"),
    ),
    "2728": (
        solution("return one + other", "joined(self, one, other)"),
        "def joined(one, other):\n    return one + other\n",
        solution("return one + other", "join(self, one, other)"),
    ),
    "2729": (
        solution("return tuple([i, i + 1] for i in range(n - 1))", "pairs(self, n)"),
        solution("return [(i, i + 1) for i in range(n - 1)]", "pairs(self, n)"),
        solution("return ([i, i + 1] for i in range(n - 1))", "pairs(self, n)"),
    ),
    "2730": (
        solution("return n % 2 == 0", "even(self, n)"),
        solution("raise SystemExit", "even(self, n)"),
        solution("return 1 - n % 2", "even(self, n)"),
    ),
    "2731": (
        solution("print('half of', n)\nreturn n / 2", "half(self, n)"),
        solution("from decimal import Decimal\nreturn Decimal(n) / 2", "half(self, n)"),
        solution("from fractions import Fraction\nreturn Fraction(n + 1, 2)", "half(self, n)"),
    ),
    "2732": (
        solution("return items[0] if items else None", "first(self, items)"),
        solution("return items[0]", "first(self, items)"),
        solution("import os\nos._exit(0)", "first(self, items)"),
    ),
}
"""By question: usually one that solves it, and two others of which some solve it, too."""


def write_dataset(path: Path, problems: Sequence[Mapping[str, Any]] = PROBLEMS) -> Path:
    """Write problems as the dataset's file."""
    path.write_text("".join(json.dumps(one) + "\n" for one in problems), encoding="utf-8")
    return path


def custom(programs: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The custom evaluator's input."""
    return [{"question_id": question, "code_list": list(codes)} for question, codes in programs.items()]


def write(path: Path, found: object) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(found), encoding="utf-8")
    return path
