"""MMMU's multiple choice: what a log without options still decides.

The harness looks for a letter in the answer, then for an option's text, and if it finds neither it guesses.
A guess cannot be scored again. The options stand in the prompt; where they cannot be read from it without
doubt, an outcome counts as decided if it is the same whatever the options are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from verifier.runners.lmms_eval.harness import Task
from verifier.runners.lmms_eval.log import Line

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_QUESTION, _OPTION = "\0question\0", "\0option\0"


class Undecided(Exception):  # noqa: N818 (an outcome, not a fault)
    """The outcome does not follow from the log.

    Attributes:
        letters: what the harness may have taken.
    """

    def __init__(self, reason: str, letters: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.letters = letters


class _NoRandom:
    """Stands where the harness's parser has ``random``."""

    @staticmethod
    def choice(letters: list[str]) -> str:
        raise Undecided("the answer names no option, so that the harness guessed one", tuple(letters))


class _Unknown:
    """An option whose text is not known."""

    def lower(self) -> str:
        raise Undecided("the answer may name an option by its text, which the log does not have", LETTERS)


@contextmanager
def no_guessing() -> Iterator[None]:
    """Within, the harness's parser raises ``Undecided`` instead of guessing."""
    from lmms_eval.tasks._task_utils import mmmu_mcq_utils

    kept = mmmu_mcq_utils.random
    mmmu_mcq_utils.random = _NoRandom
    try:
        yield
    finally:
        mmmu_mcq_utils.random = kept


def metrics(task: Task, doc: dict[str, Any], line: Line, answer: str) -> dict[str, Any]:
    """The harness's values of a problem whose options were not logged.

    Args:
        task: the task.
        doc: the problem without options.
        line: its line; the prompt may show the options.
        answer: the filtered answer.

    Raises:
        Undecided: they do not follow from the log.
    """
    options = read_options(task, line.prompt)
    if options is not None:
        return task.metrics(doc | {"options": repr(options)}, answer)
    least = max(2, LETTERS.index(doc["answer"]) + 1) if doc["answer"] in LETTERS else 2
    try:
        found = [_with_unknown(task, doc, answer, count) for count in range(least, len(LETTERS) + 1)]
    except Undecided as reason:
        raise Undecided(str(reason), LETTERS) from reason
    if any(one != found[0] for one in found):
        raise Undecided("which option the answer names depends on how many there are", LETTERS)
    return found[0]


def _with_unknown(task: Task, doc: dict[str, Any], answer: str, count: int) -> dict[str, Any]:
    """Values if there are so many options, of unknown text."""
    letters = list(LETTERS[:count])
    place = task.process_results.__globals__
    kept = place["get_multi_choice_info"]
    place["get_multi_choice_info"] = lambda _: ({letter: _Unknown() for letter in letters}, letters)
    try:
        return task.metrics(doc | {"options": "[]"}, answer)
    finally:
        place["get_multi_choice_info"] = kept


def read_options(task: Task, prompt: str) -> list[str] | None:
    """The options that a prompt shows; None if they cannot be read without doubt.

    The prompt must be one of those that the task makes, each letter must begin one line, and the harness
    must make the same prompt of what was read.
    """
    for variant in task.variants:
        for question, options in _readings(task, variant, prompt):
            doc = {"question": question, "options": repr(options), "question_type": "multiple-choice"}
            # Where pictures lie between words, "<image 2>" is logged as "<image>": that is not the option's
            # text.
            if "<image>" not in "".join(options) and task.task.config.doc_to_text(doc, variant) == prompt:
                return options
    return None


def _readings(task: Task, variant: Any, prompt: str) -> Iterator[tuple[str, list[str]]]:
    doc = {"question": _QUESTION, "options": repr([_OPTION]), "question_type": "multiple-choice"}
    try:
        made = str(task.task.config.doc_to_text(doc, variant))
    except (KeyError, TypeError):
        return
    before, _, rest = made.partition(_QUESTION)
    between, _, after = rest.partition(_OPTION)
    inner = prompt[len(before) : len(prompt) - len(after)]
    if before + inner + after != prompt:
        return
    marks = [between, *(f"\n{letter}. " for letter in LETTERS[1:])]
    counts = [inner.count(mark) for mark in marks]
    shown = counts.index(0) if 0 in counts else len(LETTERS)
    if shown < 2 or any(count != 1 for count in counts[:shown]) or any(counts[shown:]):
        return
    question, parts = inner, []
    for mark in marks[:shown][::-1]:
        question, _, part = question.partition(mark)
        parts.append(part)
    yield question, parts[::-1]
