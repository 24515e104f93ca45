"""Problems of AlloyBench-Words for a run of the harness; scoring a log again does not call this."""

import importlib
from typing import Any


def sums(**_: Any) -> Any:
    """The problems of ``alloybench_words_sums``, by split."""
    return _rows("alloybench_words_sums")


def counts(**_: Any) -> Any:
    """The problems of ``alloybench_words_counts``, by split."""
    return _rows("alloybench_words_counts")


def _rows(task: str) -> Any:
    from forge.reference.bench.words import TASKS

    datasets: Any = importlib.import_module("datasets")
    rows = [problem.row() for problem in TASKS[task]]
    return datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)})
