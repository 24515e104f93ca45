"""Rewritten files against what the safetensors library, huggingface_hub and transformers write."""

import hashlib
import json
import math
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from huggingface_hub.serialization import split_state_dict_into_shards_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from forge.tensors import cuts
from forge.tensors.header import tensor_bytes
from forge.tensors.model import open_model, open_weights, read
from forge.tensors.plan import Literal, TensorPlan, Zeros
from forge.tensors.rewrite import rewrite
from forge.tensors.run import run_task
from forge.tensors.shards import tasks
from tests.unit.forge.tensors.library import ITEM_BYTES, content, keep_all, names, save
from verifier.errors import UsageError


def names_in(folder):
    return {path.name for path in folder.iterdir()}


MIXED = {
    f"layer.{i}.{dtype}": (dtype, (i, 3), content(f"{i}{dtype}", i * 3 * size))
    for i in range(3)
    for dtype, (_, size) in ITEM_BYTES.items()
}


def folder_with(root, tensors, files=1):
    """A model folder with the tensors spread over files, written by the library."""
    root.mkdir()
    (root / "config.json").write_text("{}")
    if files == 1:
        save(tensors, root / "model.safetensors")
        return root
    weight_map = {name: f"part-{i % files}.safetensors" for i, name in enumerate(tensors)}
    for filename in set(weight_map.values()):
        save({n: t for n, t in tensors.items() if weight_map[n] == filename}, root / filename)
    (root / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return root


@st.composite
def models(draw):
    tensors = {}
    for name in draw(st.lists(names, min_size=1, max_size=8, unique=True)):
        dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        tensors[name] = (dtype, shape, content(name, math.prod(shape) * ITEM_BYTES[dtype][1]))
    return tensors


metadata = (
    st.none()
    | st.just({"format": "pt"})
    | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=1)
)


@settings(deadline=None, max_examples=40)
@given(models(), st.integers(1, 4), st.integers(1, 60), metadata)
def test_every_file_is_byte_equal_to_the_librarys(tensors, source_files, limit, meta):
    with tempfile.TemporaryDirectory() as scratch:
        source = open_model(folder_with(Path(scratch) / "in", tensors, min(source_files, len(tensors))))
        out = Path(scratch) / "out"
        plans = keep_all(source)
        written = rewrite(plans, out, max_shard_bytes=limit, metadata=meta)
        expected = {task.filename: task for task in tasks(plans, out, max_shard_bytes=limit)}
        assert [file.filename for file in written] == list(expected)
        for file in written:
            data = (out / file.filename).read_bytes()
            assert data == save(
                {p.name: tensors[p.name] for p in expected[file.filename].plans}, metadata=meta
            )
            assert (file.sha256, file.size) == (hashlib.sha256(data).hexdigest(), len(data))
        extra = {"model.safetensors.index.json"} if len(written) > 1 else set()
        assert names_in(out) == set(expected) | extra
        files, refs, _ = open_weights(out)
        assert list(files) == list(expected)
        assert {name: read(ref) for name, ref in refs.items()} == {n: t[2] for n, t in tensors.items()}


def test_all_dtypes_lie_in_the_librarys_order(tmp_path):
    source = open_model(folder_with(tmp_path / "in", MIXED))
    rewrite(list(reversed(keep_all(source))), tmp_path / "out", metadata=None)
    assert (tmp_path / "out/model.safetensors").read_bytes() == save(MIXED)


