"""Reading ``results_*.json``, the harness's own account of a run, as far as a log is compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verifier.runners import results_file
from verifier.runners.results_file import numbers, within


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run says about itself.

    Attributes:
        harness: lm-eval's version; None if it is not stated.
        versions: version by task.
        fewshot: number of examples in the prompt, by task.
        values: by task or group: number by ``metric,filter``; None stands for "N/A".
        hashes: by task: digest over the hashes of its samples.
        bootstrap: whether standard errors were asked for.
    """

    harness: str | None
    versions: Mapping[str, str]
    fewshot: Mapping[str, int]
    values: Mapping[str, Mapping[str, float | None]]
    hashes: Mapping[str, str]
    bootstrap: bool


def load(path: Path) -> Results:
    """Read a results file.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or no such document.
    """
    document = results_file.load(path)
    version = document.get("lm_eval_version")
    config = within(path, document, "config")
    results = within(path, document, "results")
    return Results(
        harness=version if isinstance(version, str) else None,
        versions={
            str(task): str(found)
            for task, found in within(path, document, "versions").items()
            if isinstance(found, str | int | float)
        },
        fewshot={
            task: found for task, found in within(path, document, "n-shot").items() if isinstance(found, int)
        },
        values={task: numbers(within(path, results, task, pointer="/results")) for task in results},
        hashes={
            task: found
            for task, found in within(path, document, "task_hashes").items()
            if isinstance(found, str)
        },
        bootstrap=config.get("bootstrap_iters", 1) not in (0, None),
    )
