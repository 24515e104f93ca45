"""Logs of AlloyBench-Words as lm-eval writes them: made without it, with the same bytes everywhere.

Source of the format: ``EvaluationTracker`` and ``evaluate`` of lm-eval 0.4.13. A test lets the harness itself
evaluate the same answers and compares what it writes.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from forge.reference.bench.words import BENCHMARK, FILTERS, TASKS, Problem

TIME = "2026-01-01T00-00-00.000000"
"""The time in the names of files; nothing was run at it."""
NAMES = ("strict-match", "flexible-extract")
_UNTIL = {"until": ["Question:"], "do_sample": False, "temperature": 0.0}

Faults = Mapping[str, Mapping[int, str]]
"""By task: problem number -> ``"loose"`` or ``"wrong"``; all others are answered rightly."""


def samples_name(task: str) -> str:
    """File name of a task's samples."""
    return f"samples_{task}_{TIME}.jsonl"


RESULTS = f"results_{TIME}.json"
"""File name of the results."""


def files(faults: Faults) -> dict[str, bytes]:
    """The files of a run that gave these answers, by name: samples of each task, then the results."""
    lines = {task: list(_lines(problems, faults.get(task, {}))) for task, problems in TASKS.items()}
    made = {samples_name(task): _samples(found) for task, found in lines.items()}
    document = json.dumps(_results(lines), indent=2, ensure_ascii=False)
    return {**made, RESULTS: document.encode()}


def write(folder: Path, faults: Faults) -> list[Path]:
    """Write a run's files.

    Args:
        folder: where to; made if it is not there.
        faults: what was not answered rightly.

    Returns:
        The samples of each task, and the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in files(faults).items():
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def solved(faults: Faults, name: str = NAMES[0]) -> dict[str, int]:
    """How many problems of each task count through a filter."""
    at = NAMES.index(name)
    return {
        task: sum(FILTERS[faults.get(task, {}).get(i, "right")][at] for i in range(len(problems)))
        for task, problems in TASKS.items()
    }


def _samples(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _lines(problems: Sequence[Problem], faults: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """The harness goes through all problems once for each filter."""
    for at, name in enumerate(NAMES):
        for number, problem in enumerate(problems):
            quality = faults.get(number, "right")
            said = str(problem.slip if quality == "wrong" else problem.value)
            found = "[invalid]" if quality == "loose" and name == NAMES[0] else said
            yield _line(number, problem, problem.text(quality), name, found, FILTERS[quality][at])


def _line(number: int, problem: Problem, text: str, name: str, found: str, right: bool) -> dict[str, Any]:
    doc = problem.row()
    prompt = f"Question: {doc['question']}\nAnswer:"
    return {
        "doc_id": number,
        "doc": doc,
        "target": doc["answer"],
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": _UNTIL}},
        "resps": [[text]],
        "filtered_resps": [found],
        "filter": name,
        "metrics": ["exact_match"],
        "doc_hash": _sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _sha256(prompt),
        "target_hash": _sha256(doc["answer"]),
        "exact_match": float(right),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _results(lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    numbers = {task: _numbers(task, found) for task, found in lines.items()}
    whole = _whole(numbers)
    every = (BENCHMARK, *sorted(lines))
    return {
        "results": {**numbers, BENCHMARK: whole},
        "groups": {BENCHMARK: whole},
        "group_subtasks": {BENCHMARK: list(lines)},
        "configs": {task: _definition(task) for task in sorted(lines)},
        "versions": {BENCHMARK: "1.0", **dict.fromkeys(sorted(lines), 1.0)},
        "n-shot": dict.fromkeys(every, 0),
        "higher_is_better": {name: {"exact_match": True} for name in every},
        "n-samples": {
            task: {"original": len(problems), "effective": len(problems)} for task, problems in TASKS.items()
        },
        "config": _run(),
        "lm_eval_version": "0.4.13",
        "task_hashes": {task: _sha256("".join(map(_hashes, found))) for task, found in lines.items()},
        "model_source": "reference",
        "model_name": "",
        "model_name_sanitized": "",
        "system_instruction": None,
        "system_instruction_sha": None,
        "chat_template": None,
        "chat_template_sha": None,
    }


def _hashes(line: Mapping[str, Any]) -> str:
    return f"{line['doc_hash']}{line['prompt_hash']}{line['target_hash']}"


def _numbers(task: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    count = len(lines) // len(NAMES)
    found: dict[str, Any] = {"name": task, "alias": task, "sample_len": count}
    for name in NAMES:
        values = [line["exact_match"] for line in lines if line["filter"] == name]
        mean = sum(values) / count
        spread = math.sqrt(sum([(x - mean) ** 2 for x in values]) / (count - 1))
        found[f"exact_match,{name}"] = mean
        found[f"exact_match_stderr,{name}"] = spread / math.sqrt(count)
    return found


def _whole(numbers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of the group: means weighted by size, and the pooled standard error (lm-eval's ``api/metrics.py``)."""
    sizes = [one["sample_len"] for one in numbers.values()]
    found: dict[str, Any] = {"alias": BENCHMARK, "name": BENCHMARK, "sample_len": sum(sizes)}
    for name in NAMES:
        means = [one[f"exact_match,{name}"] for one in numbers.values()]
        errors = [one[f"exact_match_stderr,{name}"] for one in numbers.values()]
        variance = sum((n - 1) * e**2 * n for n, e in zip(sizes, errors, strict=True))
        pooled = variance / (sum(sizes) - len(sizes))
        weighted = sum([m * n for m, n in zip(means, sizes, strict=True)])
        found[f"exact_match,{name}"] = weighted / sum(sizes)
        found[f"exact_match_stderr,{name}"] = math.sqrt(pooled / sum(sizes))
    return found | {"sample_count": {f"exact_match,{name}": sum(sizes) for name in NAMES}}


def _definition(task: str) -> dict[str, Any]:
    """The task as far as its definition says it."""
    return {
        "task": task,
        "test_split": "test",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "num_fewshot": 0,
        "output_type": "generate_until",
        "generation_kwargs": _UNTIL,
        "repeats": 1,
        "metadata": {"version": 1.0},
    }


def _run() -> dict[str, Any]:
    return {
        "model": "reference",
        "model_args": None,
        "batch_size": None,
        "batch_sizes": [],
        "device": None,
        "use_cache": None,
        "limit": None,
        "bootstrap_iters": 100000,
        "gen_kwargs": None,
        "random_seed": 0,
        "numpy_seed": 1234,
        "torch_seed": 1234,
        "fewshot_seed": 1234,
    }
