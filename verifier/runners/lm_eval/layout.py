"""Which files hold the samples of a benchmark's tasks. A run's name and time are never guessed.

The harness writes ``samples_<task>_<time>.jsonl`` for each task of a run and ``results_<time>.json`` beside
them; a line does not name its task, so that the file's name is the only place where it is said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verifier.errors import EvidenceMissingError, UsageError

_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?"
_SAMPLES = re.compile(rf"samples_(?P<task>[\w.+-]+)_(?P<time>{_TIME})\.jsonl")
_RESULTS = re.compile(rf"(?:[\w.+-]*_)?(?P<time>{_TIME})\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The files of one run that matter for a benchmark.

    Attributes:
        logs: log by task, in the benchmark's order; tasks without one are left out.
        results: the results file; None if there is none.
        notes: how files were recognised, where their names do not say it.
    """

    logs: dict[str, Path]
    results: Path | None
    notes: tuple[str, ...] = ()


def find(path: Path, tasks: Sequence[str]) -> Run:
    """Find a run's files.

    Args:
        path: a log, a results file, or the folder of one run.
        tasks: names of the benchmark's tasks.

    Raises:
        UsageError: nothing there, or more than one run.
        EvidenceMissingError: the samples are of other tasks than the benchmark's.
    """
    if path.is_dir():
        return _folder(path, tasks)
    if not path.is_file():
        raise UsageError(f"samples: expected a log or a run's folder, found nothing readable at {path}")
    if path.suffix == ".json":
        if not (named := _RESULTS.fullmatch(path.name)):
            raise UsageError(f"samples {path}: expected results_<time>.json, found another name")
        return _of_time(path.parent, named["time"], tasks, path)
    if named := _SAMPLES.fullmatch(path.name):
        if named["task"] not in tasks:
            raise _other(named["task"], tasks)
        return Run(logs={named["task"]: path}, results=_results(path.parent, named["time"]))
    if len(tasks) > 1:
        raise EvidenceMissingError(
            f"samples {path}: expected the name samples_<task>_<time>.jsonl, which says of which of"
            f" {len(tasks)} tasks they are; found {path.name}",
            remedy="name the folder of the run, or its results_<time>.json",
        )
    note = f"the file's name does not say its task; read as samples of {tasks[0]}"
    return Run(logs={tasks[0]: path}, results=None, notes=(note,))


def beside(samples: Sequence[str], tasks: Sequence[str]) -> tuple[str, ...]:
    """Where a run's other files lie: of a log the results of its time, of results the logs of theirs.

    Args:
        samples: paths that are at hand.
        tasks: names of the benchmark's tasks.
    """
    found: list[PurePosixPath] = []
    for path in map(PurePosixPath, samples):
        if log := _SAMPLES.fullmatch(path.name):
            found.append(path.with_name(f"results_{log['time']}.json"))
        elif results := _RESULTS.fullmatch(path.name):
            found += [path.with_name(f"samples_{task}_{results['time']}.jsonl") for task in tasks]
    return tuple(dict.fromkeys(map(str, found)))


def _folder(folder: Path, tasks: Sequence[str]) -> Run:
    named = [match for file in sorted(folder.iterdir()) if (match := _SAMPLES.fullmatch(file.name))]
    times = {match["time"] for match in named if match["task"] in tasks}
    if not times:
        if named:
            raise _other(", ".join(sorted({match["task"] for match in named})[:5]), tasks)
        raise UsageError(f"samples {folder}: expected files samples_<task>_<time>.jsonl, found none")
    if len(times) > 1:
        raise UsageError(
            f"samples {folder}: expected one run, found {len(times)}: {', '.join(sorted(times)[:5])}",
            remedy="name the results_<time>.json of one of them",
        )
    time = times.pop()
    return _of_time(folder, time, tasks, _results(folder, time))


def _of_time(folder: Path, time: str, tasks: Sequence[str], results: Path | None) -> Run:
    files = {task: folder / f"samples_{task}_{time}.jsonl" for task in tasks}
    logs = {task: file for task, file in files.items() if file.is_file()}
    if not logs:
        raise EvidenceMissingError(
            f"samples of {time}: expected samples_{tasks[0]}_{time}.jsonl, found no task of this benchmark",
            remedy="publish the samples beside the results",
        )
    return Run(logs=logs, results=results)


def _results(folder: Path, time: str) -> Path | None:
    found = [
        file
        for file in sorted(folder.iterdir())
        if (m := _RESULTS.fullmatch(file.name)) and m["time"] == time
    ]
    return found[0] if len(found) == 1 else None


def _other(found: str, tasks: Sequence[str]) -> EvidenceMissingError:
    more = f" or {len(tasks) - 1} more" if len(tasks) > 1 else ""
    return EvidenceMissingError(
        f"samples: expected those of task {tasks[0]}{more}, found those of {found};"
        " another task gives another score"
    )
