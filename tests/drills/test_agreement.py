"""Both judges agree, task by task, on samples that do not cheat.

Canonical solutions, published samples, and mutants of the canonical solutions. The default run takes
every twelfth task; ``pytest -m slow tests/drills/test_agreement.py`` takes them all.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills import mutants, published
from verifier.runners.model import ScoreResult

pytestmark = [
    pytest.mark.timeout(3000),
]

STEPS = [pytest.param(12, id="subset"), pytest.param(1, id="all", marks=pytest.mark.slow)]
WRONGLY_FAILED = "HumanEval/32"
"""Every solution of it fails in evalplus 0.3.1."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agreement")


def disagreements(result: ScoreResult) -> dict[str, object]:
    """Return tasks that the official judge passes and the isolated one does not."""
    return {
        task: found
        for task, found in result.tasks.items()
        if found.official == "pass" and (found.isolated != "pass" or found.confirmed is not True)
    }


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("benchmark", published.BENCHMARKS)
def test_canonical_solutions_pass_both(benchmark: str, step: int, cache: Path) -> None:
    chosen = dict(list(published.problems(benchmark).items())[::step])
    solutions = {task: problem.prompt + problem.canonical_solution for task, problem in chosen.items()}
    samples = published.write(cache / f"{benchmark}-{step}.jsonl", solutions)
    result = published.score(benchmark, samples, cache, whole=step == 1)
    assert disagreements(result) == {}
    failed = {task: found for task, found in result.tasks.items() if found.official != "pass"}
    assert set(failed) <= {WRONGLY_FAILED}
    assert all(found.fixed == "pass" for found in failed.values())
    assert len(result.tasks) == len(chosen)


@pytest.mark.parametrize("step", STEPS)
def test_published_samples_agree(step: int, cache: Path) -> None:
    for samples in published.published_samples():
        name = "-".join(samples.relative_to(published.mirror()).parts)
        chosen = published.thin_out(samples, cache / f"step{step}-{name}", step)
        result = published.score("humaneval_plus", chosen, cache, whole=step == 1)
        assert disagreements(result) == {}, samples.name
        assert result.undecided == 0, samples.name
        print(
            f"\n{name}: {sum(one.official == 'pass' for one in result.tasks.values())} of {len(result.tasks)}"
        )


def _mutants(benchmark: str, step: int) -> Iterator[tuple[str, str]]:
    for task, problem in list(published.problems(benchmark).items())[::step]:
        mutant = mutants.mutate(problem.prompt + problem.canonical_solution, seed=task)
        if mutant is not None:
            yield task, mutant


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("benchmark", published.BENCHMARKS)
def test_mutants_agree(benchmark: str, step: int, cache: Path) -> None:
    solutions = dict(_mutants(benchmark, step))
    samples = published.write(cache / f"m-{benchmark}-{step}.jsonl", solutions)
    result = published.score(benchmark, samples, cache, whole=step == 1)
    passed = sum(found.official == "pass" for found in result.tasks.values())
    print(f"\n{benchmark}: {len(solutions)} mutants, {passed} survive the official judge")
    assert disagreements(result) == {}
    # A mutation engine that changes nothing, or breaks everything, would prove nothing.
    assert len(solutions) - passed > 0
    if step == 1:
        assert passed > 0


def _mutants_of_file(samples: Path, step: int) -> Iterator[tuple[str, str]]:
    problems = published.problems("humaneval_plus")
    for line in samples.read_text(encoding="utf-8").splitlines()[::step]:
        record = json.loads(line)
        task = record["task_id"]
        code = record.get("solution") or problems[task].prompt + record["completion"]
        with contextlib.suppress(SyntaxError):  # some published samples are no Python at all
            mutant = mutants.mutate(code, seed=f"{samples.name} {task}")
            if mutant is not None:
                yield task, mutant


@pytest.mark.parametrize("step", STEPS)
def test_mutants_of_published_samples_agree(step: int, cache: Path) -> None:
    for number, samples in enumerate(published.published_samples()):
        solutions = dict(_mutants_of_file(samples, step * 2 if step > 1 else step))
        written = published.write(cache / f"mp-{number}-{step}.jsonl", solutions)
        result = published.score("humaneval_plus", written, cache, whole=step == 1)
        passed = sum(found.official == "pass" for found in result.tasks.values())
        print(f"\n{samples.parts[-4]}/{samples.name}: {len(solutions)} mutants, {passed} survive")
        assert disagreements(result) == {}
        assert len(solutions) - passed > 0


def test_a_mutant_is_the_same_in_every_run() -> None:
    code = "def f(n):\n    return n + 1 if n < 3 and n > 0 else n * 2\n"
    assert mutants.mutate(code, "a") == mutants.mutate(code, "a")
    assert len({mutants.mutate(code, str(seed)) for seed in range(40)}) > 3
    assert mutants.mutate("def f(n):\n    return n\n", "a") is None
