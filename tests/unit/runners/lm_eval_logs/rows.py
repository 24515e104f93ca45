"""Small datasets in the benchmarks' own formats, as published; all of it is made up here."""

from pathlib import Path
from typing import Any

Rows = dict[str, list[dict[str, Any]]]
"""By split: the rows."""

GSM8K = [
    ("Ann has 3 apples and buys 4 more. How many has she?", "3 + 4 = <<3+4=7>>7\n#### 7"),
    ("Ein Käfer läuft 12 cm pro Tag. Wie weit in 100 Tagen?", "12 * 100 = 1,200\n#### 1,200"),
    ("A coat costs $40 at half price. What is the full price?", "40 * 2 = 80\n#### 80"),
    ("10 birds, 11 leave after 1 came. How many stay?", "10 + 1 - 11 = 0\n#### 0"),
    ("七个盒子,每盒八支笔。一共多少支?", "7 * 8 = 56\n#### 56"),
]
AIME = [
    ("2024-A-1", "Find the sum of the first three odd primes.", 15),
    ("2024-A-2", "Find $2^{8}-1$.", 255),
    ("2024-A-3", "How many divisors has 64?", 7),
]
MATH = [
    ("Level 5", "Solve $2x=10$.", "Half of it: $\\boxed{5}$."),
    ("Level 3", "Too easy to be kept.", "$\\boxed{1}$"),
    ("Level 5", "Write $0.5$ as a fraction.", "It is $\\boxed{\\frac{1}{2}}$."),
    ("Level 5", "Name the interval from 2 up to 5.", "Thus $\\boxed{[2,5)}$."),
]
IFEVAL: list[tuple[int, str, list[str], list[dict[str, Any]]]] = [
    (1, "Say something without commas.", ["punctuation:no_comma"], [{}]),
    (
        2,
        "Write two sentences and end with the word done.",
        ["length_constraints:number_sentences", "startend:end_checker"],
        [{"relation": "at least", "num_sentences": 2}, {"end_phrase": "done."}],
    ),
    (3, "Answer in small letters only.", ["change_case:english_lowercase"], [{}]),
    (
        4,
        "Use at least one SHOUTED word.",
        ["change_case:capital_word_frequency"],
        [{"capital_relation": "at least", "capital_frequency": 1}],
    ),
    (5, "Antworte auf Deutsch.", ["language:response_language"], [{"language": "de"}]),
]
_KWARGS = ("relation", "num_sentences", "end_phrase", "capital_relation", "capital_frequency", "language")


def gsm8k() -> Rows:
    rows = [{"question": question, "answer": answer} for question, answer in GSM8K]
    return {"train": rows[::-1], "test": rows}


def aime() -> Rows:
    return {
        "train": [
            {"ID": i, "Problem": problem, "Solution": "…", "Answer": answer} for i, problem, answer in AIME
        ]
    }


def math_rows(part: str) -> Rows:
    rows = [
        {"problem": f"({part}) {problem}", "level": level, "solution": solution, "type": part}
        for level, problem, solution in MATH
    ]
    return {"train": rows[:1], "test": rows}


def ifeval() -> Rows:
    rows = [
        {
            "key": key,
            "prompt": prompt,
            "instruction_id_list": ids,
            # Every row has every key, as a table has; None where it does not apply.
            "kwargs": [{name: one.get(name) for name in _KWARGS} for one in kwargs],
        }
        for key, prompt, ids, kwargs in IFEVAL
    ]
    return {"train": rows}


def gpqa(part: str) -> Rows:
    rows = [
        {
            "Question": f"({part}) Which of these is number {i}?",
            "Correct Answer": f"number {i}",
            "Incorrect Answer 1": f"number {i + 1}",
            "Incorrect Answer 2": f" number {i + 2} [title]",
            "Incorrect Answer 3": f"número {i + 3}",
        }
        for i in range(4)
    ]
    return {"train": rows}


def mmlu_pro() -> Rows:
    rows = [
        {
            "question_id": i,
            "question": f"Which letter is the {i + 1}. of the alphabet?",
            "options": [chr(97 + j) for j in range(4 + i)],
            "answer": chr(65 + i),
            "answer_index": i,
            "cot_content": "",
            "category": "letters",
            "src": "made up",
        }
        for i in range(6)
    ]
    return {"test": rows, "validation": rows[:5]}


def musr() -> Rows:
    def rows(names: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "narrative": f"{names[i % len(names)]} was there, and l'été was long.",
                "question": "Who was there?",
                "choices": repr(names),
                "answer_index": i % len(names),
                "answer_choice": names[i % len(names)],
            }
            for i in range(4)
        ]

    return {
        "murder_mysteries": rows(["Anna", "Bø"]),
        "object_placements": rows(["box", "drawer", "shelf", "bag"])[:3],
        "team_allocation": rows(["a: 1", "b: 2", "c: 3"]),
    }


def bbh(part: str, tasks: Path) -> Rows:
    """Questions whose answers are the task's own choices, in turn."""
    from lm_eval.tasks._yaml_loader import load_yaml

    choices = load_yaml(tasks / f"leaderboard/bbh_mc/{part}.yaml")["doc_to_choice"]
    rows = [{"input": f"({part}) Question {i}?", "target": choices[i % len(choices)]} for i in range(3)]
    return {"test": rows}


def rows(path: str, name: str | None, tasks: Path) -> Rows:
    """Rows of a dataset as the harness names it.

    Raises:
        KeyError: no task of ours has it.
    """
    part = name or ""
    made = {
        "openai/gsm8k": gsm8k,
        "Maxwell-Jia/AIME_2024": aime,
        "DigitalLearningGmbH/MATH-lighteval": lambda: math_rows(part),
        "wis-k/instruction-following-eval": ifeval,
        "Idavidrein/gpqa": lambda: gpqa(part),
        "TIGER-Lab/MMLU-Pro": mmlu_pro,
        "TAUR-Lab/MuSR": musr,
        "SaylorTwift/bbh": lambda: bbh(part, tasks),
    }
    return made[path]()
