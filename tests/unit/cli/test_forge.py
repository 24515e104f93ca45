"""``alloy forge`` as users meet it: help, plan, result, exit codes, no traceback."""

import json
import subprocess
import sys

import pytest

from tests.unit.forge.engine.making import HEADS, SHARDS, YARN, recipe
from verifier import cli


def run(capsys, *argv):
    code = cli.main(["forge", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


def test_help_has_examples_and_exit_codes(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "examples:" in out and "--resume" in out and "exit codes" in out and "--plan" in out


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from verifier import cli; cli.main(['forge', '--help']); "
        "print([m for m in ('torch', 'numpy', 'rich', 'huggingface_hub', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:] + done.stderr


def test_result_is_told_and_lies_there(capsys, tmp_path):
    path = recipe(tmp_path, HEADS, YARN, SHARDS)
    code, out, err = run(capsys, path, "--out", tmp_path / "out", "--no-load-check", "--offline")
    assert code == 0, err
    report = json.loads((tmp_path / "out" / "forge-report.json").read_text())
    assert report["modelHash"] in out and "tiny.alloy.json" in out
    assert "1 context-extend" in out and "3 weights file(s)" in out
    assert "MB/s" in err or "…" in err


def test_json_is_json_and_progress_can_be_silenced(capsys, tmp_path):
    path = recipe(tmp_path, HEADS)
    code, out, err = run(capsys, path, "--out", tmp_path / "out", "--no-load-check", "--json", "-q")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["determinism"] == "bytes" and found["fileHashes"]
    code, out, _ = run(capsys, path, "--plan", "--json")
    assert code == 0 and json.loads(out)["stages"][0]["determinism"] == "bytes"


def test_plan_says_what_it_would_take_and_writes_nothing(capsys, tmp_path):
    path = recipe(tmp_path, HEADS, SHARDS)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(capsys, path, "--plan", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert sorted(tmp_path.rglob("*")) == before
    for word in ("reads", "writes", "memory", "time", "prune_heads_pad", "on every machine", "sha256 rate"):
        assert word in out


def test_same_bytes_through_the_result_and_resume(capsys, tmp_path):
    path = recipe(tmp_path, HEADS)
    common = ("--no-load-check", "-q", "--json")
    first = json.loads(run(capsys, path, "--out", tmp_path / "a", *common)[1])
    again = run(
        capsys, tmp_path / "a", "--out", tmp_path / "b", "--replay", "--base", tmp_path / "base", *common
    )
    assert json.loads(again[1])["modelHash"] == first["modelHash"]
    resumed = run(capsys, path, "--out", tmp_path / "a", "--resume", *common)
    assert json.loads(resumed[1]) == first


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("absent.json", "--out", "o"), "expected an alloy file"),
        (("RECIPE",), "--out: expected a folder"),
        (("RECIPE", "--out", "base"), "apart from the base"),
        (("RECIPE", "--out", "there"), "does not exist yet"),
        (("RECIPE", "--out", "o", "--base", "nowhere"), "--base: expected a folder"),
        (("RECIPE", "--out", "o", "--device", "cuda:99"), "found no cuda:99"),
        (("RECIPE", "--out", "o", "--device", "toaster"), "expected cpu"),
        (("RECIPE", "--out", "o", "--seed", "-1"), "from 0 to"),
        (("broken.json", "--out", "o"), "expected JSON"),
        (("RECIPE", "--out", "x/y/o"), "existing folder above"),
    ],
)
def test_bad_input_is_one_error_and_exit_code_2(capsys, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    path = recipe(tmp_path, HEADS)
    (tmp_path / "there").mkdir()
    (tmp_path / "broken.json").write_text("{")
    code, out, err = run(capsys, *(path if a == "RECIPE" else a for a in argv))
    assert code == 2 and message in err and "Traceback" not in out + err
    assert not (tmp_path / "o").exists()


def test_unknown_stage_is_named(capsys, tmp_path):
    path = recipe(tmp_path, {"type": "prunes"})
    code, _, err = run(capsys, path, "--out", tmp_path / "out")
    assert code == 2 and "did you mean prune" in err
