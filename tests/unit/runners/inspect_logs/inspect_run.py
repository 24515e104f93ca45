"""Runs inspect itself, offline, on small datasets of our own, and lets it write its own logs.

``python -m tests.unit.runners.inspect_logs.inspect_run FOLDER`` evaluates inspect_evals' own tasks with
inspect's mock provider, which gives prepared answers, right and wrong ones. It writes ``FOLDER/<task>.eval``
and the same as ``.json``.
"""

import contextlib
import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

LONG = "First I think about it, and then about something else. " * 60
"""inspect keeps long texts in another place of a log."""
GSM8K = [
    ("Ann has 3 apples and buys 4 more. How many has she?", "3 + 4 = 7\n#### 7", "She has 7.\nANSWER: 7"),
    ("Ein Käfer läuft 12 cm pro Tag. Wie weit in 100 Tagen?", "12 * 100\n#### 1,200", "ANSWER: **1200** cm"),
    ("A coat costs $40 at half price. What is the full price?", "40 * 2\n#### 80", f"{LONG}\nANSWER: $40"),
    ("七个盒子,每盒八支笔。一共多少支?", "7 * 8 = 56\n#### 56", "答案是五十六"),
    ("10 birds, 11 leave after 1 came. How many stay?", "#### 0", ""),
]
CHOICES = [
    ("Which letter is first?", ["a", "b", "c", "d"], 0, f"{LONG}\nANSWER: A"),
    ("Which letter is second?", ["a", "b", "c", "d"], 1, "ANSWER: **b**."),
    ("Which letter is third? Été.", ["a", "b", "c", "d"], 2, "ANSWER: D"),
    ("Which letter is fourth?", ["a", "b", "c", "d"], 3, "I do not know."),
]
AIME = [
    ("Find the sum of the first three odd primes.", 15, "$$\n\\boxed{15}\n$$"),
    ("Find $2^{8}-1$.", 255, "ANSWER: 254"),
    ("How many divisors has 64?", 7, ""),
]
HUMANEVAL = [
    (
        "HumanEval/0",
        "double",
        "return 2 * x",
        f"```python\ndef double(x):\n    # {LONG}\n    return 2 * x\n```",
    ),
    ("HumanEval/1", "half", "return x / 2", "    return x // 3\n"),
    ("HumanEval/2", "same", "return x", "```\ndef same(x):\n    return x\n```"),
]
MBPP = [
    (
        11,
        "Write a function to add one.",
        ["assert inc(1) == 2"],
        "```python\ndef inc(x):\n    return x + 1\n```",
    ),
    (12, "Write a function to take one.", ["assert dec(1) == 0"], "def dec(x):\n    return x\n"),
]


def task_module(name: str) -> Any:
    # A package of inspect_evals gives its task the name of the module that it is in.
    return importlib.import_module(f"inspect_evals.{name}")


def answers(pairs: list[tuple[str, str]]) -> Callable[..., Any]:
    """A mock model that knows an answer to each question, whatever stands around it."""
    from inspect_ai.model import ModelOutput, ModelUsage

    def answer(messages: list[Any], *_: Any) -> ModelOutput:
        prompt = messages[-1].text
        at = {prompt.rfind(question): given for question, given in pairs}
        output = ModelOutput.from_content("mockllm/model", at[max(at)])
        # Otherwise inspect counts tokens, with a vocabulary that it downloads.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return answer


def memory(rows: list[dict[str, Any]]) -> Callable[..., Any]:
    """What stands for a function that downloads a dataset: our rows through the task's own function."""
    from inspect_ai.dataset import MemoryDataset

    def load(
        *_: Any, sample_fields: Any, auto_id: bool = False, shuffle_choices: Any = None, **__: Any
    ) -> Any:
        samples = [sample_fields(row) for row in rows]
        for i, sample in enumerate(samples):
            sample.id = i + 1 if auto_id else sample.id
        dataset = MemoryDataset(samples)
        if shuffle_choices:
            dataset.shuffle_choices(seed=shuffle_choices)
        return dataset

    return load


@contextlib.contextmanager
def gsm8k() -> Iterator[tuple[Any, Any]]:
    module = task_module("gsm8k.gsm8k")

    rows = [{"question": question, "answer": answer} for question, answer, _ in GSM8K]
    with patch.object(module, "hf_dataset", memory(rows)):
        yield module.gsm8k(fewshot=0), answers([(q, given) for q, _, given in GSM8K])


@contextlib.contextmanager
def mmlu_pro() -> Iterator[tuple[Any, Any]]:
    module = task_module("mmlu_pro.mmlu_pro")

    rows = [
        {
            "question_id": 70 + i,
            "question": question,
            "options": options,
            "answer": "ABCD"[right],
            "cot_content": "",
            "category": "Letters",
        }
        for i, (question, options, right, _) in enumerate(CHOICES)
    ]
    with patch.object(module, "hf_dataset", memory(rows)):
        yield module.mmlu_pro(), answers([(q, given) for q, _, _, given in CHOICES])


