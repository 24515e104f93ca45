"""Samples that attack the machine: each ends, changes nothing outside, and disturbs no other sample.

Most of them answer rightly only if their attack worked, so that a breach shows as a confirmed pass.
Every one is tried twice: as it is, which the official judge meets, and as a turncoat that is honest
under the official judge and attacks under the isolated one.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.drills import drillbench
from verifier.runners import registry
from verifier.runners.model import ScoreOptions, TaskResult

pytestmark = [
    pytest.mark.timeout(1800),
]

# Set on import: helper processes of the judge may be started by whichever test comes first.
os.environ["ALLOY_DRILL_SECRET"] = "canary in the environment"

HOSTILE = drillbench.specimens("hostile")
HANGING = frozenset(
    {
        "endless_expression",
        "endless_loop_ignoring_signals",
        "endless_loop_on_import",
        "deep_recursion_in_c",
        "huge_integer",
        "memory_flood",
        "reply_slowly",
        "sleeps",
        "squats_locks",
        "stops_itself",
        "thread_bomb",
        "zombie_flood",
    }
)
"""Samples that end at a time limit only, and are then judged again alone: minutes on a busy machine."""

GROUPS = {
    "quick": [sample for sample in HOSTILE if sample.name not in HANGING],
    "hanging": [sample for sample in HOSTILE if sample.name in HANGING],
}
CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = b"canary: nobody but the test may read or change this"
WRITTEN = "alloy-drill-was-here"


@dataclass(slots=True)
class Outside:
    """What the samples must not reach: a secret file, listening sockets, this process."""

    folder: Path
    port: int = 0
    heard: list[str] = field(default_factory=list)

    @property
    def canary(self) -> Path:
        """The secret file."""
        return self.folder / "canary.txt"

    @property
    def socket_path(self) -> Path:
        """A unix socket that this process listens on."""
        return self.folder / "listening.sock"

    @property
    def abstract(self) -> str:
        """Name of an abstract unix socket that this process listens on."""
        return f"alloy-drill-listening-{os.getpid()}"

    @property
    def process(self) -> str:
        """What the samples' processes call themselves (15 bytes at most), different in each test process."""
        return f"drill-{os.getpid()}"

    def fill_in(self, code: str) -> str:
        """Tell a sample where the things are that it is to attack."""
        known = {
            "@CANARY@": str(self.canary),
            "@FOLDER@": str(self.folder),
            "@SOCKET@": str(self.socket_path),
            "@ABSTRACT@": self.abstract,
            "@PORT@": str(self.port),
            "@PID@": str(os.getpid()),
            "@PROCESS@": self.process,
            "@CHECKOUT@": str(CHECKOUT),
            "@DATASET@": str(self.folder / "direct" / "dataset.jsonl"),
        }
        for name, value in known.items():
            code = code.replace(name, value)
        return code


def turncoat(sample: drillbench.Specimen, code: str) -> str:
    """Honest where the official judge is loaded, hostile elsewhere."""
    honest = drillbench.canonical(sample.entry)
    return f"import sys\nexec({honest!r} if 'evalplus.eval' in sys.modules else {code!r}, globals())\n"


@contextlib.contextmanager
def listening(outside: Outside) -> Iterator[None]:
    """Listen on everything that a sample could try, and note who calls."""
    tcp, tcp6, udp = (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    )
    path, abstract = (socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2))
    tcp.bind(("127.0.0.1", 0))
    outside.port = tcp.getsockname()[1]
    udp.bind(("127.0.0.1", outside.port))
    path.bind(str(outside.socket_path))
    abstract.bind("\0" + outside.abstract)
    with contextlib.suppress(OSError):  # a machine without IPv6 has nothing to attack there
        tcp6.bind(("::1", outside.port))
    sockets = {"tcp": tcp, "tcp6": tcp6, "udp": udp, "unix": path, "abstract": abstract}
    stop = threading.Event()
    threads = [
        threading.Thread(target=_listen, args=(name, link, stop, outside.heard))
        for name, link in sockets.items()
    ]
    for link in sockets.values():
        if link.type == socket.SOCK_STREAM:
            link.listen(16)
        link.settimeout(0.2)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for link in sockets.values():
            link.close()


