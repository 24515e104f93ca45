"""Small datasets in the published datasets' own columns, and answers to them: right, wrong and odd ones.

A picture is one plain square, so that the harness meets the column it expects.
"""

from typing import Any

from forge.reference.bench import charts

FAULTS = {1: "near", 2: "wrong", 7: "near", 11: "wrong", 12: "near", 16: "near", 23: "wrong"}
"""How AlloyBench-Charts is answered; what is not named is right."""

CHARTQA = (
    ("human_test", "How many bars are red?", "14", "14"),
    ("human_test", "What is the ratio of blue to green?", "0.57", "0.6"),
    ("human_test", "Which year had the most rain?", "2016", "1920"),
    ("human_test", "Is the grey line above 50%?", "No", "no"),
    ("augmented_test", "What is the share of Käse — in %?", "12.5%", "0.125"),
    ("augmented_test", "七月的数值是多少?", "三十", "三十"),
    ("augmented_test", "Which bar is tallest?", "Norway", "Sweden"),
    ("augmented_test", "What is the sum of both?", "0", "0.0"),
)
"""Type, question, answer, what the scripted model says."""

DOCVQA = (
    (["TRRF Vice President", "Vice President"], "What is the title?", "vice  president"),
    (["11:14 to 11:39 a.m."], "What is the time?", "11:14 to 11:39 am"),
    (["March 31, 1998", "3/31/98"], "What is the date?", "it's unknown"),
    (["Österreichische Post"], "Who sent it?", "österreichische Post"),
    (["$ 975.00"], "How much?", "$975.00"),
    (['O\'Brien "Bob"'], "Whose letter is it?", "O'Brien"),
)
"""Answers, question, what the scripted model says."""

MMMU = (
    ("Accounting_1", "multiple-choice", "<image 1> Find the total.", ["$6", "$7", "$8", "$9"], "B", "B"),
    ("Accounting_2", "multiple-choice", "Which one?", ["$10", "$20"], "A", "The answer is (B)."),
    ("Art_1", "multiple-choice", "Who painted <image 1>?", ["Klee", "Miró", "Kahlo"], "C", "c'est lui"),
    (
        "Art_Theory_2",
        "multiple-choice",
        "Name the style.",
        ["late Gothic", "Baroque", "Rococo", "<image 2>"],
        "B",
        "it is quite clearly a work of the baroque age, no doubt",
    ),
    ("Biology_1", "open", "How many cells?", [], "12", "There are 12 cells.\nSo the answer is 12."),
    ("Biology_7", "open", "Name the base.", [], "adenine", "It could be guanine"),
    ("Math_3", "open", "What is x?", [], "1.50", "x = 3/2 = 1.5"),
    ("Music_4", "multiple-choice", "Which key?", ["C", "D", "E", "F", "G"], "E", "I think E. Sure."),
    ("Music_5", "multiple-choice", "Which note?", ["c", "d", "e", "f"], "D", "none"),
    ("Physics_9", "multiple-choice", "Which force?", ["5 N", "6 N", "7 N", "8 N"], "A", "A or B"),
)
"""Id, type, question, options, answer, what the scripted model says."""

AI2D = (
    ("What eats the frog?", ["snake", "grass", "fly", "sun"], "0", "A. snake"),
    ("Which is the larva?", ["A", "B", "C", "D"], "2", "c"),
    ("Name the part at X.", ["root", "stem"], "1", "The stem."),
    ("Wie heißt der Pfeil?", ["Tau", "Regen", "Schnee"], "1", "B"),
    ("Which planet is next?", ["Mars", "Venus", "Earth"], "0", " A."),
)
"""Question, options, index of the answer, what the scripted model says."""


def rows() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """By task: its split, and the rows without their pictures."""
    return {
        "chartqa": ("test", [{"type": t, "question": q, "answer": a} for t, q, a, _ in CHARTQA]),
        "docvqa_val": (
            "validation",
            [
                {"questionId": str(49153 + i), "question": q, "answers": a}
                for i, (a, q, _) in enumerate(DOCVQA)
            ],
        ),
        "mmmu_val": (
            "validation",
            [
                {"id": f"validation_{i}", "question_type": t, "question": q, "options": str(o), "answer": a}
                for i, t, q, o, a, _ in MMMU
            ],
        ),
        "ai2d": ("test", [{"question": q, "options": o, "answer": a} for q, o, a, _ in AI2D]),
    }


def answers() -> dict[str, list[str]]:
    """By task: what the scripted model says to each row."""
    tables: dict[str, tuple[Any, ...]] = {
        "chartqa": CHARTQA,
        "docvqa_val": DOCVQA,
        "mmmu_val": MMMU,
        "ai2d": AI2D,
    }
    found = {task: [str(row[-1]) for row in table] for task, table in tables.items()}
    return found | {charts.TASK: list(charts.answers(FAULTS).values())}
