"""Programs that pass without solving anything: none is confirmed, and none changes another's result.

Run with ``-s`` to see how many of them fool the official judge alone.
"""

from pathlib import Path

import pytest

from tests.unit.runners.livecodebench import contest_problems as contest
from tests.unit.runners.livecodebench.conftest import Score
from tests.unit.runners.livecodebench.specimens import among_honest, copies, programs
from verifier.runners.model import ScoreResult

PRINTED, RETURNED = programs("cheats/printed"), programs("cheats/returned")
CHEATS = {name: (contest.SUM, code) for name, code in PRINTED.items()} | {
    name: (contest.SHIFT, code) for name, code in RETURNED.items()
}


@pytest.fixture(scope="module")
def judged(score: Score, tmp_path_factory: pytest.TempPathFactory) -> ScoreResult:
    pytest.importorskip("livecodebench", reason="needs the extra [livecodebench] and the harness")
    folder: Path = tmp_path_factory.mktemp("cheats")
    return score(*copies(among_honest(CHEATS), folder))


def test_there_are_enough_and_none_twice() -> None:
    assert len(CHEATS) == len(PRINTED) + len(RETURNED) >= 30
    assert len({code for _, code in CHEATS.values()}) == len(CHEATS)


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_not_confirmed(judged: ScoreResult, name: str) -> None:
    task = judged.tasks[name]
    assert task.confirmed is False
    assert task.isolated != "pass"


def test_cheats_are_real(judged: ScoreResult) -> None:
    fooled = sorted(name for name in CHEATS if judged.tasks[name].official == "pass")
    print(f"\nfooled the official judge alone: {len(fooled)} of {len(CHEATS)}: {', '.join(fooled)}")
    assert len(fooled) >= 15


def test_neighbours_get_what_they_deserve(judged: ScoreResult) -> None:
    for name, task in judged.tasks.items():
        if name not in CHEATS:
            assert task.confirmed is name.startswith("honest"), name


def test_a_cheat_does_not_count_in_any_number(judged: ScoreResult) -> None:
    honest = sum(name.startswith("honest") for name in judged.tasks)
    assert {metric.name: metric.value for metric in judged.metrics} == {"pass@1": honest / len(judged.tasks)}
    assert judged.value() == honest / judged.total
