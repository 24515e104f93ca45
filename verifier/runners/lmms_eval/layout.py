"""Which files hold the samples of a benchmark's task. A run's name and time are never guessed.

The harness writes ``<time>_samples_<task>.jsonl`` for each task of a run and ``<time>_results.json`` beside
them; a line does not name its task, so that the file's name is the only place where it is said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verifier.errors import EvidenceMissingError, UsageError

_TIME = r"\d{8}_\d{6}|\d{4}_\d{4}"
_SAMPLES = re.compile(rf"(?P<time>{_TIME})_samples_(?P<task>[\w.+-]+)\.jsonl")
_RESULTS = re.compile(rf"(?P<time>{_TIME})_results\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The files of one run that matter for a benchmark.

    Attributes:
        log: the task's samples.
        results: the results file; None if there is none.
        notes: how files were recognised, where their names do not say it.
    """

    log: Path
    results: Path | None
    notes: tuple[str, ...] = ()


def find(path: Path, task: str) -> Run:
    """Find a run's files.

    Args:
        path: a log, a results file, or the folder of one run.
        task: name of the benchmark's task.

    Raises:
        UsageError: nothing there, or more than one run.
        EvidenceMissingError: the samples are of another task.
    """
    if path.is_dir():
        return _folder(path, task)
    if not path.is_file():
        raise UsageError(f"samples: expected a log or a run's folder, found nothing readable at {path}")
    if path.suffix == ".json":
        if not (named := _RESULTS.fullmatch(path.name)):
            raise UsageError(f"samples {path}: expected <time>_results.json, found another name")
        return _of_time(path.parent, named["time"], task)
    if named := _SAMPLES.fullmatch(path.name):
        if named["task"] != task:
            raise _other(named["task"], task)
        return _of_time(path.parent, named["time"], task)
    note = f"the file's name does not say its task; read as samples of {task}"
    return Run(log=path, results=None, notes=(note,))


def beside(samples: Sequence[str], task: str) -> tuple[str, ...]:
    """Paths at which a run's other file lies: of a log the results of its time, of results the log of theirs.

    Args:
        samples: paths that are at hand.
        task: name of the benchmark's task.
    """
    found: list[PurePosixPath] = []
    for path in map(PurePosixPath, samples):
        if log := _SAMPLES.fullmatch(path.name):
            found.append(path.with_name(f"{log['time']}_results.json"))
        elif results := _RESULTS.fullmatch(path.name):
            found.append(path.with_name(f"{results['time']}_samples_{task}.jsonl"))
    return tuple(dict.fromkeys(map(str, found)))


def _folder(folder: Path, task: str) -> Run:
    named = [match for file in sorted(folder.iterdir()) if (match := _SAMPLES.fullmatch(file.name))]
    times = sorted({match["time"] for match in named if match["task"] == task})
    if not named:
        raise UsageError(f"samples {folder}: expected files <time>_samples_<task>.jsonl, found none")
    if not times:
        raise _other(", ".join(sorted({match["task"] for match in named})[:5]), task)
    if len(times) > 1:
        raise UsageError(
            f"samples {folder}: expected one run, found {len(times)}: {', '.join(times[:5])}",
            remedy="name the <time>_results.json of one of them",
        )
    return _of_time(folder, times[0], task)


def _of_time(folder: Path, time: str, task: str) -> Run:
    log, results = folder / f"{time}_samples_{task}.jsonl", folder / f"{time}_results.json"
    if not log.is_file():
        raise EvidenceMissingError(
            f"samples of {time}: expected {log.name}, found none beside the results",
            remedy="publish the samples beside the results",
        )
    return Run(log=log, results=results if results.is_file() else None)


def _other(found: str, task: str) -> EvidenceMissingError:
    return EvidenceMissingError(
        f"samples: expected those of task {task}, found those of {found}; another task gives another score"
    )
