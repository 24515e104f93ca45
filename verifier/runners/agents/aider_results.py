"""Result files of aider's benchmark, one for each exercise.

``benchmark/benchmark.py`` of aider writes ``<language>/exercises/practice/<exercise>/.aider.results.json`` in
a run's folder: ``tests_outcomes`` has an entry for each try, whether the exercise's tests passed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.runners.agents.files import Reader, UnreadableError, folders
from verifier.runners.model import Difference

FILE = ".aider.results.json"
LANGUAGES = {"cpp": 26, "go": 39, "java": 47, "javascript": 49, "python": 34, "rust": 30}
"""How many exercises of each language the polyglot benchmark has: 225."""
MAX_RESULT = 16 << 20
MAX_TRIES = 100
_DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One exercise's result.

    Attributes:
        name: ``<language>/<exercise>``.
        outcomes: whether the tests passed, by try; empty if the run broke before any test.
        said: the whole file.
    """

    name: str
    outcomes: tuple[bool, ...]
    said: Mapping[str, Any]

    @property
    def solved(self) -> bool:
        """As aider counts it: the last try decides."""
        return bool(self.outcomes) and self.outcomes[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run's results.

    Attributes:
        results: by exercise.
        unfinished: exercises whose folder holds no result.
        reader: what was read, with digests.
        notes: remarks: files that were left out, and why.
    """

    results: Mapping[str, Result]
    unfinished: tuple[str, ...]
    reader: Reader
    notes: tuple[str, ...]


def is_wanted(name: str) -> bool:
    """Whether a file of such a name can be of use."""
    return name == FILE


def find(root: Path) -> Run:
    """Read a run.

    Args:
        root: the run's folder, or one that holds it alone.

    Raises:
        UsageError: no run there, or more than one.
        DocumentError: a result is malformed.
    """
    if not root.is_dir():
        raise UsageError(
            f"samples: expected the folder of a run of aider's benchmark, found none at {root}",
            remedy="name tmp.benchmarks/<date>--<name>",
        )
    try:
        return _read(root, _exercises(root))
    except UnreadableError as error:
        raise UsageError(f"samples {root}: {error}") from error


def _exercises(root: Path) -> dict[str, Path]:
    """Folder by exercise."""
    runs: dict[Path, dict[str, Path]] = {}
    for folder, _, _ in folders(root, _DEPTH):
        parts = folder.relative_to(root).parts
        if len(parts) in (4, 5) and parts[-3:-1] == ("exercises", "practice"):
            runs.setdefault(folder.parents[3], {})[f"{parts[-4]}/{parts[-1]}"] = folder
    if len(runs) != 1:
        found = ", ".join(sorted(run.relative_to(root).as_posix() for run in runs)[:5]) or "none"
        raise UsageError(
            f"samples {root}: expected one run with <language>/exercises/practice/<exercise>, found {found}"
        )
    return next(iter(runs.values()))


def _read(root: Path, places: Mapping[str, Path]) -> Run:
    reader = Reader(root)
    results: dict[str, Result] = {}
    unfinished: list[str] = []
    notes: list[str] = []
    for name, folder in sorted(places.items()):
        try:
            text = reader.text(folder / FILE, MAX_RESULT)
            said = json.loads(text) if text is not None else None
        except UnreadableError as error:
            notes.append(f"{name}: {error}")
            said = None
        except (ValueError, RecursionError):
            notes.append(f"{name}: {FILE} is no JSON; aider leaves such an exercise out")
            said = None
        if said:
            results[name] = _result(name, said)
        else:
            unfinished.append(name)
    if not results:
        raise DocumentError(f"{root.name}: expected {FILE} in folders of exercises, found none")
    return Run(results=results, unfinished=tuple(unfinished), reader=reader, notes=tuple(notes))


def _result(name: str, said: Any) -> Result:
    if not isinstance(said, dict):
        raise DocumentError(f"{name}: expected an object in {FILE}, found {type(said).__name__}")
    outcomes = said.get("tests_outcomes", [])
    if (
        not isinstance(outcomes, list)
        or len(outcomes) > MAX_TRIES
        or not all(isinstance(one, bool) for one in outcomes)
    ):
        raise DocumentError(f"{name}: expected a list of true and false under 'tests_outcomes' in {FILE}")
    return Result(name=name, outcomes=tuple(outcomes), said=said)


def rates(results: Mapping[str, Result]) -> list[float]:
    """Percent of exercises solved after each try, as ``summarize_results`` of aider's benchmark counts.

    An exercise counts as solved from the try on at which it was; the share is of exercises with a result.
    """
    tries = max((len(one.outcomes) for one in results.values()), default=0)
    solved = [len(one.outcomes) for one in results.values() if one.solved]
    return [100 * sum(n <= i for n in solved) / len(results) for i in range(1, tries + 1)]


def contradictions(results: Mapping[str, Result]) -> Iterator[Difference]:
    """Where results contradict their own place, themselves, or each other."""
    chats: dict[str, str] = {}
    for name, one in results.items():
        said = one.said
        if "testcase" in said and said["testcase"] != name.partition("/")[2]:
            yield Difference(where=name, what="testcase", logged=str(said["testcase"])[:200], found=name)
        place = said.get("testdir")
        if isinstance(place, str) and not place.rstrip("/").endswith(_tail(name)):
            yield Difference(where=name, what="testdir", logged=place[-200:], found=_tail(name))
        if True in one.outcomes[:-1]:
            yield Difference(
                where=name,
                what="tests_outcomes",
                logged=list(one.outcomes),
                found="aider stops at the first try that passes",
            )
        timeouts = said.get("test_timeouts", 0)
        if isinstance(timeouts, int) and timeouts > one.outcomes.count(False):
            yield Difference(
                where=name, what="test_timeouts", logged=timeouts, found=one.outcomes.count(False)
            )
        if chat := said.get("chat_hashes"):
            other = chats.setdefault(json.dumps(chat), name)
            if other != name:
                yield Difference(where=name, what="chat_hashes", logged="its own", found=f"those of {other}")


def _tail(name: str) -> str:
    language, _, exercise = name.partition("/")
    return f"/{language}/exercises/practice/{exercise}"
