"""Benchmarks are found by exact name or a declared spelling, and never twice."""

import dataclasses

import pytest

from verifier.errors import RegistryError
from verifier.runners import registry


def test_every_benchmark_is_found_under_its_names() -> None:
    for name in ("humaneval", "humaneval_plus", "mbpp", "mbpp_plus"):
        assert name in registry.names()
        runner = registry.get(name)
        assert runner.name == name
        assert all(registry.get(alias) is runner for alias in runner.aliases)


def test_spelling_of_the_published_alloys() -> None:
    assert registry.get("humaneval+").name == "humaneval_plus"
    assert registry.get("mbpp+").name == "mbpp_plus"


def test_an_unknown_name_lists_all() -> None:
    assert registry.find("humanevl") is None
    with pytest.raises(RegistryError, match=r"expected one of .*humaneval_plus.*found 'humanevl'") as caught:
        registry.get("humanevl")
    assert "'humaneval'" in caught.value.remedy


@pytest.mark.parametrize("clash", [{"name": "mbpp"}, {"name": "fresh", "aliases": ("humaneval+",)}])
def test_a_taken_name_is_refused(clash: dict[str, object]) -> None:
    runner = dataclasses.replace(registry.get("humaneval"), **clash)  # type: ignore[arg-type]
    before = registry.names()
    with pytest.raises(RegistryError, match="expected a free name, found it taken by"):
        registry.register(runner)
    assert registry.names() == before
