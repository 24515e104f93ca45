"""What a candidate cannot do, tried from inside each kind of sandbox that this machine has."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.runners.judges import LIMITS
from verifier.sandbox import codec, doctor, launch
from verifier.sandbox.client import Reply, Sandbox
from verifier.sandbox.work import FRAME, OUTPUT, RAISED, TIMED_OUT

MIB = 1 << 20
SECRET = "ALLOY_TEST_SECRET"


def opened(mode: str) -> Sandbox:
    trouble = doctor._trouble(mode)
    if trouble:
        pytest.skip(f"{mode}: {trouble}")
    plan = launch.Plan(mode=mode, landlock=launch.landlock_works(), seccomp=launch.seccomp_works())
    return Sandbox("isolated", plan)


@pytest.fixture(scope="module", params=["own", "bwrap"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    os.environ[SECRET] = "hunter2"
    try:
        with opened(request.param) as running:
            yield running
    finally:
        del os.environ[SECRET]


def run(sandbox: Sandbox, code: str, argument: object = 0, **changes: object) -> Reply:
    job = {
        "code": code,
        "entry_point": "f",
        "inputs": [(argument,)],
        "cpu_limits": [2.0],
        "load_limit": 2.0,
        "not_none": "",
        "limits": LIMITS,
        "wall": 120.0,
        "stall": 4.0,
        "budget": 20.0,
        "bytes": 8 * MIB,
        "follow_child": False,
    }
    return sandbox.run(job | changes)


def ending(reply: Reply) -> tuple[int | None, object]:
    """How the last frame says that the call ended, and its value."""
    position, kind, body = 0, None, b""
    while position + FRAME.size <= len(reply.output):
        kind, _, length = FRAME.unpack_from(reply.output, position)
        body = reply.output[position + FRAME.size : position + FRAME.size + length]
        position += FRAME.size + length
    return kind, codec.decode(body) if body else None


def attempt(sandbox: Sandbox, expression: str, argument: object = 0) -> object:
    """What an expression gives inside, or the name of the exception."""
    code = f"""
import os, sys
def f(argument):
    try:
        return {expression}
    except BaseException as error:
        return "refused: " + type(error).__name__
