"""From programs to problems: one result for each problem, whatever number of programs answers it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from verifier.errors import DocumentError
from verifier.runners.livecodebench.dataset import Dataset
from verifier.runners.livecodebench.samples import Log, Record
from verifier.runners.model import TaskResult
from verifier.runners.schedule import SuiteResult


def named(log: Log, dataset: Dataset) -> tuple[Record, ...]:
    """A log's records with their question ids.

    Raises:
        DocumentError: a list of lists does not have one list for each problem.
    """
    if not log.positional:
        return log.records
    if len(log.records) != len(dataset.entries):
        raise DocumentError(
            f"samples {log.path.name}: a list of lists has one for each problem of the dataset, sorted by"
            f" question id; expected {len(dataset.entries)}, found {len(log.records)}",
            remedy="give each list its question_id: {question_id, code_list}",
        )
    return tuple(
        replace(record, question=question)
        for record, question in zip(log.records, dataset.entries, strict=True)
    )


def by_problem(
    records: Sequence[Record], results: Sequence[Sequence[SuiteResult]]
) -> dict[str, Sequence[SuiteResult]]:
    """Results by problem, sorted by question id; of a repeated problem the worst record counts."""
    found: dict[str, Sequence[SuiteResult]] = {}
    for record, of_record in zip(records, results, strict=True):
        if of_record:
            known = found.get(record.question)
            found[record.question] = of_record if known is None else min(known, of_record, key=_goodness)
    return dict(sorted(found.items()))


def _goodness(results: Sequence[SuiteResult]) -> tuple[float, int]:
    confirmed = sum(result.confirmed is True for result in results)
    return confirmed / len(results), sum(result.confirmed is None for result in results)


def repeated(records: Sequence[Record], dataset: Dataset) -> tuple[str, ...]:
    """Questions of the benchmark that a log answers more than once."""
    counts = Counter(record.question for record in records if record.programs)
    return tuple(sorted(name for name, count in counts.items() if count > 1 and name in dataset.entries))


def task(results: Sequence[SuiteResult]) -> TaskResult:
    """One problem's result: of several programs the most telling one's, with the count in the note.

    It is confirmed if every program is; a program that only the official judge passes is told first.
    """
    speaks = min(results, key=_order)
    note = speaks.note
    if len(results) > 1:
        confirmed = sum(result.confirmed is True for result in results)
        note = f"{confirmed} of {len(results)} programs confirmed" + (f"; {note}" if note else "")
    return TaskResult(
        official=speaks.official,
        isolated=speaks.isolated,
        confirmed=speaks.confirmed,
        load_sensitive=any(result.load_sensitive for result in results),
        note=note,
    )


def _order(result: SuiteResult) -> int:
    if result.confirmed is None:
        return 0
    if result.confirmed is False:
        return 1 if result.official == "pass" else 2
    return 3


def grades(found: Mapping[str, Sequence[SuiteResult]], *, official: bool) -> list[list[bool]]:
    """What the harness counts: whether each program passes, by one judge or by both."""
    return [
        [result.official == "pass" if official else result.confirmed is True for result in results]
        for results in found.values()
    ]
