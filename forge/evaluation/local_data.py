"""Problems in a local file, in the format in which the benchmark's dataset is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import UsageError
from verifier.runners.json_lines import JsonLines

_LINES = JsonLines(
    what="data",
    remedy="one problem a line, as the benchmark's dataset is published",
    max_file=8 << 30,
    max_line=64 << 20,
    max_lines=2_000_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Files of one task.

    Attributes:
        problems: JSON lines, one problem each.
        examples: JSON lines from which the examples in the prompt are taken; None without one.
    """

    problems: Path
    examples: Path | None = None


def find(path: Path, tasks: Sequence[str], examples: Path | None) -> dict[str, Rows]:
    """Find the files of a benchmark's tasks.

    Args:
        path: a file, if the benchmark is a single task; else a folder with ``<task>.jsonl`` and
            ``<task>.examples.jsonl``. Tasks without a file are left out.
        tasks: the harness's names of them.
        examples: a file of examples for a single task.

    Returns:
        By task, in the benchmark's order.

    Raises:
        UsageError: there is none, or a file where a folder is needed.
        DocumentError: a file is not made of JSON objects.
    """
    found: dict[str, Rows] = {}
    if path.is_dir():
        if examples is not None:
            raise UsageError(
                "--examples: expected with a single data file; in a folder name <task>.examples.jsonl"
            )
        for task in tasks:
            if (file := path / f"{task}.jsonl").is_file():
                beside = path / f"{task}.examples.jsonl"
                found[task] = Rows(problems=file, examples=beside if beside.is_file() else None)
        if not found:
            raise UsageError(f"data {path}: expected files like {tasks[0]}.jsonl, found none")
    elif len(tasks) > 1:
        raise UsageError(
            f"data {path}: expected a folder, since the benchmark has {len(tasks)} tasks; found no folder",
            remedy=f"name a folder with {tasks[0]}.jsonl and the like; tasks without a file are left out",
        )
    else:
        found[tasks[0]] = Rows(problems=path, examples=examples)
    for rows in found.values():
        for file in (rows.problems, *((rows.examples,) if rows.examples else ())):
            _check(file)
    return found


def splits(rows: Rows, config: Mapping[str, Any], fewshot: int) -> dict[str, str]:
    """Which file stands for which split of the task's dataset.

    Args:
        rows: the files.
        config: the task's definition.
        fewshot: how many examples the prompt has.

    Raises:
        UsageError: examples are wanted from a split that no file stands for.
    """
    asked = config.get("test_split") or config.get("validation_split") or config.get("training_split")
    named = [config.get(key) for key in ("training_split", "validation_split", "test_split")]
    sampler = config.get("fewshot_config") or {}
    written = "samples" in sampler
    source = config.get("fewshot_split") or sampler.get("split")
    source = source or config.get("training_split") or config.get("validation_split")
    if fewshot and not written and source != asked and rows.examples is None:
        raise UsageError(
            f"examples: expected a file of them, since the prompts of {config.get('task')} hold {fewshot}"
            f" from the split {source!r}; found none",
            remedy="add --examples FILE, or --fewshot 0 (another prompt than the benchmark's)",
        )
    other = rows.examples or rows.problems
    return {
        str(split): str((rows.problems if split == asked else other).absolute())
        for split in (*named, source)
        if split
    }


def _check(path: Path) -> None:
    found = False
    for number, _, line in _LINES.rows(path):
        if line.strip():
            _LINES.load(path, number, line)
            found = True
    if not found:
        raise UsageError(f"data {path}: expected problems, one JSON object a line; found none")
