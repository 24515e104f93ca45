"""A run that is killed anywhere goes on with ``--resume`` and ends with the same bytes."""

import json
import signal
import subprocess
import sys

import pytest

from forge import workdir
from forge.stages import context_extend, package, prune
from tests.unit.forge.engine.making import HEADS, SHARDS, STAMP, YARN, contents, recipe, run
from verifier.errors import UsageError

STAGES = (HEADS, YARN, SHARDS)

# Every change to the file system below OUT is an event; at the given one the process kills itself, as a
# power cut would: nothing is flushed, closed or cleaned up.
DRIVER = """
import os, signal, sys
from pathlib import Path
recipe, out, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
from forge.engine import ForgeOptions, forge
count = 0
CHANGES = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.truncate")
def watch(event, arguments):
    global count
    if event == "open":
        path, mode, flags = arguments
        changes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        paths = [path] if changes else []
    elif event in CHANGES:
        paths = arguments[:2]
    else:
        return
    if any(isinstance(p, (str, os.PathLike)) and str(out) in os.fspath(p) for p in paths):
        count += 1
        if count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
options = ForgeOptions(offline=True, load_check=False, completed_at=sys.argv[4], resume="resume" in sys.argv)
forge(recipe, out, options=options)
print(count)
"""


def drive(path, out, limit=0, *more):
    command = [sys.executable, "-c", DRIVER, str(path), str(out), str(limit), STAMP, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run: its recipe, the bytes of its result, and how many events it has."""
    folder = tmp_path_factory.mktemp("whole")
    path = recipe(folder, *STAGES)
    done = drive(path, folder / "out")
    assert done.returncode == 0, done.stderr
    return path, contents(folder / "out"), int(done.stdout)


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 0.75, 0.9, 0.99])
def test_killed_run_resumes_to_the_same_bytes(whole, tmp_path, share):
    path, expected, events = whole
    out = tmp_path / "out"
    killed = drive(path, out, max(1, int(events * share)))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = drive(path, out, 0, "resume")
    assert again.returncode == 0, again.stderr
    assert contents(out) == expected
    assert not (out / ".forge").exists()


def test_run_that_is_killed_again_and_again_ends_with_the_same_bytes(whole, tmp_path):
    path, expected, events = whole
    out = tmp_path / "out"
    kills = 0
    for _ in range(20):
        done = drive(path, out, events // 3, *(["resume"] if out.exists() else []))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
    assert 2 <= kills < 20
    assert contents(out) == expected


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_killed_at_every_single_event(whole, tmp_path, part):
    path, expected, events = whole
    for limit in range(1 + part, events + 1, 4):
        out = tmp_path / f"out-{limit}"
        assert drive(path, out, limit).returncode == -signal.SIGKILL
        again = drive(path, out, 0, "resume")
        assert again.returncode == 0, (limit, again.stderr)
        assert contents(out) == expected, limit


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A run that stopped before its last stage."""
    path = recipe(tmp_path, *STAGES)

    def stop(context):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(package, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            run(path, tmp_path / "out")
    return path, tmp_path / "out"


def test_only_the_last_model_is_kept_between_stages(interrupted):
    _, out = interrupted
    assert [p.name for p in sorted((out / ".forge").glob("stage-*"))] == ["stage-001"]
    journal = json.loads((out / ".forge" / "journal.json").read_text())
    assert [entry["stage_type"] for entry in journal["entries"]] == ["prune", "context-extend"]


def test_finished_stages_are_not_done_again(interrupted, monkeypatch):
    path, out = interrupted

    def never(context):
        raise AssertionError("this stage was finished")

    monkeypatch.setattr(prune, "pad", never)
    monkeypatch.setattr(context_extend, "run", never)
    run(path, out, resume=True)
    assert (out / "tiny.alloy.json").is_file()


def test_damaged_model_of_a_finished_stage_is_made_again(whole, interrupted):
    _, expected, _ = whole
    path, out = interrupted
    weights = out / ".forge" / "stage-001" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    run(path, out, resume=True)
    assert contents(out) == expected


def test_damaged_side_file_is_made_again(whole, interrupted):
    _, expected, _ = whole
    path, out = interrupted
    next((out / ".forge" / "artifact" / "selection").iterdir()).write_text("{}")
    run(path, out, resume=True)
    assert contents(out) == expected


def test_stray_files_do_not_reach_the_result(whole, interrupted):
    _, expected, _ = whole
    path, out = interrupted
    (out / ".forge" / "artifact" / "stray.json").write_text("{}")
    (out / ".forge" / "stage-002").mkdir()
    (out / ".forge" / "stage-002" / "stray.safetensors").write_bytes(b"half a file")
    run(path, out, resume=True)
    assert contents(out) == expected


def test_resuming_with_something_else_is_refused(interrupted):
    path, out = interrupted
    with pytest.raises(UsageError, match="other seed"):
        run(path, out, resume=True, seed=1)
    base = path.parent / "base" / "config.json"
    base.write_text(base.read_text() + "\n")
    with pytest.raises(UsageError, match="other base model"):
        run(path, out, resume=True)


def test_journal_of_another_kind_is_refused(interrupted):
    path, out = interrupted
    (out / ".forge" / "journal.json").write_text('{"schema": "alloy-journal/0"}')
    with pytest.raises(UsageError, match="journal of this version"):
        run(path, out, resume=True)


def test_two_runs_in_one_folder_exclude_each_other(interrupted):
    path, out = interrupted
    with workdir.locked(workdir.WorkDir(out)), pytest.raises(UsageError, match="no other run"):
        run(path, out, resume=True)


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    path = recipe(tmp_path, HEADS)
    first = run(path, tmp_path / "out")
    before = contents(first.out)
    again = run(path, tmp_path / "out", resume=True)
    assert again == first
    assert contents(first.out) == before
    path.write_text(path.read_text().replace('"somebody"', '"somebody else"'))
    with pytest.raises(UsageError, match="another one"):
        run(path, tmp_path / "out", resume=True)
