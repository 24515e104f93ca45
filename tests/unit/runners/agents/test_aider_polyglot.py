"""Aider's result files: rates as its benchmark counts them, and what such files do not decide."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.errors import DocumentError, UsageError
from verifier.runners.agents import aider_results
from verifier.runners.agents.aider_results import LANGUAGES, Result
from verifier.runners.agents.aider_runner import AIDER_POLYGLOT, AiderRunner

SMALL = AiderRunner(languages={"python": 4, "rust": 2})
OUTCOMES = {
    "python/bowling": [True],
    "python/pov": [False, True],
    "python/wordy": [False, False],
    "python/zipper": [True],
    "rust/acronym": [False, True],
}


def said(name: str, outcomes: Sequence[bool], **more: Any) -> dict[str, Any]:
    """A result as ``run_test_real`` of aider's benchmark writes it."""
    language, _, exercise = name.partition("/")
    return {
        "testdir": f"tmp.benchmarks/2025-01-01-00-00-00--x/{language}/exercises/practice/{exercise}",
        "testcase": exercise,
        "model": "model",
        "edit_format": "diff",
        "tests_outcomes": list(outcomes),
        "cost": 0.1,
        "duration": 12.5,
        "test_timeouts": 0,
        "commit_hash": "abc1234",
        "num_error_outputs": 0,
        "chat_hashes": [[f"call {name}", f"answer {name}"]],
    } | more


def write(root: Path, results: dict[str, Any]) -> Path:
    for name, result in results.items():
        language, _, exercise = name.partition("/")
        folder = root / language / "exercises" / "practice" / exercise
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{exercise}.txt").write_text("solution", encoding="utf-8")
        if result is not None:
            text = result if isinstance(result, str) else json.dumps(result, indent=4)
            (folder / aider_results.FILE).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def run(tmp_path: Path) -> Path:
    results: dict[str, Any] = {name: said(name, outcomes) for name, outcomes in OUTCOMES.items()}
    results["rust/bowling"] = {"exception": "no container"}
    return write(tmp_path / "2025-01-01-00-00-00--x", results)


def test_the_benchmark_has_225_exercises() -> None:
    assert sum(LANGUAGES.values()) == 225


def test_rates_as_aider_counts_them(run: Path) -> None:
    result = SMALL.score(run)
    assert [(m.name, m.value, m.n) for m in result.metrics] == [
        ("pass_rate_1", 100 * 2 / 6, 6),
        ("pass_rate_2", 100 * 4 / 6, 6),
    ]
    assert (result.missing, result.extra, result.differing, result.total) == ((), (), (), 6)
    assert SMALL.score(run.parent).tasks == result.tasks


@pytest.mark.parametrize(
    ("total", "first", "second", "stated"),
    [
        (225, 46, 80, ("20.4", "35.6")),
        (225, 50, 116, ("22.2", "51.6")),
        (225, 61, 144, ("27.1", "64.0")),
        (225, 55, 136, ("24.4", "60.4")),
        (225, 2, 8, ("0.9", "3.6")),
    ],
)
def test_published_rates_of_the_leaderboard(
    total: int, first: int, second: int, stated: tuple[str, str]
) -> None:
    """Numbers solved and rates as aider's leaderboard states them (polyglot_leaderboard.yml)."""
    outcomes = [(True,)] * first + [(False, True)] * (second - first) + [(False, False)] * (total - second)
    results = {str(i): Result(name=str(i), outcomes=one, said={}) for i, one in enumerate(outcomes)}
    assert tuple(f"{rate:.1f}" for rate in aider_results.rates(results)) == stated


def test_outcomes_are_the_publishers_word(run: Path) -> None:
    result = SMALL.score(run)
    assert {name for name, task in result.tasks.items() if task.confirmed is None} == {
        "python/bowling", "python/pov", "python/zipper", "rust/acronym",
    }  # fmt: skip
    assert all("publisher's word" in task.note for task in result.tasks.values() if task.confirmed is None)
    assert result.passed == 0
    assert result.value() is None
    assert "docker.sh" in result.limits[0]
    assert result.tasks["rust/bowling"].note == "the run broke: no container"