"""
    kind, value = ending(run(sandbox, code, argument))
    assert kind == OUTPUT
    return value


def test_honest_code_runs(sandbox: Sandbox) -> None:
    assert attempt(sandbox, "argument * 2 + len(__import__('json').dumps([1]))", 20) == 43


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('socket').socket()",
        "__import__('socket').socket(type=2).sendto(b'x', ('127.0.0.1', 9))",
        "__import__('socket').create_connection(('127.0.0.1', argument), 1)",
        "os.fork()",
        "__import__('subprocess').run(['/usr/bin/env'])",
        "os.posix_spawn('/usr/bin/env', ['env'], {})",
        "open('/usr/written-by-candidate', 'w')",
        "open(sys.base_prefix + '/written-by-candidate', 'w')",
        "open('/etc/passwd').read()",
        "os.listdir('/home')",
        "os.chroot('/tmp')",
        "os.setuid(0)",
    ],
)
def test_reaching_out_is_refused(sandbox: Sandbox, expression: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        found = attempt(sandbox, expression, server.getsockname()[1])
    assert str(found).startswith("refused: ")


@pytest.mark.parametrize("call", [101, 310, 311, 165, 272, 321, 298, 323, 425, 250, 319])
def test_dangerous_system_calls_are_refused(sandbox: Sandbox, call: int) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    library = "__import__('ctypes').CDLL(None, use_errno=True)"
    number = "__import__('ctypes').get_errno()"
    answer = attempt(sandbox, f"(lambda c: (c.syscall(argument, 0, 0, 0, 0, 0), {number}))({library})", call)
    assert answer == (-1, 1)


def test_home_and_checkout_and_environment_are_out_of_reach(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    assert attempt(sandbox, "os.path.exists(argument)", str(tmp_path / "secret")) is False
    assert attempt(sandbox, "os.path.exists(argument)", str(Path(__file__).resolve())) is False
    home = str(Path.home())
    visible = attempt(sandbox, "sorted(os.listdir(argument)) if os.path.isdir(argument) else []", home)
    assert isinstance(visible, list)
    assert not {".ssh", ".bashrc", ".cache", ".config", ".netrc"} & set(visible)
    environment = attempt(sandbox, "dict(os.environ)")
    assert isinstance(environment, dict)
    assert set(environment) == {"PATH", "LANG", "OMP_NUM_THREADS"}


def test_no_process_outside_can_be_signalled(sandbox: Sandbox) -> None:
    assert str(attempt(sandbox, f"os.kill({os.getpid()}, 9)")).startswith("refused: ")
    # Its parent has no number inside, so that the signal goes to its own group at most.
    run(sandbox, "import os\ndef f(a): os.kill(os.getppid() or -1, 9); os.kill(-1, 9)")
    assert attempt(sandbox, "argument", 5) == 5


def test_nothing_stays_behind_for_the_next_candidate(sandbox: Sandbox) -> None:
    place = launch.scratch_folder()
    code = (
        f"def f(a):\n    open('{place}/left', 'w').write('x')\n"
        "    open('/dev/shm/left', 'w').write('x')\n    return 1\n"
    )
    assert ending(run(sandbox, code)) == (OUTPUT, 1)
    assert attempt(sandbox, f"os.listdir('{place}') + os.listdir('/dev/shm')") == []


def test_memory_ends_at_its_limit(sandbox: Sandbox) -> None:
    limits = LIMITS | {"memory": 1024 * MIB}
    code = "def f(a):\n    kept = []\n    while True: kept.append(bytearray(50_000_000))\n"
    reply = run(sandbox, code, limits=limits)
    assert ending(reply)[0] == RAISED
    assert reply.memory < 1100 * 1024


FILL = "def f(a):\n    for i in range(99):\n        open(f'file{i}', 'wb').write(bytes(10_000_000))\n"


def test_disk_ends_at_its_limit(sandbox: Sandbox) -> None:
    assert ending(run(sandbox, FILL))[0] == RAISED


def test_one_bubblewrap_for_each_candidate_has_the_same_walls(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    with opened("bwrap-each") as sandbox:
        assert attempt(sandbox, "argument + 1", 1) == 2
        assert str(attempt(sandbox, "__import__('socket').socket()")).startswith("refused: ")
        assert str(attempt(sandbox, "open('/usr/written', 'w')")).startswith("refused: ")
        assert attempt(sandbox, "os.path.exists(argument)", str(tmp_path / "secret")) is False
        assert attempt(sandbox, "open('left', 'w').write('x')") == 1
        assert attempt(sandbox, "os.listdir('.')") == []
        assert ending(run(sandbox, FILL))[0] == RAISED


def test_threads_end_at_their_limit(sandbox: Sandbox) -> None:
    code = (
        "import threading, time\ndef f(a):\n    try:\n        for i in range(10000):\n"
        "            threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
        "    except RuntimeError:\n        return i\n"
    )
    kind, started = ending(run(sandbox, code))
    assert kind == OUTPUT
    assert isinstance(started, int)
    assert started < LIMITS["processes"]


@pytest.mark.parametrize(
    "code",
    [
        "def f(a):\n    while True: pass",
        "import time\ndef f(a): time.sleep(1000)",
        "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\n"
        "def f(a):\n    signal.setitimer(signal.ITIMER_PROF, 0)\n    while True: pass",
        "def f(a):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        pytest.param(
            "import os\ndef f(a):\n    while True: os.write(3, b'x'); __import__('time').sleep(1)",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["loop", "sleep", "timer-off", "swallows-timeouts", "trickles"],
)
def test_endless_code_is_ended(sandbox: Sandbox, code: str) -> None:
    reply = run(sandbox, code)
    kind = FRAME.unpack_from(reply.output, FRAME.size)[0] if len(reply.output) >= 2 * FRAME.size else None
    assert reply.cause == "stalled" or kind == TIMED_OUT


def test_output_flood_is_cut(sandbox: Sandbox) -> None:
    reply = run(sandbox, "import os\ndef f(a):\n    while True: os.write(3, bytes(1 << 16))")
    assert reply.cause == "output"
    assert len(reply.output) <= 9 * MIB


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(a): return f(a)",
        "import ctypes\ndef f(a): ctypes.string_at(0)",
        "import os\ndef f(a): os._exit(0)",
        "import os\nos._exit(7)",
        "import gc, os\ndef f(a):\n    os.closerange(0, 64)",
    ],
)
def test_a_crash_is_only_its_own(sandbox: Sandbox, code: str) -> None:
    reply = run(sandbox, code)
    assert ending(reply)[0] != OUTPUT or ending(reply)[1] is None
    assert attempt(sandbox, "argument", 6) == 6


def test_candidates_at_the_same_time_do_not_meet(sandbox: Sandbox) -> None:
    place = launch.scratch_folder()
    code = (
        f"import os, time\ndef f(a):\n    open('{place}/mine', 'a').write(str(a))\n    time.sleep(0.3)\n"
        f"    return open('{place}/mine').read(), os.getpid()\n"
    )
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda number=number: found.append(ending(run(sandbox, code, number))))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [str((OUTPUT, (str(number), 1))) for number in range(4)]
    assert sorted(map(str, found)) == expected
