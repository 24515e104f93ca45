"""Programs that attack the machine: each ends, gains nothing and disturbs no other.

Every one is tried twice: as it is, which the official judge meets, and as a turncoat that is honest where
the official judge's own function runs it and attacks under the isolated judge.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.runners.livecodebench import contest_problems as contest
from tests.unit.runners.livecodebench.conftest import Score
from tests.unit.runners.livecodebench.specimens import among_honest, copies, programs
from verifier.runners.model import ScoreResult

HONEST = contest.PROGRAMS["abc301_a"][0]
SECRET = b"canary: nobody but the test may read or change this"


@dataclass(frozen=True, kw_only=True)
class Drill:
    """Results, and what they must not have touched."""

    result: ScoreResult
    attacks: dict[str, str]
    folder: Path
    heard: list[str]


def turncoat(attack: str) -> str:
    return (
        "import sys\n"
        "frame = sys._getframe()\n"
        "while frame is not None and frame.f_code.co_name != 'run_test':\n"
        "    frame = frame.f_back\n"
        f"exec({attack!r} if frame is None else {HONEST!r})\n"
    )


def filled_in(code: str, folder: Path, port: int) -> str:
    known = {"@FOLDER@": str(folder), "@PORT@": str(port), "@PID@": str(os.getpid())}
    for name, value in known.items():
        code = code.replace(name, value)
    return code


@contextlib.contextmanager
def listening(folder: Path, heard: list[str]) -> Iterator[int]:
    """Listen, and note afterwards who called: connections wait in the queue until then."""
    tcp, unix = socket.socket(), socket.socket(socket.AF_UNIX)
    with tcp, unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(folder / "listening.sock"))
        for link in (tcp, unix):
            link.listen(64)
            link.setblocking(False)
        yield tcp.getsockname()[1]
        for name, link in (("tcp", tcp), ("unix", unix)):
            with contextlib.suppress(BlockingIOError):
                link.accept()[0].close()
                heard.append(name)


@pytest.fixture(scope="module", params=["hostile", pytest.param("hanging", marks=pytest.mark.slow)])
def drill(request: pytest.FixtureRequest, score: Score, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    pytest.importorskip("livecodebench", reason="needs the extra [livecodebench] and the harness")
    folder = tmp_path_factory.mktemp("hostile")
    folder.chmod(0o777)
    canary = folder / "canary.txt"
    canary.write_bytes(SECRET)
    canary.chmod(0o666)
    heard: list[str] = []
    with pytest.MonkeyPatch.context() as patch, listening(folder, heard) as port:
        patch.setenv("ALLOY_DRILL_SECRET", "canary in the environment")
        attacks = {name: filled_in(code, folder, port) for name, code in programs(str(request.param)).items()}
        answers = {name: (contest.SUM, code) for name, code in attacks.items()}
        answers |= {f"turned {name}": (contest.SUM, turncoat(code)) for name, code in attacks.items()}
        result = score(*copies(among_honest(answers), folder))
    return Drill(result=result, attacks=attacks, folder=folder, heard=heard)


def test_the_drill_itself_works(tmp_path: Path) -> None:
    """A program that gets out answers rightly: otherwise the drill proves nothing."""
    heard: list[str] = []
    (tmp_path / "canary.txt").write_bytes(SECRET)
    with listening(tmp_path, heard) as port:
        for name in ("network", "unix_socket", "reads_a_file", "writes_a_file"):
            said: list[int] = []
            space = {"input": lambda: "1 2", "print": said.append}
            exec(filled_in(programs("hostile")[name], tmp_path, port), space)
            assert said == [3], name
    assert heard == ["tcp", "unix"]
    assert (tmp_path / "alloy-drill-was-here").exists()


def test_attacks_gain_nothing(drill: Drill) -> None:
    for name in drill.attacks:
        task = drill.result.tasks[name]
        assert task.official != "pass", name
        assert task.confirmed is False, name


def test_turncoats_gain_nothing(drill: Drill) -> None:
    for name in drill.attacks:
        task = drill.result.tasks[f"turned {name}"]
        assert task.official == "pass", f"{name} is honest under the official judge"
        assert task.isolated != "pass", name
        assert task.confirmed is not True, name


def test_neighbours_keep_their_results(drill: Drill) -> None:
    for name, task in drill.result.tasks.items():
        if name.startswith(("honest", "wrong")):
            assert task.confirmed is name.startswith("honest"), name


def test_nothing_was_touched(drill: Drill) -> None:
    assert drill.heard == []
    assert (drill.folder / "canary.txt").read_bytes() == SECRET
    assert not (drill.folder / "alloy-drill-was-here").exists()
    assert not Path("/tmp/flood").exists()
