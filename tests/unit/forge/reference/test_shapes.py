"""The recorded shapes are what transformers writes, and the numbers in them are plausible."""

import math
import struct

import pytest

from forge.families import registry
from forge.reference import bases, shapes, weights
from forge.reference.shapes.configs import CONFIGS


def numbers(dtype, data):
    if dtype == "BF16":
        data = b"".join(b"\0\0" + data[i : i + 2] for i in range(0, len(data), 2))
    return [v for (v,) in struct.iter_unpack("<f", data)]


def test_every_family_is_recorded_and_nothing_else():
    assert {p.stem for p in shapes.FOLDER.glob("*.json")} == set(CONFIGS) == set(registry.names())


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_record_is_written_as_it_was_read(architecture):
    assert shapes.dumps(shapes.load(architecture)) == shapes.path(architecture).read_text(encoding="utf-8")


@pytest.mark.parametrize("architecture", CONFIGS)
def test_the_record_is_what_the_installed_transformers_writes(architecture):
    pytest.importorskip("torch", reason="needs the extra [forge]")
    transformers = pytest.importorskip("transformers", reason="needs the extra [forge]")
    from forge.reference.shapes.__main__ import record

    recorded = shapes.load(architecture)
    if transformers.__version__ != recorded.transformers:
        pytest.skip(f"recorded with transformers {recorded.transformers}; here is {transformers.__version__}")
    assert record(architecture) == recorded


@pytest.mark.parametrize("architecture", ["mistral", "qwen3_5_moe"])
def test_weights_are_small_norms_near_one_and_all_tensors_differ(architecture):
    shape, seen = shapes.load(architecture), set()
    for name, (dtype, size) in shape.tensors.items():
        near = name in shape.around_one
        data = weights.tensor("seed", name, size, dtype, near_one=near).data
        values = numbers(dtype, data)
        assert len(values) == math.prod(size)
        centre, reach = (1, 1 / 32) if near else (0, 1 / 8)
        assert max(abs(v - centre) for v in values) <= reach
        assert data not in seen
        seen.add(data)


def test_every_weight_is_exact_in_bfloat16():
    for table in (weights.SMALL, weights.NEAR_ONE):
        assert all(word[:2] == b"\0\0" for word in table)


def test_bases_do_not_share_a_stream():
    a, b = (bases.files(f)["model.safetensors"] for f in ("mixtral", "phimoe"))
    name = "model.embed_tokens.weight"
    tensors = [weights.tensor(f"{bases.name(f)}/1", name, (128, 32)).data for f in ("mixtral", "phimoe")]
    assert tensors[0] != tensors[1]
    assert tensors[0] in a
    assert tensors[1] in b


def test_the_byte_level_tokenizer_gives_every_character_its_code():
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra [forge]")
    from forge.reference import tokens

    tokenizer = tokenizers.Tokenizer.from_str(tokens.characters()["tokenizer.json"].decode())
    text = "def f(x):\n\treturn x ** 2  # ~\x7f"
    assert tokenizer.encode(text).ids == [ord(c) for c in text]
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode("<s>a</s>").ids == [1, ord("a"), 2]


def test_the_other_tokenizer_knows_visible_characters_and_line_feeds():
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra [forge]")
    from forge.reference import tokens

    tokenizer = tokenizers.Tokenizer.from_str(tokens.pieces()["tokenizer.json"].decode())
    text = "def f(x):\n return x"
    assert tokenizer.get_vocab_size() == 128
    assert 0 not in tokenizer.encode(text).ids
    assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text
    assert tokenizer.encode("\x7f").ids[-1] == 0
