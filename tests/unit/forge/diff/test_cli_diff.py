"""``alloy diff`` through the command line: exit codes, text, JSON and pictures."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from forge.diff_plot import grid, place
from verifier import cli


def run(capsys, *argv):
    code = cli.main(["diff", *map(str, argv)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    x = {f"model.layers.{i}.{n}": rng.normal(size=(4, 4)).astype("f4") for i in range(4) for n in "qk"}
    x["head"] = rng.normal(size=(4,)).astype("f4")
    y = {k: v.copy() for k, v in x.items()}
    y["model.layers.2.q"][1, 0] *= -1  # element 4: its sign bit lies in byte 19
    y["model.layers.3.k"] = y["model.layers.3.k"][:2].copy()
    for name, tensors in (("a", x), ("b", y)):
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "model.safetensors")
    return tmp_path / "a", tmp_path / "b"


def test_the_same_is_zero(capsys, pair):
    code, out, _ = run(capsys, pair[0], pair[0])
    assert code == 0
    assert out.splitlines()[-1] == "the same, byte for byte"


def test_a_difference_is_one_and_says_where(capsys, pair):
    code, out, _ = run(capsys, *pair)
    assert code == 1
    (row,) = [line.split() for line in out.splitlines() if line.startswith("  model.layers.2.q")]
    assert row[:6] == ["model.layers.2.q", "F32", "19", "1", "of", "16"]
    assert "shape      model.layers.3.k  F32 [4, 4] -> F32 [2, 4]" in out
    assert "tensors: 2 differ, 7 equal" in out


def test_json_says_the_same_and_quiet_says_nothing(capsys, pair, tmp_path):
    target = tmp_path / "d.json"
    assert run(capsys, *pair, "-q", "--json", target) == (1, "", "")
    found = json.loads(target.read_text())
    assert (found["schema"], found["same"], found["equalTensors"]) == ("alloy-diff/1", False, 7)
    by_name = {t["name"]: t for t in found["tensors"]}
    assert by_name["model.layers.2.q"]["statistics"]["differing"] == 1
    assert by_name["model.layers.3.k"]["statistics"] is None
    _, out, err = run(capsys, *pair, "--json", "-")
    assert json.loads(out) == found
    assert "tensors: 2 differ" in err


def test_top_limits_every_list(capsys, tmp_path):
    for name, value in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        save_file({f"t{i}": np.full(3, value, "f4") for i in range(9)}, tmp_path / name / "m.safetensors")
    _, out, _ = run(capsys, tmp_path / "a", tmp_path / "b", "--top", 2)
    assert sum(line.startswith("  t") and "F32" in line for line in out.splitlines()) == 2
    assert "  … and 7 more" in out


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_written_and_the_same_twice(capsys, pair, tmp_path, kind):
    pytest.importorskip("matplotlib", reason="needs the extra [plot]")
    targets = [tmp_path / f"{i}.{kind}" for i in range(2)]
    for target in targets:
        assert run(capsys, *pair, "-q", "--plot", target)[0] == 1
    first, second = (t.read_bytes() for t in targets)
    assert first == second
    assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    if kind == "svg":
        assert b"model.layers.#.q" in first


def test_a_picture_of_no_difference_says_so(capsys, pair, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra [plot]")
    assert run(capsys, pair[0], pair[0], "-q", "--plot", tmp_path / "x.svg")[0] == 0
    assert b"No tensor differs." in (tmp_path / "x.svg").read_bytes()


def test_names_are_sorted_into_layers_and_kinds():
    experts = "model.layers.12.mlp.experts.7.up_proj.weight"
    assert place(experts) == ("model.layers", 12, "model.layers.#.mlp.experts.*.up_proj.weight")
    assert place("visual.blocks.0.attn.qkv.bias") == ("visual.blocks", 0, "visual.blocks.#.attn.qkv.bias")
    assert place("lm_head.weight") == ("", None, "lm_head.weight")


def test_one_cell_holds_all_tensors_of_a_kind_and_layer(pair):
    from forge.diff import compare

    found = grid(compare(*pair).tensors)
    assert found.cells.keys() == {("model.layers.#.q", 2), ("model.layers.#.k", 3)}
    cell = found.cells["model.layers.#.q", 2]
    assert cell.relative == pytest.approx(cell.difference_norm / cell.norm)
    assert (cell.unlike, found.cells["model.layers.#.k", 3].unlike) == (False, True)


@pytest.mark.parametrize("missing", ["matplotlib", "numpy"])
def test_without_the_extra_it_says_which_one(pair, tmp_path, missing):
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == sys.argv[1] else find(name, *a)\n"
        "from verifier.cli import main; sys.exit(main(['diff', *sys.argv[2:]]))"
    )
    plot = ["--plot", tmp_path / "d.png"] if missing == "matplotlib" else []
    done = subprocess.run(
        [sys.executable, "-c", program, missing, *map(str, (*pair, *plot))], capture_output=True, text=True
    )
    assert "alloy-verifier[plot]" in done.stdout + done.stderr
    assert done.returncode == (2 if plot else 1)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--plot", "x.pdf"), "ends in .png or .svg"),
        (("--plot", "no/such/x.png"), "folder does not exist"),
        (("--top", "0"), "from 1 to 100000"),
        (("--top", "²"), "from 1 to 100000"),
    ],
)
def test_bad_usage_is_two(capsys, pair, extra, said):
    code, out, err = run(capsys, *pair, *extra)
    assert (code, out) == (2, "")
    assert said in err


def test_nothing_there_is_two(capsys, pair, tmp_path):
    code, _, err = run(capsys, pair[0], tmp_path / "nowhere")
    assert code == 2
    assert "found none" in err


def test_names_from_strangers_cannot_write_to_the_terminal(capsys, tmp_path):
    for name, value in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        save_file({"\x1b[2Jw": np.full(3, value, "f4")}, tmp_path / name / "m\x1b[31m.safetensors")
    code, out, err = run(capsys, tmp_path / "a", tmp_path / "b")
    assert code == 1
    assert "\x1b" not in out + err
