"""The record of one problem, and three ways to answer it."""

from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with its inputs and answers of three qualities.

    Attributes:
        signature: the ``def`` line.
        task: docstring of the function to write.
        right: body that solves it.
        weak: body that passes the base inputs and fails a plus input.
        wrong: body that fails a base input.
        base: argument lists that the task shows or suggests.
        plus: argument lists that ask for more; an answer has to pass both.
        atol: absolute tolerance for floating-point results; 0 asks for equality.
        contract: assertions that every input fulfils.
    """

    signature: str
    task: str
    right: str
    weak: str
    wrong: str
    base: list[list[Any]]
    plus: list[list[Any]]
    atol: float = 0
    contract: str = "assert True"

    @property
    def entry_point(self) -> str:
        """Name of the function."""
        return self.signature.removeprefix("def ").partition("(")[0]

    @property
    def prompt(self) -> str:
        """What a model is asked to continue."""
        return f'{self.signature}\n    """{self.task}"""\n'

    def body(self, quality: str) -> str:
        """The indented body of the given quality: ``"right"``, ``"weak"`` or ``"wrong"``."""
        return indent(dedent(str(getattr(self, quality))).strip("\n") + "\n", "    ")