# What somebody might edit.


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tests_outcomes": [True, False]}, "tests_outcomes"),
        ({"testcase": "pov"}, "testcase"),
        ({"testdir": "tmp.benchmarks/x/rust/exercises/practice/wordy"}, "testdir"),
        ({"test_timeouts": 7}, "test_timeouts"),
        ({"chat_hashes": [["call python/pov", "answer python/pov"]]}, "chat_hashes"),
    ],
)
def test_an_edited_result(run: Path, change: dict[str, Any], what: str) -> None:
    write(run, {"python/wordy": said("python/wordy", [False, False]) | change})
    assert [(one.where, one.what) for one in SMALL.score(run).differing] == [("python/wordy", what)]


def test_a_dropped_exercise(run: Path) -> None:
    (run / "python/exercises/practice/pov" / aider_results.FILE).unlink()
    result = SMALL.score(run)
    assert result.missing == ("python/pov",)
    assert result.value() is None
    assert len(AIDER_POLYGLOT.score(run).missing) == 220


def test_a_duplicated_exercise(run: Path) -> None:
    """An exercise copied under another name is one too many, and tells by its conversation."""
    write(run, {"python/zzz": said("python/bowling", [True])})
    result = SMALL.score(run)
    assert result.extra == ("python/zzz",)
    assert {one.what for one in result.differing} == {"testcase", "testdir", "chat_hashes"}


def test_another_language(run: Path) -> None:
    write(run, {"cobol/bowling": said("cobol/bowling", [True])})
    assert SMALL.score(run).extra == ("cobol/bowling",)


def test_results_of_two_models(run: Path) -> None:
    write(run, {"python/pov": said("python/pov", [False, True], model="another")})
    assert any("'model'" in note for note in SMALL.score(run).notes)


# Broken and hostile files.


def test_a_result_that_is_no_json_is_left_out(run: Path) -> None:
    write(run, {"python/pov": "{"})
    result = SMALL.score(run)
    assert result.missing == ("python/pov",)
    assert "no JSON" in result.notes[0]


@pytest.mark.parametrize("bad", [[1], "text", {"tests_outcomes": "yes"}, {"tests_outcomes": [1]}, 7])
def test_malformed_results(run: Path, bad: Any) -> None:
    write(run, {"python/pov": json.dumps(bad)})
    with pytest.raises(DocumentError, match="python/pov"):
        SMALL.score(run)


def test_links_and_giants_are_not_read(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(said("python/pov", [True])), encoding="utf-8")
    link = run / "python/exercises/practice/pov" / aider_results.FILE
    link.unlink()
    link.symlink_to(other)
    giant = run / "rust/exercises/practice/acronym" / aider_results.FILE
    with giant.open("r+b") as stream:
        stream.truncate(8 << 30)
    (run / "rust/exercises/practice/linked").symlink_to(run / "python/exercises/practice/bowling")
    result = SMALL.score(run)
    assert set(result.missing) == {"python/pov", "rust/acronym"}
    assert "rust/linked" not in {*result.tasks, *result.extra, *result.missing}
    assert len(result.notes) == 2


def test_no_run(tmp_path: Path, run: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        SMALL.score(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="found none"):
        SMALL.score(tmp_path / "empty")
    write(tmp_path / "second", {"python/pov": said("python/pov", [True])})
    with pytest.raises(UsageError, match="expected one run"):
        SMALL.score(tmp_path)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=30), st.randoms())
def test_rates_are_monotonous_and_forget_the_order(outcomes: list[list[bool]], random: Any) -> None:
    pairs = [(f"python/{i}", tuple(one)) for i, one in enumerate(outcomes)]
    results = {name: Result(name=name, outcomes=one, said={}) for name, one in pairs}
    rates = aider_results.rates(results)
    assert rates == sorted(rates)
    solved = sum(bool(one) and one[-1] for one in outcomes)
    if rates:
        assert rates[-1] == float(100 * solved / len(outcomes))
        assert abs(Fraction(rates[-1]) - Fraction(100 * solved, len(outcomes))) < Fraction(1, 10**9)
    random.shuffle(pairs)
    assert aider_results.rates({name: results[name] for name, _ in pairs}) == rates
