"""Model folders of strangers: what is read from them, and that whatever is wrong is one clear error."""

import json
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forge.tensors.model import copy_side_files, open_model, open_weights, read, write_config
from tests.unit.forge.tensors.library import content, save
from verifier.errors import DocumentError, UsageError

INDEX = "model.safetensors.index.json"
TENSORS = {
    "a": ("float32", (2, 3), content("a", 24)),
    "b": ("bfloat16", (4,), content("b", 8)),
    "c": ("int64", (), content("c", 8)),
    "d": ("uint8", (0, 5), b""),
}
MAP = {"a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors", "d": "two.safetensors"}


@pytest.fixture
def single(tmp_path):
    root = tmp_path / "single"
    root.mkdir()
    (root / "config.json").write_text('{"model_type": "llama", "rope_theta": 1e6}')
    save(TENSORS, root / "model.safetensors", {"format": "pt"})
    return root


@pytest.fixture
def sharded(tmp_path):
    root = tmp_path / "sharded"
    root.mkdir()
    (root / "config.json").write_text("{}")
    save({n: TENSORS[n] for n in "ab"}, root / "one.safetensors", {"format": "pt", "one": "1"})
    save({n: TENSORS[n] for n in "cd"}, root / "two.safetensors", {"format": "pt"})
    index(root, MAP)
    return root


def index(root, weight_map):
    (root / INDEX).write_text(json.dumps({"metadata": {"total_size": 40}, "weight_map": weight_map}))


@pytest.mark.parametrize("kind", ["single", "sharded"])
def test_tensors_are_found_with_their_bytes(request, kind):
    folder = open_model(request.getfixturevalue(kind))
    assert {name: (ref.name, ref.shape, read(ref)) for name, ref in folder.tensors.items()} == {
        name: (name, shape, data) for name, (_, shape, data) in TENSORS.items()
    }
    assert {name: ref.dtype for name, ref in folder.tensors.items()} == {
        "a": "F32",
        "b": "BF16",
        "c": "I64",
        "d": "U8",
    }
    assert folder.metadata == {"format": "pt"}


def test_files_and_configuration_are_told(single, sharded):
    assert open_model(single).files == ("model.safetensors",)
    assert open_model(single).config == {"model_type": "llama", "rope_theta": 1e6}
    assert open_model(sharded).files == ("one.safetensors", "two.safetensors")
    assert list(open_model(sharded).tensors) == ["a", "b", "c", "d"]


def test_a_hub_cache_is_read_through_its_links(sharded, tmp_path):
    snapshot = tmp_path / "models--o--n/snapshots/0123"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--o--n/blobs").mkdir()
    (sharded / "tokenizer.json").write_text("{}")
    for i, path in enumerate(sorted(sharded.iterdir())):
        shutil.copy(path, tmp_path / f"models--o--n/blobs/{i}")
        (snapshot / path.name).symlink_to(f"../../blobs/{i}")
    folder = open_model(snapshot)
    assert {name: read(ref) for name, ref in folder.tensors.items()} == {n: t[2] for n, t in TENSORS.items()}
    assert copy_side_files(snapshot, tmp_path / "out") == ("config.json", "tokenizer.json")
    assert not any(path.is_symlink() for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "filename",
    ["../one.safetensors", "sub/one.safetensors", "/etc/passwd", "..", ".", "", "one.bin",
     "a\\one.safetensors", "one.safetensors\0", "\ud800.safetensors",
     "x" * 300 + ".safetensors", 3, None, ["one.safetensors"]],
    ids=repr,
)  # fmt: skip
def test_an_index_that_leaves_the_folder_is_refused(sharded, filename):
    shutil.copy(sharded / "one.safetensors", sharded.parent / "one.safetensors")
    (sharded / "sub").mkdir()
    shutil.copy(sharded / "one.safetensors", sharded / "sub/one.safetensors")
    index(sharded, MAP | {"a": filename})
    with pytest.raises(DocumentError, match="in the same folder") as caught:
        open_model(sharded)
    assert caught.value.pointer == "/weight_map/a"


@pytest.mark.parametrize(
    ("weight_map", "problem"),
    [
        ({**MAP, "b": "three.safetensors"}, r"missing: three\.safetensors"),
        ({**MAP, "e": "two.safetensors"}, "missing: e"),
        ({**MAP, "b": "two.safetensors"}, r"'b': expected in one\.safetensors.*found two"),
        ({n: f for n, f in MAP.items() if n != "b"}, "'b'.*found no file"),
        ({}, "an object with tensor names"),
        ([], "an object with tensor names"),
        (None, "an object with tensor names"),
    ],
)
def test_an_index_that_disagrees_with_the_files_is_refused(sharded, weight_map, problem):
    index(sharded, weight_map)
    with pytest.raises(DocumentError, match=problem):
        open_model(sharded)


def test_a_tensor_in_two_files_is_refused(sharded):
    save({n: TENSORS[n] for n in "acd"}, sharded / "two.safetensors")
    with pytest.raises(DocumentError, match=r"'a'.*once.*one\.safetensors and two"):
        open_model(sharded)


@pytest.mark.parametrize("name", [INDEX, "config.json"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"weight_map": {"a": "x", "a": "y"}}', "'a' twice"),
        (b"{", "JSON object"),
        (b"[]", "found list"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, "JSON object"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "JSON object"),
    ],
    ids=["twice", "torn", "list", "bytes", "deep", "long number"],
)
def test_json_that_is_none_is_refused(sharded, name, text, problem):
    (sharded / name).write_bytes(text)
    with pytest.raises(DocumentError, match=problem) as caught:
        open_model(sharded)
    assert name in str(caught.value)


