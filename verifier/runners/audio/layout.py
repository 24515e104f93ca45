"""Which files hold a benchmark's utterances, and of which part each is where the name says it.

lmms-eval writes ``<time>_samples_<task>.jsonl`` for each task, and ``<time>_results.json`` beside them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verifier.errors import EvidenceMissingError, UsageError

_SAMPLES = re.compile(r"(?P<time>[\w.:+-]{1,80}?)_samples_(?P<task>[\w-]+)\.jsonl")
_RESULTS = re.compile(r"(?P<time>[\w.:+-]{1,80}?)_results\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Files of one run.

    Attributes:
        logs: file by the task that its name says, or by nothing where its name says none.
        results: the results file; None if there is none.
    """

    logs: dict[str, Path]
    results: Path | None = None


def find(path: Path, tasks: Sequence[str]) -> Run:
    """Find a run's files.

    Args:
        path: a log, a file of plain lines, or the folder of one run.
        tasks: names of the benchmark's parts as the harness's tasks.

    Raises:
        UsageError: nothing there, or more than one run.
        EvidenceMissingError: the samples are of other tasks than the benchmark's.
    """
    if path.is_dir():
        return _folder(path, tasks)
    if not path.is_file():
        raise UsageError(f"samples: expected a file or a run's folder, found nothing readable at {path}")
    if said := _RESULTS.fullmatch(path.name):
        return _of_time(path.parent, said["time"], tasks, path)
    named = _SAMPLES.fullmatch(path.name)
    if named is None:
        return Run(logs={"": path})
    if named["task"] not in tasks:
        raise _other([named["task"]], tasks)
    return Run(logs={named["task"]: path}, results=_results(path.parent, named["time"]))


def _folder(folder: Path, tasks: Sequence[str]) -> Run:
    named = [match for file in sorted(folder.iterdir()) if (match := _SAMPLES.fullmatch(file.name))]
    mine = [match for match in named if match["task"] in tasks]
    if not mine:
        if named:
            raise _other(sorted({match["task"] for match in named}), tasks)
        raise UsageError(f"samples {folder}: expected <time>_samples_<task>.jsonl, found none")
    times = sorted({match["time"] for match in mine})
    if len(times) > 1:
        raise UsageError(
            f"samples {folder}: expected one run, found {len(times)}: {', '.join(times[:5])}",
            remedy="name the log of one of them",
        )
    return _of_time(folder, times[0], tasks, _results(folder, times[0]))


def _of_time(folder: Path, time: str, tasks: Sequence[str], results: Path | None) -> Run:
    files = {task: folder / f"{time}_samples_{task}.jsonl" for task in tasks}
    logs = {task: file for task, file in files.items() if file.is_file()}
    if not logs:
        raise EvidenceMissingError(
            f"samples of {time}: expected {time}_samples_{tasks[0]}.jsonl, found no task of this benchmark",
            remedy="publish the samples beside the results",
        )
    return Run(logs=logs, results=results)


def beside(samples: Sequence[str], tasks: Sequence[str]) -> tuple[str, ...]:
    """Where a run's other files lie: of a log the results of its time, of results the logs of theirs.

    Args:
        samples: paths that are at hand.
        tasks: names of the benchmark's parts as the harness's tasks.
    """
    found: list[PurePosixPath] = []
    for path in map(PurePosixPath, samples):
        if log := _SAMPLES.fullmatch(path.name):
            found.append(path.with_name(f"{log['time']}_results.json"))
        elif results := _RESULTS.fullmatch(path.name):
            found += [path.with_name(f"{results['time']}_samples_{task}.jsonl") for task in tasks]
    return tuple(dict.fromkeys(map(str, found)))


def _results(folder: Path, time: str) -> Path | None:
    file = folder / f"{time}_results.json"
    return file if file.is_file() else None


def _other(found: Sequence[str], tasks: Sequence[str]) -> EvidenceMissingError:
    return EvidenceMissingError(
        f"samples: expected those of {' or '.join(tasks)}, found those of {', '.join(found[:5])};"
        " another task gives another score"
    )
