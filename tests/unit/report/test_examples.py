"""The examples in the docstrings hold."""

import doctest

import pytest

from verifier import pytest_workers
from verifier.report import explain, markdown, text


@pytest.mark.parametrize("module", [explain, markdown, text, pytest_workers], ids=lambda m: m.__name__)
def test_docstring_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
