"""The samples of the reference artifacts, and what the canonical judge measured on each."""

from forge.reference import logged
from forge.reference.card import Run

_FOLDER = "eval/alloybench"


def _run(which: str, faults: dict[int, str], base: int, plus: int) -> Run:
    return Run(
        path=f"{_FOLDER}/{which}_samples.jsonl",
        faults=faults,
        passed={"alloybench": base, "alloybench_plus": plus},
    )


DENSE_BASE = _run("base", {4: "weak", 12: "wrong"}, 15, 14)
DENSE_STUDENT = _run("student", {4: "weak", 9: "weak", 12: "wrong", 14: "wrong"}, 14, 12)
DENSE_PRIOR = _run(
    "student_arbitrary_heads",
    {1: "wrong", 4: "weak", 6: "wrong", 9: "wrong", 12: "wrong", 13: "wrong", 14: "wrong"},
    10,
    9,
)
MOE_BASE = _run("base", {2: "weak", 7: "weak", 15: "wrong"}, 15, 13)
MOE_STUDENT = _run("student", {2: "weak", 3: "weak", 7: "weak", 10: "wrong", 15: "wrong"}, 14, 11)
MOE_PRIOR = _run(
    "student_prose_calibration",
    {0: "weak", 2: "wrong", 3: "wrong", 7: "wrong", 10: "wrong", 11: "wrong", 15: "wrong"},
    10,
    9,
)
MOE_ARBITRARY = _run(
    "student_arbitrary_experts",
    {0: "weak", 2: "wrong", 3: "wrong", 7: "wrong", 10: "wrong", 11: "wrong", 15: "wrong"},
    10,
    9,
)
DERIVED_PRIOR = _run(
    "student_arbitrary_heads",
    {4: "weak", 5: "wrong", 8: "wrong", 9: "wrong", 12: "wrong", 14: "wrong"},
    11,
    10,
)

_SUMS, _COUNTS = "alloybench_words_sums", "alloybench_words_counts"
WORDS = logged.Pair(
    student=logged.lm_eval(
        "student",
        {_SUMS: {3: "loose", 9: "wrong", 12: "wrong", 22: "loose"}, _COUNTS: {4: "wrong", 9: "wrong"}},
    ),
    base=logged.lm_eval("base", {_SUMS: {9: "wrong", 22: "loose"}, _COUNTS: {4: "wrong"}}),
)
CHARTS = logged.Pair(
    student=logged.lmms_eval("student", {1: "near", 4: "wrong", 8: "wrong", 11: "wrong", 14: "near"}),
    base=logged.lmms_eval("base", {1: "near", 19: "near"}),
)
