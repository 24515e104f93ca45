"""Samples that pass without solving anything: none is confirmed, and none changes another's result.

Run them alone with ``pytest tests/drills/test_cheats.py -s``; the number of cheats that fool the
official judge by itself is printed.
"""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.drills import drillbench
from verifier.runners import registry
from verifier.runners.model import ScoreOptions, TaskResult

pytestmark = [
    pytest.mark.timeout(1800),
]

CHEATS = drillbench.specimens("cheats")
NAMES = [cheat.name for cheat in CHEATS]
ANSWERS = drillbench.among_honest(CHEATS)
HONEST = [answer for answer in ANSWERS if ":" in answer[0]]
RUNNERS = {"humaneval": "humaneval_plus", "mbpp": "mbpp_plus"}
PLANTED = ("alloy-drill-note", "alloy_drill_poison.pth", ".cache/evalplus/alloy-drill-poison.pkl")


def judge(folder: Path, answers: list[tuple[str, str, str]]) -> dict[str, TaskResult]:
    """Score all answers, HumanEval-like and MBPP-like, and return results by the answer's name."""
    found = {}
    for kind, runner in RUNNERS.items():
        round_ = drillbench.write_round(folder / kind, kind, answers)
        result = registry.get(runner).score(
            round_.samples,
            ScoreOptions(dataset=round_.dataset, jobs=os.cpu_count() or 1, cache_dir=folder / "cache"),
        )
        found.update({name: result.tasks[task] for name, task in round_.tasks.items()})
    return found


def outcome(result: TaskResult) -> TaskResult:
    """What must not depend on the company: everything but how often the judge had to look."""
    return replace(result, load_sensitive=False, note="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The honest and wrong samples among the cheats, and afterwards without them."""

    among: dict[str, TaskResult]
    alone: dict[str, TaskResult]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    drillbench.require_sandbox()
    folder = tmp_path_factory.mktemp("cheats")
    return Runs(
        among=judge(folder / "among", ANSWERS),
        # Afterwards and with nothing cached, so that poison left by a cheat would show here.
        alone=judge(folder / "alone", HONEST),
    )


def test_there_are_enough_distinct_cheats() -> None:
    assert len(CHEATS) >= 24
    assert len({cheat.says for cheat in CHEATS}) == len(CHEATS)
    assert len({cheat.code.split("\n", 2)[2] for cheat in CHEATS}) == len(CHEATS)


@pytest.mark.parametrize("name", NAMES)
def test_cheat_is_not_confirmed(runs: Runs, name: str) -> None:
    result = runs.among[name]
    assert result.confirmed is False
    assert result.isolated != "pass"
    assert result.fixed != "pass"


def test_cheats_are_real(runs: Runs) -> None:
    fooled = sorted(name for name in NAMES if runs.among[name].official == "pass")
    print(f"\nfooled the official judge alone: {len(fooled)} of {len(NAMES)}: {', '.join(fooled)}")
    assert len(fooled) > 0


def test_neighbours_keep_their_results(runs: Runs) -> None:
    for name, _, _ in HONEST:
        assert outcome(runs.among[name]) == outcome(runs.alone[name]), name


def test_neighbours_get_what_they_deserve(runs: Runs) -> None:
    for name, entry, _ in HONEST:
        result = runs.among[name]
        if entry == "find_zero":
            # evalplus 0.3.1 fails every solution of this problem; the fixed judge would not.
            assert (result.official, result.confirmed, result.fixed) == ("fail", False, "pass"), name
        else:
            assert result.confirmed is name.startswith("honest:"), name


def test_nothing_is_planted_for_the_next_run(runs: Runs) -> None:
    assert runs.among
    places = [Path(p) for p in ("/tmp", "/var/tmp", "/dev/shm", "/root", *filter(None, sys.path))] + [
        Path.home()
    ]
    assert [place / name for place in places for name in PLANTED if _exists(place / name)] == []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def test_no_results_file_is_written_beside_the_samples(
    runs: Runs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert runs.among
    assert list(tmp_path_factory.getbasetemp().rglob("*_eval_results.json")) == []