def test_cuts_of_a_real_file_are_byte_equal_to_slices_that_torch_saves(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    from safetensors.torch import save_file

    tensors = {
        f"model.{i}.weight": torch.randn(40, 24, generator=torch.Generator().manual_seed(i)).to(dtype)
        for i, dtype in enumerate((torch.bfloat16, torch.float16, torch.float32, torch.bfloat16))
    } | {"model.e": torch.randn(6, 4, 4), "scale": torch.tensor(3.0)}
    (tmp_path / "in").mkdir()
    (tmp_path / "in/config.json").write_text("{}")
    save_file(tensors, tmp_path / "in/model.safetensors", metadata={"format": "pt"})
    refs = open_model(tmp_path / "in").tensors
    rows, columns = [7, 8, 9, 30, 2], [0, 1, 5, 23]
    plans = [
        cuts.keep_rows(refs["model.0.weight"], rows),
        cuts.blank_rows(refs["model.1.weight"], rows),
        cuts.keep_columns(refs["model.2.weight"], columns),
        cuts.blank_columns(refs["model.3.weight"], columns),
        cuts.keep_rows(refs["model.e"], [5, 1], "model.experts"),
        cuts.whole(refs["scale"], "a scalar"),
    ]
    rewrite(plans, tmp_path / "out")
    blank_rows, blank_columns = tensors["model.1.weight"].clone(), tensors["model.3.weight"].clone()
    blank_rows[rows] = 0
    blank_columns[:, columns] = 0
    expected = {
        "model.0.weight": tensors["model.0.weight"][rows],
        "model.1.weight": blank_rows,
        "model.2.weight": tensors["model.2.weight"][:, columns].contiguous(),
        "model.3.weight": blank_columns,
        "model.experts": tensors["model.e"][[5, 1]],
        "a scalar": tensors["scale"],
    }
    save_file(expected, tmp_path / "theirs", metadata={"format": "pt"})
    assert (tmp_path / "out/model.safetensors").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_a_sharded_model_is_byte_equal_to_what_transformers_saves(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    transformers = pytest.importorskip("transformers", reason="needs the extra [forge]")

    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(tmp_path / "theirs", max_shard_size=12_000)
    theirs = open_model(tmp_path / "theirs")
    assert len(theirs.files) > 3
    # Their order is that of the state dict; what a file says is that of its bytes.
    plans = [cuts.whole(theirs.tensors[name]) for name in model.state_dict()]
    rewrite(plans, tmp_path / "ours", max_shard_bytes=12_000)
    for name in (*theirs.files, "model.safetensors.index.json"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name
    assert names_in(tmp_path / "ours") == {*theirs.files, "model.safetensors.index.json"}


def zeros(sizes):
    return [TensorPlan(name=f"t{i}", dtype="U8", shape=(n,), pieces=(Zeros(n),)) for i, n in enumerate(sizes)]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 20))
def test_the_split_is_that_of_the_hub_library(sizes, limit):
    theirs = split_state_dict_into_shards_factory(
        {f"t{i}": size for i, size in enumerate(sizes)},
        get_storage_size=lambda size: size,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=limit,
    )
    ours = tasks(zeros(sizes), Path("out"), max_shard_bytes=limit)
    assert {task.filename: {p.name for p in task.plans} for task in ours} == {
        name: set(tensors) for name, tensors in theirs.filename_to_tensors.items()
    }


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.data())
def test_a_number_of_files_is_met_exactly_and_evenly(sizes, data):
    count = data.draw(st.integers(1, len(sizes)))
    ours = tasks(zeros(sizes), Path("out"), shards=count)
    assert len(ours) == count
    groups = [sorted(int(plan.name[1:]) for plan in task.plans) for task in ours]
    assert [i for group in groups for i in group] == list(range(len(sizes)))
    assert all(groups)
    if all(sizes):
        # No file is larger than its share and the tensor that crosses it, but for the last one.
        share = sum(sizes) / count
        assert all(sum(tensor_bytes(p) for p in task.plans) <= share + max(sizes) for task in ours[:-1])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"shards": 2, "max_shard_bytes": 8}, "both"),
        ({"shards": 0}, "1 to 3"),
        ({"shards": 4}, "1 to 3"),
        ({"max_shard_bytes": 0}, "at least 1 byte"),
    ],
)
def test_limits_that_make_no_sense_are_refused(arguments, problem):
    with pytest.raises(UsageError, match=problem):
        tasks(zeros([1, 2, 3]), Path("out"), **arguments)