def test_json_above_the_limit_is_not_held(sharded):
    os.truncate(sharded / INDEX, 2**36)
    with pytest.raises(DocumentError, match="at most"):
        open_model(sharded)


@pytest.mark.parametrize("name", ["config.json", "one.safetensors", INDEX])
@pytest.mark.parametrize("kind", ["nothing", "folder", "dangling link", "link to itself", "pipe"])
def test_what_is_missing_or_no_file_is_named(sharded, name, kind):
    (sharded / name).unlink()
    match kind:
        case "folder":
            (sharded / name).mkdir()
        case "dangling link":
            (sharded / name).symlink_to("nowhere")
        case "link to itself":
            (sharded / name).symlink_to(name)
        case "pipe":
            os.mkfifo(sharded / name)
    with pytest.raises(DocumentError, match=name):
        open_model(sharded)


def test_a_folder_that_is_none_is_an_error(tmp_path):
    with pytest.raises(DocumentError, match="found neither"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(DocumentError, match="model folder"):
        copy_side_files(tmp_path / "nowhere", tmp_path / "out")


@given(cut=st.integers(0, 10**6))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_file_is_an_error_when_it_is_opened(sharded, cut):
    path = sharded / "one.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    try:
        with pytest.raises(DocumentError, match=r"one\.safetensors"):
            open_model(sharded)
    finally:
        path.write_bytes(whole)


@given(
    name=st.sampled_from(["config.json", INDEX, "one.safetensors", "two.safetensors"]),
    at=st.integers(0, 10**6),
    junk=st.binary(min_size=1, max_size=4),
    gone=st.integers(0, 9),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_damaged_the_answer_is_a_folder_or_one_kind_of_error(sharded, name, at, junk, gone):
    path = sharded / name
    whole = path.read_bytes()
    at %= len(whole)
    path.write_bytes(whole[:at] + junk + whole[at + gone :])
    try:
        folder = open_model(sharded)
        assert {len(read(ref)) - ref.size for ref in folder.tensors.values()} == {0}
    except DocumentError as error:
        assert str(error)
    finally:
        path.write_bytes(whole)


def test_a_file_that_shrinks_after_it_was_opened_is_an_error(single):
    folder = open_model(single)
    os.truncate(single / "model.safetensors", folder.tensors["a"].offset + 3)
    with pytest.raises(DocumentError, match="a: expected 24 bytes; found 3"):
        read(folder.tensors["a"])
    (single / "model.safetensors").unlink()
    with pytest.raises(DocumentError, match="readable"):
        read(folder.tensors["a"])


def test_weights_without_a_configuration_can_be_opened_as_such(single):
    (single / "config.json").unlink()
    files, tensors, metadata = open_weights(single)
    assert (files, sorted(tensors), metadata) == (("model.safetensors",), list("abcd"), {"format": "pt"})


def test_side_files_are_everything_but_weights_and_hidden_files(single, tmp_path):
    for name in (
        "tokenizer.json", "chat_template.jinja", "README.md", "1_Pooling/config.json", "templates/a.jinja",
        "pytorch_model.bin", "pytorch_model.bin.index.json", INDEX, "Model.GGUF",
        "original/consolidated.00.pth",
        ".gitattributes", ".cache/x", "rust_model.ot.txt",
    ):  # fmt: skip
        (single / name).parent.mkdir(exist_ok=True)
        (single / name).write_text(name)
    os.mkfifo(single / "pipe")
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokenizer.json").write_text("old")
    expected = ("1_Pooling/config.json", "README.md", "chat_template.jinja", "config.json",
                "rust_model.ot.txt", "templates/a.jinja", "tokenizer.json")  # fmt: skip
    assert copy_side_files(single, out) == expected
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == sorted(expected)
    for name in expected:
        assert (out / name).read_bytes() == (single / name).read_bytes()


def test_side_files_are_not_copied_through_links_that_leave_the_folder(single, tmp_path):
    (tmp_path / "secret").write_text("key")
    (single / "vocab.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(DocumentError, match=r"'vocab\.txt'.*leads out"):
        copy_side_files(single, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (single / "vocab.txt").unlink()
    (single / "folder").symlink_to(tmp_path)
    with pytest.raises(DocumentError, match=r"'folder'.*leads out"):
        copy_side_files(single, tmp_path / "out")
    (single / "folder").unlink()
    (single / "same.json").symlink_to("config.json")
    assert copy_side_files(single, tmp_path / "out") == ("config.json", "same.json")
    assert not (tmp_path / "out/same.json").is_symlink()


def test_an_existing_link_in_the_result_is_replaced_not_followed(single, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "out/config.json").symlink_to(tmp_path / "precious")
    copy_side_files(single, tmp_path / "out")
    write_config(tmp_path / "out", {"a": 1})
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "out/config.json").read_text() == '{\n  "a": 1\n}\n'


def test_a_configuration_survives_being_read_and_written(single, tmp_path):
    config = {"z": [1, 2.5, None], "a": {"é": "ü"}, "limit": float("inf"), "eps": 1e-06}
    write_config(tmp_path / "out", config)
    shutil.copy(tmp_path / "out/config.json", single)
    assert open_model(single).config == config
    assert list(open_model(single).config) == list(config)


def test_a_configuration_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"config\.json"):
        write_config(tmp_path / "out", {"a": {1, 2}})
    assert not (tmp_path / "out/config.json").exists()
