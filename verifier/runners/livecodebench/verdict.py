"""What a scored log cannot decide, and where it contradicts its own programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.runners.livecodebench.dataset import Dataset
from verifier.runners.livecodebench.samples import Log, Record
from verifier.runners.model import Difference
from verifier.runners.schedule import SuiteResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A log with what its programs gave.

    Attributes:
        log: the file.
        dataset: the problems.
        results: for each record of the log, in its order, the result of each program; empty for records of
            other problems.
    """

    log: Log
    dataset: Dataset
    results: Sequence[Sequence[SuiteResult]]

    def pairs(self) -> Iterator[tuple[Record, Sequence[SuiteResult]]]:
        """Records of the benchmark's problems, with their results."""
        return (pair for pair in zip(self.log.records, self.results, strict=True) if pair[1])

    def sizes(self) -> set[int]:
        """How many programs problems have."""
        return {len(results) for _, results in self.pairs()}


def limits(judged: Judged, release: str, problems: int) -> Iterator[str]:
    """Why a claim cannot be decided by this score.

    Args:
        judged: the log.
        release: the benchmark's release.
        problems: how many it has.
    """
    found = len(judged.dataset.entries)
    if found != problems:
        yield f"the dataset given has {found} problems, {release} has {problems}"
    yield (
        f"no digest of {release} is pinned, so that the problems and tests given (--dataset) were not"
        " compared with it"
    )
    if len(judged.sizes()) > 1:
        yield (
            "problems have different numbers of programs"
            f" ({min(judged.sizes())} to {max(judged.sizes())}): codegen_metrics itself refuses such a file"
        )


def notes(judged: Judged) -> Iterator[str]:
    """Remarks on how it was judged."""
    sizes = judged.sizes()
    if sizes - {1}:
        yield f"{_span(sizes)} programs a problem: pass@1 is the mean of each problem's share"
    late = sum(
        _excused(record, index, result)
        for record, results in judged.pairs()
        for index, result in enumerate(results)
    )
    if late:
        yield (
            f"{late} program(s) are in time here and not in the log, or the other way round: that is a"
            " difference of machines or of time limits, and not told as a contradiction"
        )
    if any(record.grades is not None for record, _ in judged.pairs()):
        yield "the log does not say by which version of the harness, and with which time limit, it was graded"


def _span(sizes: set[int]) -> str:
    return str(min(sizes)) if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"


def differing(judged: Judged, official: Mapping[str, tuple[float, float | None]]) -> Iterator[Difference]:
    """Where the log contradicts what its own programs give.

    Args:
        judged: the log.
        official: value and standard error by name, of what the official judge says about its programs.
    """
    decided = True
    for record, results in judged.pairs():
        yield from _fields(record, judged.dataset.entries[record.question].stated)
        yield from _grades(record, results)
        yield from _programs(record)
        decided &= not any(_open(record, index, result) for index, result in enumerate(results))
    if decided:
        yield from _aggregate(judged.log.metrics or {}, official)


def _fields(record: Record, true: Mapping[str, str]) -> Iterator[Difference]:
    for name, logged in record.stated.items():
        if not _same_field(name, logged, true[name]):
            yield Difference(
                where=record.question, what=name, logged=_short(logged), found=_short(true[name])
            )


def _programs(record: Record) -> Iterator[Difference]:
    """Programs that are nowhere in the model's output.

    Every version and style of the harness cuts a program out of the output in its own way; none writes one.
    """
    for index, (program, output) in enumerate(zip(record.programs, record.outputs or (), strict=False)):
        if program.strip() not in output:
            yield Difference(
                where=record.question,
                what=f"code_list[{index}]",
                logged=_short(program),
                found="nothing like it in output_list",
            )


def _same_field(name: str, logged: str, true: str) -> bool:
    # The harness writes the date anew: with a space or a T, with or without fractions of a second.
    return logged == true or (name == "contest_date" and logged[:10] == true[:10])


def _grades(record: Record, results: Sequence[SuiteResult]) -> Iterator[Difference]:
    if record.grades is None:
        return
    for index, (logged, result) in enumerate(zip(record.grades, results, strict=True)):
        found = result.official == "pass"
        if logged != found and not _open(record, index, result):
            yield Difference(where=record.question, what=f"graded_list[{index}]", logged=logged, found=found)
    share = record.grades.count(True) / len(record.grades)
    if record.pass1 is not None and record.pass1 != share:
        yield Difference(where=record.question, what="pass@1", logged=record.pass1, found=share)


def _excused(record: Record, index: int, result: SuiteResult) -> bool:
    """Whether a grade differs in a way that machines and time limits explain."""
    if record.grades is None or record.grades[index] == (result.official == "pass"):
        return False
    if result.confirmed is None:
        return False
    return result.official == "timeout" if record.grades[index] else index in record.late


def _open(record: Record, index: int, result: SuiteResult) -> bool:
    return result.confirmed is None or _excused(record, index, result)


def _aggregate(
    logged: Mapping[str, float], official: Mapping[str, tuple[float, float | None]]
) -> Iterator[Difference]:
    if not logged:
        return
    for name, (value, stderr) in official.items():
        for what, found in ((name, value), (f"{name}_stderr", stderr)):
            said = logged.get(what)
            if found is not None and said != found:
                yield Difference(
                    where="_eval.json", what=what, logged="no number" if said is None else said, found=found
                )


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
