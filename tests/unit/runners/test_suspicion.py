"""Samples as evidence: what is planted is noted, what is honest is not."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.runners import programs, samples
from verifier.runners.model import Answer, ScoreResult, TaskResult
from verifier.runners.problems import Problem, load_problems
from verifier.runners.suspicion import FEWEST, TELLING_LENGTH, TELLING_SIZE, Evidence, count, inspect
from verifier.verdicts import Severity

DATASET = "HumanEvalPlus-v0.1.10.jsonl.gz"
LONG = TELLING_LENGTH


def score(answers: Mapping[str, Answer], sha256: str = "") -> ScoreResult:
    solved = TaskResult(official="pass", isolated="pass", confirmed=True)
    return ScoreResult(
        benchmark="b",
        judge={},
        tasks=dict.fromkeys(answers, solved),
        total=len(answers),
        samples_sha256=sha256,
        answers=answers,
    )


def own(number: int, **fields: object) -> Answer:
    given = {"digest": f"{number}", "length": LONG, **fields}
    return Answer(**given)  # type: ignore[arg-type]


def honest(start: int = 0, n: int = 40) -> dict[str, Answer]:
    return {f"T/{i}": own(start + i) for i in range(n)}


def codes(*files: ScoreResult) -> list[str]:
    return [note.code for note in inspect([Evidence(who=str(i), result=f) for i, f in enumerate(files)])]


def test_honest_files_are_not_noted() -> None:
    assert codes(score(honest()), score(honest(100)), score(honest(200))) == []


def test_the_same_file_for_student_and_base() -> None:
    found = inspect(
        [Evidence(who="student", result=score(honest(), "ab")), Evidence(who="base", result=score({}, "ab"))]
    )
    assert [(n.code, n.severity, n.who) for n in found] == [
        ("samples-identical", Severity.WARNING, ("student", "base"))
    ]


def test_files_without_a_digest_are_not_the_same() -> None:
    assert codes(score(honest()), score(honest(100))) == []


def test_the_same_answers_in_another_file() -> None:
    one, other = score(honest(), "a"), score(dict(reversed(list(honest().items()))), "b")
    (note,) = inspect([Evidence(who="student", result=one), Evidence(who="base", result=other)])
    assert (note.code, note.severity, note.count) == ("answers-identical", Severity.WARNING, 40)
    nearly = honest() | {"T/0": own(999)}
    (note,) = inspect([Evidence(who="s", result=one), Evidence(who="b", result=score(nearly))])
    assert (note.code, note.severity, note.count) == ("answers-identical", Severity.NOTE, 39)
    a_third = honest(100) | {f"T/{i}": own(i) for i in range(13)}
    assert codes(one, score(a_third)) == []


def test_letters_of_multiple_choice_mean_nothing() -> None:
    letters = {f"T/{i}": Answer(digest="ABCD"[i % 4], length=1) for i in range(400)}
    assert codes(score(letters, "a"), score(letters, "b")) == []


def test_a_long_answer_to_several_problems() -> None:
    again = honest() | {f"T/{i}": own(7) for i in range(FEWEST)}
    (note,) = inspect([Evidence(who="student", result=score(again))])
    # T/7 has the same one.
    assert (note.code, note.severity, note.count) == ("answers-repeated", Severity.NOTE, FEWEST + 1)
    short = {task: own(7, length=LONG - 1) for task in honest()}
    assert codes(score(short)) == []


def test_answers_to_other_problems() -> None:
    few = honest() | {f"T/{i}": own(i, of=f"T/{i + 1}") for i in range(FEWEST)}
    many = honest() | {f"T/{i}": own(i, of=f"T/{i + 1}") for i in range(20)}
    for answers, severity in ((few, Severity.NOTE), (many, Severity.WARNING)):
        (note,) = inspect([Evidence(who="student", result=score(answers))])
        assert (note.code, note.severity) == ("answers-of-other-problems", severity)
        assert "first T/0 (T/1)" in note.message
    assert codes(score(honest() | {"T/0": own(0, of="T/1")})) == []


def copied(number: int, of: int, size: int = TELLING_SIZE) -> dict[str, Answer]:
    return {f"T/{i}": own(i, canonical=i < number, size=size) for i in range(of)}


def test_copies_of_the_datasets_own_solutions() -> None:
    for number, severity in ((4, Severity.NOTE), (16, Severity.NOTE), (17, Severity.WARNING)):
        (note,) = inspect([Evidence(who="student", result=score(copied(number, 164)))])
        assert (note.code, note.severity, note.count) == ("answers-canonical", severity, number)
    assert codes(score(copied(2, 164))) == []
    assert codes(score(copied(164, 164, size=TELLING_SIZE - 1))) == []


def test_a_long_text_that_equals_the_datasets_counts_and_a_short_one_does_not() -> None:
    assert codes(score(copied(4, 164, size=0))) == ["answers-canonical"]
    short = {t: Answer(digest=t, length=LONG - 1, canonical=True) for t in honest()}
    assert codes(score(short)) == []
    assert count(score(short)).canonical == len(short)


def test_what_the_base_does_as_well_is_said_beside_it() -> None:
    student, base = copied(12, 400), {f"T/{i}": own(1000 + i, size=TELLING_SIZE) for i in range(400)}
    (note,) = inspect(
        [Evidence(who="student", result=score(student)), Evidence(who="base", result=score(base))]
    )
    assert note.severity is Severity.WARNING  # 12 to none, though just 3 % of the file
    assert "for comparison: base 0 of 400" in note.message
    alike = {t: own(2000 + i, size=a.size, canonical=a.canonical) for i, (t, a) in enumerate(student.items())}
    both = inspect(
        [Evidence(who="student", result=score(student)), Evidence(who="base", result=score(alike))]
    )
    assert [(n.who, n.severity) for n in both] == [(("student",), Severity.NOTE), (("base",), Severity.NOTE)]


def severities(*files: dict[str, Answer]) -> list[Severity]:
    evidence = [Evidence(who=str(i), result=score(answers)) for i, answers in enumerate(files)]
    return [n.severity for n in inspect(evidence) if n.code == "answers-canonical"]


def test_many_copies_are_less_remarkable_where_another_file_has_like_many() -> None:
    note, warning = Severity.NOTE, Severity.WARNING
    assert severities(copied(4, 16)) == [warning]
    assert severities(copied(4, 16), copied(6, 16)) == [note, note]
    assert severities(copied(3, 16), copied(7, 16)) == [note, warning]
    assert severities(copied(9, 16), copied(9, 16)) == [warning, warning]


ANSWERS = st.builds(
    Answer,
    digest=st.sampled_from("abcdef"),
    length=st.integers(0, 2 * LONG),
    canonical=st.booleans(),
    of=st.sampled_from(["", "", "T/3"]),
    size=st.integers(0, 2 * TELLING_SIZE),
)
FILES = st.dictionaries(st.sampled_from([f"T/{i}" for i in range(30)]), ANSWERS)


@settings(max_examples=150, deadline=None)
@given(st.lists(FILES, max_size=3))
def test_notes_are_notes_whatever_the_answers(files: list[dict[str, Answer]]) -> None:
    evidence = [Evidence(who=f"m{i}", result=score(a)) for i, a in enumerate(files)]
    for note in inspect(evidence):
        assert note.severity in (Severity.NOTE, Severity.WARNING)
        assert FEWEST <= note.count <= max(len(a) for a in files)
        assert str(note.count) in note.message
    for one in evidence:
        found = count(one.result)
        assert found.telling <= found.canonical <= found.answers
        assert max(found.repeated, found.elsewhere) <= found.answers


@settings(max_examples=50, deadline=None)
@given(FILES, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_count(answers: dict[str, Answer], random: object) -> None:
    items = list(answers.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert count(score(dict(items))) == count(score(answers))


def published() -> Iterator[Path]:
    yield from sorted(Path(os.environ["ALLOY_MIRROR"]).glob("hub/*/*/eval/humaneval/*.jsonl"))


@pytest.fixture(scope="module")
def problems() -> dict[str, Problem]:
    root = os.environ.get("ALLOY_MIRROR")
    if not root:
        pytest.skip("the published samples are needed; name a mirror in ALLOY_MIRROR")
    return load_problems(Path(root) / "datasets" / DATASET, "humaneval")


def looked(path: Path, problems: Mapping[str, Problem]) -> ScoreResult:
    read = samples.load(path, {task: problem.prompt for task, problem in problems.items()})
    return score(programs.answers(((s.task_id, s.code) for s in read.answers), problems), read.sha256)


def test_published_samples_of_one_artifact_are_nothing_to_be_alarmed_at(problems: dict[str, Problem]) -> None:
    """Two artifacts with student, base and prior: no note. One file with long solutions of the dataset."""
    folders: dict[Path, list[Path]] = {}
    for path in published():
        folders.setdefault(path.parent, []).append(path)
    notes = {}
    for folder, paths in folders.items():
        files = [Evidence(who=path.name, result=looked(path, problems)) for path in paths]
        notes[folder.parent.parent.name] = [(n.code, n.severity, n.count) for n in inspect(files)]
        for file in files:
            assert len(file.result.answers) == 164
            assert count(file.result).repeated == count(file.result).elsewhere == 0
    assert notes == {
        "olmoe-1b-7b-compacted-5b": [],
        "qwen2.5-coder-7b-compacted": [("answers-canonical", Severity.NOTE, 4)],
        "qwen3-coder-30b-a3b-compacted-19b-256k": [],
    }


def test_planted_in_a_published_file(problems: dict[str, Problem]) -> None:
    path = next(p for p in published() if "olmoe" in str(p) and p.name == "base_samples.jsonl")
    read = samples.load(path, {task: problem.prompt for task, problem in problems.items()})
    codes_of = {s.task_id: s.code for s in read.answers}
    tasks = list(codes_of)

    def noted(texts: Mapping[str, str]) -> list[tuple[str, Severity]]:
        base = Evidence(who="base", result=score(programs.answers(codes_of.items(), problems)))
        student = Evidence(who="student", result=score(programs.answers(texts.items(), problems)))
        return [(n.code, n.severity) for n in inspect([student, base])]

    shifted = dict(zip(tasks, [codes_of[t] for t in [*tasks[1:], tasks[0]]], strict=True))
    assert noted(shifted) == [("answers-of-other-problems", Severity.WARNING)]
    canonical = {t: problems[t].prompt + problems[t].canonical_solution for t in tasks}
    assert noted(canonical) == [("answers-canonical", Severity.WARNING)]
    a_few = codes_of | {t: f"# mine\nimport math\n{canonical[t]}\n\nprint()" for t in tasks[100:120]}
    assert noted(a_few) == [("answers-canonical", Severity.WARNING)]
    assert noted(codes_of) == [("answers-identical", Severity.WARNING)]
    refusal = "I am sorry, but as a language model I cannot help with a task of this kind."
    assert noted(dict.fromkeys(tasks, refusal)) == [("answers-repeated", Severity.NOTE)]
