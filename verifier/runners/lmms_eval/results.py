"""Reading ``<time>_results.json``, lmms-eval's own account of a run, as far as a log is compared with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError
from verifier.runners import results_file
from verifier.runners.results_file import numbers, within
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run says about one of its tasks.

    Attributes:
        build: what stands under ``lmms_eval_version``: branch and commit of the folder in which the run was
            started, and no release.
        version: the task's version; None if it is not stated.
        config: the task's definition as it was run; None if it is not stated.
        values: number by ``metric,filter``; None stands for "N/A".
        original: how many problems the run's dataset had; None if it is not stated.
        hash: digest that depends on the number of samples.
        bootstrap: iterations for standard errors; 0 for none.
        tags: pairs of tags whose content was cut from answers; None if none was.
    """

    build: str
    version: str | None
    config: Mapping[str, JSON] | None
    values: Mapping[str, float | None]
    original: int | None
    hash: str | None
    bootstrap: int
    tags: tuple[tuple[str, str], ...] | None


def load(path: Path, task: str) -> Results:
    """Read a results file.

    Args:
        path: the file.
        task: name of the task.

    Raises:
        UsageError: it cannot be read.
        DocumentError: it is too large, or no such document.
    """
    document = results_file.load(path)
    version = within(path, document, "versions").get(task)
    hash_ = within(path, document, "task_hashes").get(task)
    configs, config = within(path, document, "configs"), within(path, document, "config")
    sizes = within(path, within(path, document, "n-samples"), task, pointer="/n-samples")
    original = sizes.get("original")
    bootstrap = config.get("bootstrap_iters", 100_000)
    return Results(
        build=str(document.get("lmms_eval_version", "(not stated)"))[:80],
        version=str(version) if isinstance(version, str | int | float) else None,
        config=within(path, configs, task, pointer="/configs") if task in configs else None,
        values=numbers(within(path, within(path, document, "results"), task, pointer="/results")),
        original=original if isinstance(original, int) else None,
        hash=hash_ if isinstance(hash_, str) else None,
        bootstrap=min(bootstrap, 100_000) if isinstance(bootstrap, int) and bootstrap > 0 else 0,
        tags=_tags(path, _arguments(path, config)),
    )


def _arguments(path: Path, config: Mapping[str, JSON]) -> dict[str, Any]:
    name = "resolved_cli_args"
    return within(path, config, name, pointer="/config") if config.get(name) else {}


def _tags(path: Path, args: Mapping[str, JSON]) -> tuple[tuple[str, str], ...] | None:
    said = args.get("reasoning_tags")
    if said in (None, "none", False):
        return None
    try:
        pairs = json.loads(said) if isinstance(said, str) else said
        return tuple((_tag(start), _tag(end)) for start, end in pairs)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(
            f'{path.name}: expected pairs of tags such as [["<think>", "</think>"]], found {str(said)[:60]}',
            pointer="/config/resolved_cli_args/reasoning_tags",
        ) from error


def _tag(value: JSON) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value