@contextlib.contextmanager
def gpqa_diamond() -> Iterator[tuple[Any, Any]]:
    module = task_module("gpqa.gpqa")

    rows = [
        {
            "Record ID": f"rec{i}",
            "Question": question,
            "Correct Answer": options[right],
            **{
                f"Incorrect Answer {j + 1}": o
                for j, o in enumerate(o for o in options if o != options[right])
            },
            "High-level domain": "Physics",
            "Subdomain": "Genetics",
        }
        for i, (question, options, right, _) in enumerate(CHOICES)
    ]
    with patch.object(module, "load_csv_dataset", memory(rows)), patch.object(module, "download"):
        yield module.gpqa_diamond(), answers([(q, given) for q, _, _, given in CHOICES])


@contextlib.contextmanager
def musr() -> Iterator[tuple[Any, Any]]:
    module = task_module("musr.musr")

    rows = [
        {"narrative": "Long ago.", "question": question, "choices": repr(options), "answer_index": right}
        for question, options, right, _ in CHOICES
    ]
    with patch.object(module, "hf_dataset", memory(rows)):
        yield module.musr(), answers([(q, given) for q, _, _, given in CHOICES])


@contextlib.contextmanager
def aime2024() -> Iterator[tuple[Any, Any]]:
    module = task_module("aime2024.aime2024")

    rows = [
        {"ID": f"2024-X-{i}", "Problem": problem, "Answer": answer, "Solution": "…"}
        for i, (problem, answer, _) in enumerate(AIME)
    ]
    with patch.object(module, "hf_dataset", memory(rows)):
        yield module.aime2024(), answers([(q, given) for q, _, given in AIME])


@contextlib.contextmanager
def bbh() -> Iterator[tuple[Any, Any]]:
    module = task_module("bbh.bbh")

    parts: dict[str, list[dict[str, Any]]] = {
        "snarks": [
            {"question": question, "choices": {"text": options}, "target": "ABCD"[right]}
            for question, options, right, _ in CHOICES
        ],
        "navigate": [
            {"question": "Turn left. Back?", "target": "No"},
            {"question": "Stand still. Back?", "target": "Yes "},
        ],
        "object_counting": [{"question": "A cat and a dog. How many?", "target": "2"}],
    }
    given = [(q, a) for q, _, _, a in CHOICES]
    given += [("Turn left.", "ANSWER: no"), ("Stand still.", "ANSWER: No"), ("A cat and", "There are 2")]

    def load(*_: Any, name: str, **kwargs: Any) -> Any:
        return memory(parts[name])(**kwargs)

    with (
        patch.object(module, "hf_dataset", load),
        patch.object(module, "load_dataset", lambda **_: []),
        patch.object(module.BBHDatasetRegistry, "get_all_subset_names", staticmethod(lambda: list(parts))),
    ):
        yield module.bbh(prompt_type="zero_shot"), answers(given)


@contextlib.contextmanager
def humaneval() -> Iterator[tuple[Any, Any]]:
    module = task_module("humaneval.humaneval")

    rows = [
        {
            "task_id": task_id,
            "prompt": f'def {name}(x):\n    """The function {name}."""\n',
            "canonical_solution": f"    {body}\n",
            "test": "def check(candidate):\n    assert candidate(2) >= 1\n    assert candidate(5) > 2\n",
            "entry_point": name,
        }
        for task_id, name, body, _ in HUMANEVAL
    ]
    with patch.object(module, "hf_dataset", memory(rows)):
        yield (
            module.humaneval(sandbox="local"),
            answers([(f"def {n}(", given) for _, n, _, given in HUMANEVAL]),
        )


@contextlib.contextmanager
def mbpp() -> Iterator[tuple[Any, Any]]:
    from inspect_ai import task_with

    module = task_module("mbpp.mbpp")

    rows = [
        {
            "task_id": task_id,
            "prompt": prompt,
            "test_list": tests,
            "code": "pass",
            "source_file": "",
            "test_imports": [],
        }
        for task_id, prompt, tests, _ in MBPP
    ]
    with (
        patch.object(module, "hf_dataset", memory(rows)),
        patch.object(module, "load_dataset", lambda *_, **__: Rows()),
    ):
        yield task_with(module.mbpp(), sandbox="local"), answers([(p, given) for _, p, _, given in MBPP])


class Rows(list[Any]):
    """A dataset without examples."""

    def filter(self, _: Any) -> "Rows":
        return self


TASKS = (gsm8k, mmlu_pro, gpqa_diamond, musr, aime2024, bbh, humaneval, mbpp)


def main(folder: Path) -> None:
    from inspect_ai import eval as inspect_eval
    from inspect_ai.log import convert_eval_logs
    from inspect_ai.model import get_model

    for make in TASKS:
        with make() as (task, answer):
            model = get_model("mockllm/model", custom_outputs=answer, memoize=False)
            scratch = folder / make.__name__
            (log,) = inspect_eval(task, model=model, log_dir=str(scratch), display="none", log_format="eval")
            assert log.status == "success", str(log.error)[:500]
            (written,) = scratch.glob("*.eval")
            shutil.move(written, folder / f"{make.__name__}.eval")
            convert_eval_logs(str(folder / f"{make.__name__}.eval"), "json", str(scratch))
            (converted,) = scratch.glob("*.json")
            shutil.move(converted, folder / f"{make.__name__}.json")
    told = {make.__name__: str(folder / f"{make.__name__}.eval") for make in TASKS}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
