"""The documented run on SmolLM2: its files agree with each other; its base is what the GGUF file says."""

import hashlib
import json

import pytest

from forge import recipe
from forge.corpus import read_corpus
from forge.examples.smollm2 import __main__ as example
from forge.examples.smollm2 import base
from forge.quant import packages
from verifier.errors import EvidenceMismatchError, UsageError
from verifier.verdicts import JSON

needs_model = pytest.mark.skipif(
    not packages.version(base.PACKAGE), reason=f"needs the package {base.PACKAGE}"
)


def document(variant: str) -> dict[str, JSON]:
    return json.loads((example.HERE / example.VARIANTS[variant]).read_text(encoding="utf-8"))


@pytest.mark.parametrize("variant", example.VARIANTS)
def test_the_recipes_can_be_executed_and_pin_their_texts(variant):
    made = recipe.read(example.HERE / example.VARIANTS[variant])
    recipe.check_executable(made)
    pinned = [
        (entry[f"{name}File"] if name == "corpus" else entry["dataset"], entry[f"{name}Sha256"])
        for stage in document(variant)["stages"]
        for entry in (stage, *stage.get("benchmarks", ()))
        for name in ("corpus", "dataset")
        if f"{name}Sha256" in entry
    ]
    assert {path for path, _ in pinned} == {"train.jsonl", "heldout.jsonl"}
    for path, digest in pinned:
        assert digest == "sha256:" + hashlib.sha256((example.HERE / path).read_bytes()).hexdigest()


def test_the_variants_differ_in_the_loss_of_the_compensation_alone():
    one, two = document("recipe"), document("ablation")
    differing = [
        i for i, pair in enumerate(zip(one["stages"], two["stages"], strict=True)) if pair[0] != pair[1]
    ]
    assert differing == [5]
    loss = ("lossType", "kdTemperature")
    bare = [{k: v for k, v in d["stages"][5].items() if k not in loss} for d in (one, two)]
    assert bare[0] == bare[1] and one["source"] == two["source"]


def test_nothing_that_is_measured_on_was_trained_on():
    train, held = (read_corpus(example.HERE / f"{name}.jsonl").texts for name in ("train", "heldout"))
    assert len(set(train)) == len(train) >= 150 and len(set(held)) == len(held) >= 40

    def runs(texts):
        words = (text.lower().split() for text in texts)
        return {tuple(w[i : i + 8]) for w in words for i in range(len(w) - 7)}

    assert not runs(train) & runs(held)  # not even eight words in a row


@needs_model
def test_another_file_than_the_pinned_one_is_refused(tmp_path, monkeypatch):
    (tmp_path / base.FILE).write_bytes(b"GGUF")
    monkeypatch.setattr(packages, "folder", lambda package, name: tmp_path)
    with pytest.raises(EvidenceMismatchError, match=base.SHA256):
        base.find()


def test_a_folder_that_exists_is_left_alone(tmp_path):
    with pytest.raises(UsageError, match=r"--out"):
        example.run(tmp_path)


@needs_model
@pytest.mark.slow
def test_the_base_holds_the_numbers_of_the_gguf_file(tmp_path):
    pytest.importorskip("torch", reason="needs the extra [forge]")
    gguf = pytest.importorskip("gguf", reason="needs the extra [gguf]")
    from safetensors.numpy import load_file

    found = base.dequantise(tmp_path / "base")
    assert found == document("recipe")["source"]["baseModelHash"]
    weights = load_file(tmp_path / "base/model.safetensors")
    stored = {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(base.find()).tensors
    }
    # llama.cpp keeps query and key rows in another order, all others as they are
    for here, there in (
        ("mlp.down_proj", "ffn_down"),
        ("self_attn.v_proj", "attn_v"),
        ("mlp.up_proj", "ffn_up"),
    ):
        for layer in (0, 17, 29):
            assert (
                weights[f"model.layers.{layer}.{here}.weight"] == stored[f"blk.{layer}.{there}.weight"]
            ).all()
    assert (weights["model.embed_tokens.weight"] == stored["token_embd.weight"]).all()
    assert len(weights) == len(stored) == 272