def _listen(name: str, link: socket.socket, stop: threading.Event, heard: list[str]) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            if link.type == socket.SOCK_DGRAM:
                link.recv(64)
            else:
                caller = link.accept()[0]
                with caller, contextlib.suppress(OSError):
                    # Hear him out: closing at once would make his send fail now and then.
                    caller.settimeout(1.0)
                    caller.recv(64)
            heard.append(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Results of the drill by name, of honest samples alone, and the things outside."""

    quiet: dict[str, TaskResult]
    direct: dict[str, TaskResult]
    turned: dict[str, TaskResult]
    outside: Outside
    canary_state: tuple[int, int, int]


def judge(folder: Path, answers: list[tuple[str, str, str]]) -> dict[str, TaskResult]:
    """Score the answers and return results by name."""
    round_ = drillbench.write_round(folder, "humaneval", answers)
    result = registry.get("humaneval_plus").score(
        round_.samples,
        ScoreOptions(dataset=round_.dataset, jobs=os.cpu_count() or 1, cache_dir=folder / "cache"),
    )
    return {name: result.tasks[task] for name, task in round_.tasks.items()}


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_mtime_ns, status.st_ino


@pytest.fixture(scope="module", params=["quick", pytest.param("hanging", marks=pytest.mark.slow)])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    drillbench.require_sandbox()
    group = GROUPS[request.param]
    outside = Outside(folder=tmp_path_factory.mktemp("hostile"))
    outside.canary.write_bytes(SECRET)
    # Readable by everyone, so that it is the sandbox that protects it and not its mode.
    outside.canary.chmod(0o666)
    state = _state(outside.canary)
    with listening(outside):
        direct = [replace(sample, code=outside.fill_in(sample.code)) for sample in group]
        turned = [replace(sample, code=turncoat(sample, sample.code)) for sample in direct]
        among = drillbench.among_honest(direct)
        return Runs(
            quiet=judge(outside.folder / "quiet", [answer for answer in among if ":" in answer[0]]),
            direct=judge(outside.folder / "direct", among),
            turned=judge(outside.folder / "turned", drillbench.among_honest(turned)),
            outside=outside,
            canary_state=state,
        )


def test_the_drill_itself_works(tmp_path: Path) -> None:
    """The listeners hear, and a sample that gets out answers rightly: otherwise the drill proves nothing."""
    outside = Outside(folder=tmp_path)
    outside.canary.write_bytes(SECRET)
    by_name = {sample.name: sample for sample in HOSTILE}
    with listening(outside):
        for name in ("network_tcp", "network_udp", "socket_unix", "socket_abstract", "reads_secret_file"):
            space: dict[str, object] = {}
            # Here the attack runs in this very process: it must not rename it nor talk to the internet.
            code = outside.fill_in(by_name[name].code).replace('("1.1.1.1", 53)', '("127.0.0.1", 1)')
            exec(
                code.replace('link.sendto(b"alloy-drill", ("8.8.8.8", 53))', "pass").replace("prctl", "abs"),
                space,
            )
            assert space["tally"](6) == 37  # type: ignore[operator]
        deadline = threading.Event()
        while len(set(outside.heard)) < 4 and not deadline.wait(0.05):
            continue
    assert set(outside.heard) >= {"tcp", "udp", "unix", "abstract"}


def test_enough_samples_and_none_twice() -> None:
    assert len({sample.code for sample in HOSTILE}) == len(HOSTILE) >= 40
    assert {sample.name for sample in HOSTILE} >= HANGING


def _attacks(results: dict[str, TaskResult]) -> dict[str, TaskResult]:
    return {name: result for name, result in results.items() if ":" not in name}


def test_attacks_gain_nothing(runs: Runs) -> None:
    attacks = _attacks(runs.direct)
    assert attacks
    assert {n: r for n, r in attacks.items() if r.official == "pass" or r.confirmed is True} == {}


def test_turncoats_gain_nothing(runs: Runs) -> None:
    attacks = _attacks(runs.turned)
    assert {n: r for n, r in attacks.items() if r.official != "pass"} == {}, "honest under the official judge"
    assert {n: r for n, r in attacks.items() if r.isolated == "pass" or r.confirmed is True} == {}


def test_neighbours_keep_their_results(runs: Runs) -> None:
    for name, alone in runs.quiet.items():
        for other in (runs.direct, runs.turned):
            assert replace(other[name], load_sensitive=False, note="") == replace(
                alone, load_sensitive=False, note=""
            ), name
        # find_zero: evalplus 0.3.1 fails every solution of it.
        assert alone.confirmed is name.startswith("honest:") or alone.fixed == "pass"


def test_nothing_was_heard(runs: Runs) -> None:
    assert runs.outside.heard == []


def test_canary_is_untouched(runs: Runs) -> None:
    assert runs.outside.canary.read_bytes() == SECRET
    assert _state(runs.outside.canary) == runs.canary_state


def test_nothing_was_written_outside(runs: Runs) -> None:
    folders = [runs.outside.folder, CHECKOUT, Path.home()]
    folders += [
        Path(name) for name in ("/", "/etc", "/usr/bin", "/usr/lib", "/opt", "/tmp", "/var/tmp", "/dev/shm")
    ]
    found = [
        entry for folder in folders for entry in folder.iterdir() if entry.name.startswith("alloy-drill")
    ]
    assert found == []


def _processes(name: str) -> list[str]:
    """Ids of the machine's processes of that name."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text(encoding="utf-8", errors="replace").strip() == name:
                found.append(comm.parent.name)
    return found


def test_a_left_process_would_be_found(tmp_path: Path) -> None:
    name = Outside(folder=tmp_path).process
    code = (
        f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0); print(flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left:
        assert left.stdout
        left.stdout.readline()
        assert _processes(name) == [str(left.pid)]
        left.kill()


def test_no_process_is_left(runs: Runs) -> None:
    assert runs.direct
    assert _processes(runs.outside.process) == []
