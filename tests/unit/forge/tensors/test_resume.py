"""Killed, interrupted, out of space, beside foreign files: the right bytes in the end, or why not."""

import fcntl
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forge.tensors.model import open_model
from forge.tensors.plan import Copy, TensorPlan, Zeros
from forge.tensors.rewrite import rewrite
from forge.tensors.run import partial_path, receipt_path, run_task
from forge.tensors.shards import tasks
from tests.unit.forge.tensors.library import content, keep_all, save
from verifier.errors import UsageError

FILES = [f"model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)]
INDEX = "model.safetensors.index.json"


@pytest.fixture
def source(tmp_path):
    """A model of nine tensors in one file."""
    return fill(tmp_path / "source", "first")


def fill(root, seed):
    root.mkdir(exist_ok=True)
    (root / "config.json").write_text("{}")
    tensors = {f"t{i}": ("float32", (500,), content(f"{seed}{i}", 2000)) for i in range(9)}
    # In place, as a careless download would: same inode, same size, other bytes.
    with (root / "model.safetensors").open("wb") as file:
        file.write(save(tensors))
    return root


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def bytes_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def plans_of(source):
    return keep_all(open_model(source))


def interrupted(source, out, at):
    """A run that ends while file ``at`` (from 0) is written."""

    def stop(what, done, total):
        if what == FILES[at]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrite(plans_of(source), out, shards=3, on_progress=stop)


def inodes(folder):
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


@pytest.mark.parametrize("state", ["fresh", "again"])
def test_killed_at_any_step_it_ends_with_the_same_bytes(source, tmp_path, state):
    digests = [file.sha256 for file in rewrite(plans_of(source), tmp_path / "straight", shards=3)]
    straight = bytes_in(tmp_path / "straight")
    script = Path(__file__).with_name("kill_everywhere.py")
    (tmp_path / "killed").mkdir()
    output = subprocess.check_output(
        [sys.executable, script, source, tmp_path / "killed", state],
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    runs = [json.loads(line) for line in output.splitlines()]
    # Per file: claim, receipt, two renames, folders; then index, receipts.
    assert len(runs) > 20
    for run in runs:
        assert run["digests"] == digests, run
        assert bytes_in(tmp_path / "killed" / str(run["at"])) == straight, run
    left = [frozenset(run["left"]) for run in runs]
    old = {*FILES, INDEX} if state == "again" else set()
    assert old | {f".{FILES[1]}.partial", f".{FILES[0]}.receipt.json", FILES[0]} in left
    assert {*FILES, INDEX, f".{FILES[2]}.receipt.json"} in left


def test_killed_at_any_moment_it_ends_with_the_same_bytes(source, tmp_path):
    rewrite(plans_of(source), tmp_path / "straight", shards=9)
    straight = bytes_in(tmp_path / "straight")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from forge.tensors.cuts import whole; from forge.tensors.model import open_model\n"
        "from forge.tensors.rewrite import rewrite\n"
        "plans = [whole(ref) for ref in open_model(Path(sys.argv[1])).tensors.values()]\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    rewrite(plans, Path(sys.argv[2]), shards=9)\n"
    )
    for n in range(4):
        out = tmp_path / f"killed {n}"
        process = subprocess.Popen([sys.executable, "-c", code, source, out], stdout=subprocess.PIPE)
        process.stdout.read(5)
        time.sleep(random.Random(n).uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        rewrite(plans_of(source), out, shards=9)
        assert bytes_in(out) == straight


def test_a_finished_file_is_not_written_again(source, tmp_path):
    out = tmp_path / "out"
    interrupted(source, out, 2)
    assert names_in(out) == {*FILES[:2], *(receipt_path(out / name).name for name in FILES[:2])}
    before = inodes(out)
    digests = [file.sha256 for file in rewrite(plans_of(source), out, shards=3)]
    after = inodes(out)
    assert [after[name] == before[name] for name in FILES[:2]] == [True, True]
    assert digests == [hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES]
    assert set(after) == {*FILES, INDEX}


@pytest.mark.parametrize(
    "fault", ["flip", "cut", "replace by a link", "remove", "receipt of another", "garbage"]
)
def test_a_finished_file_that_was_damaged_is_written_again(source, tmp_path, fault):
    rewrite(plans_of(source), tmp_path / "straight", shards=3)
    out = tmp_path / "out"
    interrupted(source, out, 2)
    victim = out / FILES[0]
    data = victim.read_bytes()
    match fault:
        case "flip":
            victim.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        case "cut":
            victim.write_bytes(data[:-1])
        case "replace by a link":
            victim.rename(tmp_path / "elsewhere")
            victim.symlink_to(tmp_path / "elsewhere")
        case "remove":
            victim.unlink()
        case "receipt of another":
            receipt_path(victim).write_bytes(receipt_path(out / FILES[1]).read_bytes())
        case "garbage":
            receipt_path(victim).write_bytes(b'{"schema": "alloy-shard/1", "size": []}')
    rewrite(plans_of(source), out, shards=3)
    assert bytes_in(out) == bytes_in(tmp_path / "straight")
    assert not victim.is_symlink()


def test_a_source_that_changed_in_between_is_read_again(source, tmp_path):
    out = tmp_path / "out"
    interrupted(source, out, 2)
    before = (source / "model.safetensors").stat()
    fill(source, "second")
    os.utime(source / "model.safetensors", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (source / "model.safetensors").stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (
        after.st_ino,
        after.st_size,
        after.st_mtime_ns,
    )
    rewrite(plans_of(source), out, shards=3)
    rewrite(plans_of(source), tmp_path / "straight", shards=3)
    assert bytes_in(out) == bytes_in(tmp_path / "straight")


def test_a_source_that_changes_while_it_is_read_stops_the_run(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="changed in the meantime"):
        rewrite(plans_of(source), out, on_progress=lambda *_: fill(source, "second"))
    assert not names_in(out)


@pytest.mark.parametrize("shards", [1, 2])
def test_other_plans_after_an_unfinished_run_replace_it(source, tmp_path, shards):
    out = tmp_path / "out"
    interrupted(source, out, 2)
    for name in (
        ".model-00001-of-00009.safetensors.partial",
        ".model-00001-of-00002.safetensors.partial",
        "..model-00001-of-00009.safetensors.receipt.json.partial",
        "..model-00001-of-00002.safetensors.receipt.json.partial",
        ".model.safetensors.index.json.partial",
        INDEX,
    ):
        (out / name).write_bytes(b"left by a killed run" * 1000)
    rewrite(plans_of(source)[:5], out, shards=shards)
    rewrite(plans_of(source)[:5], tmp_path / "straight", shards=shards)
    assert bytes_in(out) == bytes_in(tmp_path / "straight")


def test_a_finished_model_is_confirmed_not_refused(source, tmp_path):
    out = tmp_path / "out"
    first = rewrite(plans_of(source), out, shards=3)
    before = bytes_in(out)
    assert rewrite(plans_of(source), out, shards=3) == first
    assert bytes_in(out) == before


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    "name", ["model.safetensors", INDEX, FILES[1], "model-00001-of-00002.safetensors", "other.safetensors"]
)
def test_foreign_weights_are_never_touched(source, tmp_path, name, shards):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(b"the only copy")
    with pytest.raises(UsageError, match=name):
        rewrite(plans_of(source), tmp_path / "out", shards=shards)
    assert (tmp_path / "out" / name).read_bytes() == b"the only copy"


@pytest.mark.parametrize(
    ("name", "shards"), [("model.safetensors", 1), (FILES[0], 3), (FILES[2], 3), (INDEX, 3)]
)
def test_foreign_weights_that_differ_in_a_bit_are_never_touched(source, tmp_path, name, shards):
    rewrite(plans_of(source), tmp_path / "straight", shards=shards)
    data = (tmp_path / "straight" / name).read_bytes()
    data = data[:-1] + bytes([data[-1] ^ 1])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(data)
    with pytest.raises(UsageError, match=name):
        rewrite(plans_of(source), tmp_path / "out", shards=shards)
    assert (tmp_path / "out" / name).read_bytes() == data
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.endswith(".partial")]


def test_side_files_stay(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokenizer.json").write_bytes(b"{}")
    (out / ".gitattributes").write_bytes(b"")
    rewrite(plans_of(source), out)
    assert names_in(out) == {"tokenizer.json", ".gitattributes", "model.safetensors"}


def test_a_model_is_not_rewritten_onto_itself(source):
    before = bytes_in(source)
    with pytest.raises(UsageError, match="another folder than the source"):
        rewrite(plans_of(source), source)
    assert bytes_in(source) == before


def test_two_runs_of_one_task_exclude_each_other(source, tmp_path):
    (task,) = tasks(plans_of(source), tmp_path)
    with partial_path(task.output).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process"):
            run_task(task)
        assert partial_path(task.output).is_file()
    assert run_task(task).filename == "model.safetensors"


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(tmp_path):
    plan = TensorPlan(name="t", dtype="U8", shape=(2**50,), pieces=(Zeros(2**50),))
    with pytest.raises(UsageError, match="free bytes"):
        rewrite([plan], tmp_path / "out", on_progress=lambda *_: pytest.fail("it began to write"))
    assert not names_in(tmp_path / "out")


def test_a_disk_that_fills_up_leaves_finished_files_and_nothing_else(source, tmp_path):
    # Three tensors, then one that is too large, then three: the second file of three does not fit.
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from forge.tensors.cuts import whole; from forge.tensors.model import open_model\n"
        "from forge.tensors.plan import TensorPlan, Zeros\n"
        "from forge.tensors.rewrite import rewrite; from verifier.errors import UsageError\n"
        "if sys.argv[3] == 'full': resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "plans = [whole(ref) for ref in open_model(Path(sys.argv[1])).tensors.values()][:6]\n"
        "plans.append(TensorPlan(name='big', dtype='U8', shape=(10**6,), pieces=(Zeros(10**6),)))\n"
        "try:\n    rewrite(plans, Path(sys.argv[2]), max_shard_bytes=6000)\n"
        "except UsageError as error:\n    print(error, '|', error.remedy)\n"
    )
    out = tmp_path / "out"
    full = subprocess.check_output([sys.executable, "-c", code, source, out, "full"], text=True)
    assert f"{FILES[1]}: expected to write 1000" in full
    assert "File too large" in full
    assert "finished files are kept" in full
    assert names_in(out) == {FILES[0], receipt_path(out / FILES[0]).name}
    first = inodes(out)[FILES[0]]
    assert subprocess.check_output([sys.executable, "-c", code, source, out, "free"], text=True) == ""
    assert names_in(out) == {*FILES, INDEX}
    assert inodes(out)[FILES[0]] == first


def test_an_out_that_is_no_folder_is_an_error(source, tmp_path):
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(UsageError, match="expected a folder"):
        rewrite(plans_of(source), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"a file"


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe"])
def test_a_source_that_is_no_file_is_an_error(tmp_path, kind):
    path = tmp_path / "weights"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    plan = TensorPlan(name="t", dtype="U8", shape=(4,), pieces=(Copy(path, 0, 4),))
    with pytest.raises(UsageError, match=r"source .*weights"):
        rewrite([plan], tmp_path / "out")
    assert not names_in(tmp_path / "out")
