"""Logs of AlloyBench-Charts as lmms-eval writes them: made without it, with the same bytes everywhere.

Source of the format: ``EvaluationTracker`` and ``simple_evaluate`` of lmms-eval 0.7.3. A test lets the
harness itself evaluate the same answers and compares what it writes.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forge.reference.bench.charts import PROBLEMS, TASK, Chart, task_id

TIME = "20260101_000000"
"""The time in the names of files and in the results; nothing was run at it."""
PROMPT = "\nAnswer the question with a single word."
NO_DOC_HASH = hashlib.sha256(b"null").hexdigest()
"""What the harness logs for every problem."""
METRICS = ("relaxed_overall", "relaxed_human_split", "relaxed_augmented_split")
TOLERANCE = 0.05


def write(folder: Path, answers: Mapping[str, str]) -> list[Path]:
    """Write samples and results of a run that gave these answers.

    Args:
        folder: where to; made if it is not there.
        answers: by ``charts.task_id``. Problems without an answer are left out of the samples, as in a run
            that was limited to fewer.

    Returns:
        The samples, and the results.

    Raises:
        KeyError: an answer to no problem of the benchmark.
    """
    given = {task_id(i): (i, chart) for i, chart in enumerate(PROBLEMS)}
    chosen = sorted((given[key], text) for key, text in answers.items())
    lines = [_line(number, chart, text) for (number, chart), text in chosen]
    samples, results = folder / f"{TIME}_samples_{TASK}.jsonl", folder / f"{TIME}_results.json"
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    samples.write_text(text, encoding="utf-8", newline="\n")
    document = json.dumps(_results(lines), indent=2, ensure_ascii=False)
    results.write_text(document, encoding="utf-8", newline="\n")
    return [samples, results]


def relaxed(prediction: str, target: str) -> bool:
    """ChartQA's rule: a number may differ by five percent of a target that is not zero; other text must not.

    Source: Masry et al. 2022 (arXiv 2203.10244), end of section 5.1, as lmms-eval has it.
    """
    found, wanted = _number(prediction), _number(target)
    if found is not None and wanted:
        return abs(found - wanted) / abs(wanted) <= TOLERANCE
    return prediction.lower() == target.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _line(number: int, chart: Chart, answer: str) -> dict[str, Any]:
    score = 1.0 if relaxed(answer.strip(), chart.right) else 0.0
    return {
        "doc_id": number,
        "target": chart.right,
        "filtered_resps": answer,
        "token_counts": [None],
        "doc_hash": NO_DOC_HASH,
        METRICS[0]: score,
        METRICS[1 if chart.human else 2]: score,
        "input": chart.row()["question"] + PROMPT,
    }


def _numbers(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"alias": TASK}
    present = dict.fromkeys(name for line in lines for name in line if name in METRICS)
    for name in present:
        values = [line[name] for line in lines if name in line]
        error = _stderr(values)
        found |= {
            f"{name},none": sum(values) / len(values),
            f"{name}_stderr,none": error,
            f"{name}_stderr_clt,none": error,
            f"{name}_stderr_clustered,none": "N/A",
        }
    return found


def _stderr(values: Sequence[float]) -> float | str:
    if len(values) < 2:
        return "N/A"
    mean = sum(values) / len(values)
    spread = math.sqrt(sum([(x - mean) ** 2 for x in values]) / (len(values) - 1))
    return spread / math.sqrt(len(values))


def _results(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    hashed = "".join(f"sample_{i}{NO_DOC_HASH}" for i in range(len(lines)))
    return {
        "results": {TASK: _numbers(lines)},
        "group_subtasks": {TASK: []},
        "configs": {TASK: _definition()},
        "versions": {TASK: 1.0},
        "n-shot": {TASK: 0},
        "higher_is_better": {TASK: dict.fromkeys(METRICS, True)},
        "n-samples": {TASK: {"original": len(PROBLEMS), "effective": len(lines)}},
        "config": _run(),
        "git_hash": None,
        "git_branch": None,
        "lmms_eval_version": "unknown@unknown",
        "date": TIME,
        "usage": {},
        "task_hashes": {TASK: hashlib.sha256(hashed.encode()).hexdigest()},
        "model_source": "reference",
        "model_name": "",
        "model_name_sanitized": "",
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "start_time": 0.0,
        "end_time": 0.0,
        "total_evaluation_time_seconds": "0.0",
    }


def _definition() -> dict[str, Any]:
    """The task as the harness dumps it; functions have an address there, which says nothing."""
    prompts = {"pre_prompt": "", "post_prompt": PROMPT}
    return {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "AlloyBenchCharts-v1.jsonl.gz"}},
        "test_split": "test",
        "full_docs": False,
        "process_results_use_image": False,
        "doc_to_text": "<function chartqa_doc_to_text at 0x0>",
        "doc_to_target": "answer",
        "process_results": "<function chartqa_process_results at 0x0>",
        "description": "",
        "target_delimiter": " ",
        "fewshot_delimiter": "\n\n",
        "num_fewshot": 0,
        "metric_list": [
            {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in METRICS
        ],
        "output_type": "generate_until",
        "generation_kwargs": {
            "max_new_tokens": 16,
            "temperature": 0.0,
            "do_sample": False,
            "until": ["\n\n"],
        },
        "repeats": 1,
        "should_decontaminate": False,
        "score_key": "score",
        "metadata": {"version": 1.0},
        "lmms_eval_specific_kwargs": {"default": prompts} | prompts,
        "auto_strip_thinking": False,
    }


def _run() -> dict[str, Any]:
    return {
        "model": "reference",
        "model_args": "",
        "model_backend": "reference (simple)",
        "batch_size": None,
        "batch_sizes": [],
        "device": None,
        "use_cache": None,
        "limit": None,
        "offset": 0,
        "bootstrap_iters": 100000,
        "process_docs_parallel": 1,
        "gen_kwargs": None,
        "random_seed": 0,
        "numpy_seed": 1234,
        "torch_seed": 1234,
        "fewshot_seed": 1234,
    }