@pytest.mark.parametrize(
    ("plans", "problem"),
    [
        ([], "at least one tensor"),
        (zeros([1]) * 2, "t0"),
        ([TensorPlan(name="__metadata__", dtype="U8", shape=(), pieces=(Zeros(1),))], "reserved"),
        ([TensorPlan(name="t", dtype="X8", shape=(), pieces=(Zeros(1),))], "dtype"),
        ([TensorPlan(name="t", dtype="U8", shape=(-1, -1), pieces=(Zeros(1),))], "shape"),
        ([TensorPlan(name="t", dtype="F4", shape=(3,), pieces=(Zeros(1),))], "whole bytes"),
        ([TensorPlan(name="t", dtype="F32", shape=(2,), pieces=(Zeros(4), Literal(b"123")))], "8 bytes"),
        ([TensorPlan(name="\ud800", dtype="U8", shape=(), pieces=(Zeros(1),))], "Unicode"),
    ],
)
def test_plans_that_cannot_become_files_are_refused(plans, problem, tmp_path):
    with pytest.raises(UsageError, match=problem):
        rewrite(plans, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_tasks_run_apart_in_any_order_after_a_trip_through_pickle(tmp_path):
    source = open_model(folder_with(tmp_path / "in", MIXED, files=3))
    plans = keep_all(source)
    together = rewrite(plans, tmp_path / "together", shards=4)
    (tmp_path / "apart").mkdir()
    apart = [
        run_task(pickle.loads(pickle.dumps(task)))
        for task in reversed(tasks(plans, tmp_path / "apart", shards=4))
    ]
    assert apart[::-1] == list(together)
    for file in together:
        assert (tmp_path / "apart" / file.filename).read_bytes() == (
            tmp_path / "together" / file.filename
        ).read_bytes()


def test_a_task_declares_what_it_reads_and_writes(tmp_path):
    source = open_model(folder_with(tmp_path / "in", MIXED, files=3))
    (task,) = tasks(keep_all(source), tmp_path / "out")
    assert task.inputs == tuple(tmp_path / "in" / f"part-{i}.safetensors" for i in range(3))
    assert task.output == tmp_path / "out/model.safetensors"
    (tmp_path / "out").mkdir()
    assert run_task(task).size == task.size == task.output.stat().st_size


def test_progress_ends_where_it_should_and_never_goes_back(tmp_path):
    source = open_model(folder_with(tmp_path / "in", MIXED))
    told = []
    written = rewrite(keep_all(source), tmp_path / "out", shards=3, on_progress=lambda *t: told.append(t))
    total = sum(file.size for file in written)
    assert {t[2] for t in told} == {total}
    assert [t[1] for t in told] == sorted(t[1] for t in told)
    assert told[-1] == (written[-1].filename, total, total)
    assert {t[0] for t in told} == {file.filename for file in written}


def test_several_metadata_entries_are_in_the_order_of_their_keys(tmp_path):
    rewrite(zeros([1]), tmp_path / "out", metadata={"z": "1", "a": "2", "m": "3"})
    head = (tmp_path / "out/model.safetensors").read_bytes()[8:]
    assert head.startswith(b'{"__metadata__":{"a":"2","m":"3","z":"1"},')


def test_nothing_heavy_is_imported():
    code = (
        "import sys, forge.tensors.rewrite, forge.tensors.cuts, forge.tensors.model;"
        "print({'numpy', 'torch', 'transformers', 'safetensors', 'huggingface_hub'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_memory_does_not_grow_with_the_model(tmp_path):
    code = (
        "import sys, resource; from pathlib import Path\n"
        "from forge.tensors.rewrite import rewrite\n"
        "from forge.tensors.plan import TensorPlan, Zeros\n"
        "n = int(sys.argv[2]) * 2**20\n"
        "rewrite([TensorPlan(name='t', dtype='U8', shape=(n,), pieces=(Zeros(n),))], Path(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", code, tmp_path / str(mib), str(mib)]))
        for mib in (32, 160)
    ]
    unit = 1 if sys.platform == "darwin" else 1024
    assert (peaks[1] - peaks[0]) * unit < 16 * 2**20
