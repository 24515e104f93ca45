"""Samples as evidence: what an auditor would want to look at twice. Notes, never a verdict.

Nothing here proves anything. Each note gives counts, and beside them what other files of the same benchmark
show, since good models find short solutions by themselves and weak ones repeat themselves.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.runners.model import Answer, ScoreResult
from verifier.runners.statistics import Paired, paired
from verifier.verdicts import Severity

NOTES = (
    "samples-identical",
    "answers-identical",
    "answers-canonical",
    "answers-repeated",
    "answers-of-other-problems",
)
"""Codes of the notes."""
TELLING_SIZE = 24
"""Nodes of a program's syntax tree from which on two authors seldom write the same; see decision 0067."""
TELLING_LENGTH = 64
"""Characters of a text from which on it is worth a look that it is equal to another."""
FEWEST = 3
"""Answers below this number are not worth a note."""
MANY = 0.1
"""Share of a file's answers from which on a note is a warning."""
MOST = 0.5
"""Share of copies beyond which no other file's like share is a reason to make light of it."""
ALIKE = 0.95
"""Share of two files' answers from which on they are called the same answers."""
UNLIKELY = 0.001
"""Probability below which one file's excess of the dataset's own solutions is hardly a matter of chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A scored samples file, and whose answers it holds.

    Attributes:
        who: such as ``student``, ``base`` or ``prior router-norm``.
        result: its score.
    """

    who: str
    result: ScoreResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one file's answers look like.

    Attributes:
        answers: how many are known.
        canonical: those that equal the dataset's own solution. Runners do not mark what is just right, such
            as labels and transcripts.
        telling: those of them that are so long that models seldom write the same by themselves.
        repeated: problems whose answer, if it is a long one, another problem got as well.
        elsewhere: programs that define another problem's function in place of their own.
    """

    answers: int
    canonical: int
    telling: int
    repeated: int
    elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to look at.

    Attributes:
        code: stable kebab-case name.
        severity: note or warning.
        who: whose file, or files, it is about.
        message: one sentence with counts.
        count: how many answers it is about.
    """

    code: str
    severity: Severity
    who: tuple[str, ...]
    message: str
    count: int


def count(result: ScoreResult) -> Counts:
    """Count what is remarkable in one file's answers."""
    answers = result.answers
    return Counts(
        answers=len(answers),
        canonical=sum(answer.canonical for answer in answers.values()),
        telling=sum(_telling(answer) for answer in answers.values()),
        repeated=len(_repeated(answers)),
        elsewhere=sum(bool(answer.of) for answer in answers.values()),
    )


def inspect(files: Sequence[Evidence]) -> tuple[Note, ...]:
    """Look at the samples files that answer one benchmark.

    Args:
        files: each with another ``who``.

    Returns:
        Notes, first about single files in their order, then about pairs of them.
    """
    single = [note for file in files for note in _of_one(file, [f for f in files if f is not file])]
    pairs = ((one, other) for i, one in enumerate(files) for other in files[i + 1 :])
    return (*single, *(note for one, other in pairs for note in _of_two(one, other)))


def _telling(answer: Answer) -> bool:
    long_ = answer.size >= TELLING_SIZE if answer.size else answer.length >= TELLING_LENGTH
    return answer.canonical and long_


def _repeated(answers: Mapping[str, Answer]) -> list[str]:
    long_ = {task: answer for task, answer in answers.items() if answer.length >= TELLING_LENGTH}
    times = Counter(answer.digest for answer in long_.values())
    return [task for task, answer in long_.items() if times[answer.digest] > 1]


def _severity(number: int, of: int) -> Severity:
    return Severity.WARNING if number >= MANY * of else Severity.NOTE


