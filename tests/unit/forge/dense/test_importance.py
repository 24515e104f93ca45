"""Importance from the weights: exact against fractions, the same in every order, with and without numpy."""

import math
import random
import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forge.families import registry
from forge.stages import head_importance, prune
from forge.stages.heads import survey
from forge.tensors.model import open_model
from forge.tensors.safetensors import DTYPE_BYTES, Tensor
from tests.unit.forge.dense import models
from verifier.errors import DocumentError

HEADS, GROUPS, SIZE, HIDDEN = 4, 2, 2, 6
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": GROUPS,
    "head_dim": SIZE,
    "hidden_size": HIDDEN,
}
SHAPES = {
    "q": (HEADS * SIZE, HIDDEN),
    "k": (GROUPS * SIZE, HIDDEN),
    "v": (GROUPS * SIZE, HIDDEN),
    "o": (HIDDEN, HEADS * SIZE),
}


def _value(dtype: str, item: bytes) -> Fraction:
    if dtype == "F16":
        return Fraction(struct.unpack("<e", item)[0])
    return Fraction(struct.unpack("<f", item if dtype == "F32" else b"\0\0" + item)[0])


def _finite(dtype: str, item: bytes) -> bool:
    try:
        _value(dtype, item)
    except (OverflowError, ValueError):
        return False
    return True


def _tensors(dtype: str, chance: random.Random) -> list[Tensor]:
    def item() -> bytes:
        while not _finite(dtype, found := chance.randbytes(DTYPE_BYTES[dtype])):
            pass
        return found

    return [
        Tensor(
            name=f"model.layers.{layer}.self_attn.{p}_proj.weight",
            dtype=dtype,
            shape=shape,
            data=b"".join(item() for _ in range(math.prod(shape))),
        )
        for layer in range(2)
        for p, shape in SHAPES.items()
    ]


def _expected(tensors: list[Tensor]) -> dict[int, list[float]]:
    """Straight from the definition, element by element."""
    sums = {layer: [Fraction(0)] * GROUPS for layer in range(2)}
    for tensor in tensors:
        layer, kind = int(tensor.name.split(".")[2]), tensor.name.split(".")[4][0]
        size = DTYPE_BYTES[tensor.dtype]
        for i in range(tensor.count):
            row, column = divmod(i, tensor.shape[1])
            head = (column if kind == "o" else row) // SIZE
            group = head if kind in "kv" else head * GROUPS // HEADS
            sums[layer][group] += _value(tensor.dtype, tensor.data[i * size : (i + 1) * size]) ** 2
    return {layer: [s.numerator / s.denominator for s in values] for layer, values in sums.items()}


def _measured(folder) -> dict[int, list[float]]:
    model = open_model(folder)
    return head_importance.magnitude(survey(registry.get("llama"), model), model)


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_magnitude_is_the_exact_sum_of_squares_rounded_once(dtype, seed, tmp_path):
    # random bit patterns: subnormals, and squares more than 500 binary orders of magnitude apart
    tensors = _tensors(dtype, random.Random(seed))
    assert _measured(models.bare(tmp_path / "m", tensors, CONFIG)) == _expected(tensors)


@given(st.lists(st.integers(0, 0xFFFF), max_size=400), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_counting_gives_the_same_with_and_without_numpy_in_any_order_and_blocks(patterns, chance):
    pytest.importorskip("numpy")

    def blocks(values):
        cut = chance.randint(0, len(values))
        return [struct.pack(f"<{len(part)}H", *part) for part in (values[:cut], values[cut:])]

    shuffled = chance.sample(patterns, len(patterns))
    plain = head_importance.counted_without_numpy(blocks(patterns))
    assert head_importance.counted(blocks(shuffled)) == dict(plain)
    assert sum(plain.values()) == len(patterns)


def test_the_order_of_rows_within_a_group_makes_no_difference(tmp_path):
    tensors = _tensors("F32", random.Random(4))
    q = tensors[0]
    step = len(q.data) // q.shape[0]
    rows = [q.data[i * step : (i + 1) * step] for i in range(q.shape[0])]
    half = len(rows) // GROUPS
    turned = Tensor(
        name=q.name, dtype=q.dtype, shape=q.shape, data=b"".join(rows[:half][::-1] + rows[half:][::-1])
    )
    before = _measured(models.bare(tmp_path / "a", tensors, CONFIG))
    assert _measured(models.bare(tmp_path / "b", [turned, *tensors[1:]], CONFIG)) == before


@pytest.mark.parametrize(
    ("dtype", "item"), [("BF16", b"\x80\x7f"), ("F16", b"\x01\x7e"), ("F32", b"\0\0\x80\xff")]
)
def test_an_infinite_weight_is_named(dtype, item, tmp_path):
    tensors = _tensors(dtype, random.Random(5))
    bad = tensors[5]
    tensors[5] = Tensor(name=bad.name, dtype=dtype, shape=bad.shape, data=item + bad.data[len(item) :])
    with pytest.raises(DocumentError, match=r"layers\.1\.self_attn\.k_proj\.weight: expected finite"):
        _measured(models.bare(tmp_path / "m", tensors, CONFIG))


def test_lots_depend_on_the_seed_alone(tmp_path):
    model = open_model(models.bare(tmp_path / "m", _tensors("BF16", random.Random(6)), CONFIG))
    heads = survey(registry.get("llama"), model)
    lots = head_importance.lots(heads, 7)
    assert lots == head_importance.lots(heads, 7) != head_importance.lots(heads, 8)
    # fixed for ever, on every machine: a recorded recipe has to mean the same tomorrow
    # (printf prune-heads/7/0/0 | sha256sum begins with these 13 digits)
    assert lots[0][0] == 0x94DB0B8B2E4C4 / 2**52
    assert all(0 <= x < 1 for values in lots.values() for x in values)


def test_pruning_by_magnitude_needs_no_torch(tmp_path):
    import subprocess
    import sys

    models.bare(tmp_path / "m", _tensors("BF16", random.Random(7)), CONFIG)
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'numpy', 'safetensors'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from tests.unit.forge.dense import models\n"
        "from forge.stages import prune\n"
        "work = Path(sys.argv[1])\n"
        "stage = models.context('llama', work / 'm', work, strategy='magnitude', level=0.25)\n"
        "result = prune.pad(stage)\n"
        "print(result.determinism.value, result.record['removedGroups'], result.fields['selectionSha256'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    here = prune.pad(
        models.context("llama", tmp_path / "m", tmp_path / "here", strategy="magnitude", level=0.25)
    )
    assert done.stdout.split() == ["bytes", "1", here.fields["selectionSha256"]]