def _of_one(file: Evidence, others: Sequence[Evidence]) -> Iterator[Note]:
    yield from _canonical(file, others)
    answers = file.result.answers
    repeated = _repeated(answers)
    if len(repeated) >= FEWEST:
        yield Note(
            code="answers-repeated",
            severity=Severity.NOTE,
            who=(file.who,),
            message=f"{len(repeated)} of {len(answers)} answers are the answer to another problem as well,"
            f" first {_named(repeated)}; refusals and models that repeat themselves look like this too"
            + _elsewhere([(f.who, len(_repeated(f.result.answers)), f) for f in others]),
            count=len(repeated),
        )
    foreign = {task: answer.of for task, answer in answers.items() if answer.of}
    if len(foreign) >= FEWEST:
        task = next(iter(foreign))
        yield Note(
            code="answers-of-other-problems",
            severity=_severity(len(foreign), len(answers)),
            who=(file.who,),
            message=f"{len(foreign)} of {len(answers)} programs define another problem's function and not"
            f" their own, first {task} ({foreign[task]})",
            count=len(foreign),
        )


def _canonical(file: Evidence, others: Sequence[Evidence]) -> Iterator[Note]:
    counts = count(file.result)
    if counts.telling < FEWEST:
        return
    tasks = [task for task, answer in file.result.answers.items() if _telling(answer)]
    yield Note(
        code="answers-canonical",
        severity=_severity_of_copies(file, others),
        who=(file.who,),
        message=f"{counts.canonical} of {counts.answers} answers equal the dataset's own solution,"
        f" {counts.telling} of them longer than models mostly hit by themselves ({_named(tasks)}); a model"
        " that has seen the benchmark in training writes such"
        + _elsewhere([(f.who, count(f.result).telling, f) for f in others]),
        count=counts.telling,
    )


def _severity_of_copies(file: Evidence, others: Sequence[Evidence]) -> Severity:
    """Many copies are a warning, unless another file has like many; so are far more than another has."""
    share = _share(file)
    usual = any(2 * _share(other) >= share for other in others)
    if share > MOST or (share >= MANY and not usual) or any(_exceeds(file, other) for other in others):
        return Severity.WARNING
    return Severity.NOTE


def _share(file: Evidence) -> float:
    counts = count(file.result)
    return counts.telling / counts.answers if counts.answers else 0.0


def _exceeds(file: Evidence, other: Evidence) -> bool:
    here, there = ({t: _telling(a) for t, a in f.result.answers.items()} for f in (file, other))
    found: Paired | None = paired(here, there)
    return found is not None and len(found.won) > len(found.lost) and found.p < UNLIKELY


def _elsewhere(rates: Sequence[tuple[str, int, Evidence]]) -> str:
    """The same count in the other files: what would be expected."""
    known = [f"{who} {number} of {len(f.result.answers)}" for who, number, f in rates if f.result.answers]
    return f" (for comparison: {', '.join(known)})" if known else ""


def _named(tasks: Sequence[str]) -> str:
    return ", ".join(tasks[:3]) + (" …" if len(tasks) > 3 else "")


def _of_two(one: Evidence, other: Evidence) -> Iterator[Note]:
    who = (one.who, other.who)
    sha256 = one.result.samples_sha256
    if sha256 and sha256 == other.result.samples_sha256:
        yield Note(
            code="samples-identical",
            severity=Severity.WARNING,
            who=who,
            message=f"both have the same samples (sha256 {sha256[:16]}…), which cannot show how two models"
            " differ",
            count=len(one.result.tasks),
        )
        return
    same, of = same_answers(one.result, other.result)
    if of >= FEWEST and same >= ALIKE * of:
        yield Note(
            code="answers-identical",
            severity=Severity.WARNING if same == of else Severity.NOTE,
            who=who,
            message=f"{same} of {of} long answers are the same in both files, character by character; two"
            " models that differ at all seldom agree so far",
            count=same,
        )


def same_answers(one: ScoreResult, other: ScoreResult) -> tuple[int, int]:
    """How many long answers two files share, and to how many problems both give a long answer."""
    both = [
        (one.answers[task].digest, other.answers[task].digest)
        for task in one.answers.keys() & other.answers.keys()
        if min(one.answers[task].length, other.answers[task].length) >= TELLING_LENGTH
    ]
    return sum(here == there for here, there in both), len(both)
