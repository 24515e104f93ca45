"""The memory plan against arithmetic by hand and against what loaded models hold; norms against fractions."""

import math
import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forge.families import layouts
from forge.profile import memory_plan as module
from forge.profile.memory_plan import FLAT_RESERVE, memory_plan
from forge.profile.norms import floats, row_norms
from forge.tensors.model import ModelFolder, TensorRef
from verifier.errors import DocumentError, EvidenceMissingError, UsageError

GIB = 1 << 30
SIZES = {"BF16": 2, "F16": 2, "F32": 4, "U8": 1}


def folder(shapes, dtype="BF16"):
    refs = {
        name: TensorRef(name, dtype, shape, Path("model.safetensors"), 0, math.prod(shape) * SIZES[dtype])
        for name, shape in shapes.items()
    }
    return ModelFolder(root=Path(), tensors=refs, files=("model.safetensors",), config={}, metadata={})


def moe(layers=2, experts=8, hidden=64, inner=32, dtype="BF16"):
    shapes = {"model.embed_tokens.weight": (100, hidden), "lm_head.weight": (100, hidden)}
    for layer in range(layers):
        p = f"model.layers.{layer}."
        shapes |= {f"{p}self_attn.{m}_proj.weight": (hidden, hidden) for m in "qkvo"}
        shapes |= {f"{p}input_layernorm.weight": (hidden,), f"{p}mlp.gate.weight": (experts, hidden)}
        for e in range(experts):
            shapes |= {f"{p}mlp.experts.{e}.{m}_proj.weight": (inner, hidden) for m in ("gate", "up")}
            shapes[f"{p}mlp.experts.{e}.down_proj.weight"] = (hidden, inner)
    return folder(shapes, dtype)


EXPERTS = 2 * 8 * 3 * 32 * 64
ATTENTION = 2 * 4 * 64 * 64
REST = 2 * 100 * 64 + 2 * 64 + 2 * 8 * 64
ROWS = 2 * 8 * (2 * 32 + 64) + 2 * 4 * 64


def test_every_byte_is_counted_experts_among_them():
    plan = memory_plan(moe(), GIB, None, layouts.UNFUSED)
    assert plan.bits == 16
    assert plan.disk_bytes == plan.weight_bytes == 2 * (EXPERTS + ATTENTION + REST)
    assert plan.expert_bytes == 2 * EXPERTS
    assert plan.working_bytes == EXPERTS + FLAT_RESERVE + math.ceil(0.05 * plan.weight_bytes)
    assert plan.needed_bytes == plan.weight_bytes + plan.working_bytes


def test_fewer_bits_convert_matrices_and_experts_alone():
    eight = memory_plan(moe(), GIB, 8, layouts.UNFUSED)
    assert eight.weight_bytes == EXPERTS + ATTENTION + 4 * ROWS + 2 * REST
    four = memory_plan(moe(), GIB, 4, layouts.UNFUSED)
    assert four.weight_bytes == (EXPERTS + ATTENTION) // 2 + (EXPERTS + ATTENTION) // 64 * 4 + 2 * REST


def test_the_widest_that_fits_is_chosen():
    model = moe(hidden=512, inner=1024, experts=64)
    needed = {b: memory_plan(model, 1 << 60, b, layouts.UNFUSED).needed_bytes for b in (16, 8, 4)}
    assert needed[16] > needed[8] > needed[4]
    for bits in (16, 8, 4):
        assert memory_plan(model, needed[bits], None, layouts.UNFUSED).bits == bits
    with pytest.raises(EvidenceMissingError, match="4-bit") as error:
        memory_plan(model, needed[4] - 1, None, layouts.UNFUSED)
    assert error.value.remedy
    with pytest.raises(EvidenceMissingError, match="16-bit"):
        memory_plan(model, needed[8], 16, layouts.UNFUSED)


def test_float32_is_kept_where_it_fits():
    model = moe(dtype="F32")
    assert memory_plan(model, GIB, None, layouts.UNFUSED).bits == 32
    assert memory_plan(model, GIB, 16, layouts.UNFUSED).weight_bytes == model_bytes(model) // 2
    with pytest.raises(UsageError, match="16, 8, 4"):
        memory_plan(moe(), GIB, 32, layouts.UNFUSED)
    with pytest.raises(UsageError, match="found 5"):
        memory_plan(moe(), GIB, 5, layouts.UNFUSED)


def model_bytes(model):
    return sum(t.size for t in model.tensors.values())


def test_the_text_tells_the_numbers():
    text = memory_plan(moe(), GIB, None, layouts.UNFUSED).text
    assert text.startswith("16-bit:") and "experts" in text and "1.00 GiB available" in text


def test_a_dense_model_needs_no_layout():
    dense = folder({"model.layers.0.self_attn.q_proj.weight": (64, 64), "lm_head.weight": (9, 64)})
    plan = memory_plan(dense, GIB, 8)
    assert plan.expert_bytes == 0 and plan.weight_bytes == 64 * 64 + 4 * 64 + 2 * 9 * 64


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("architecture", ["qwen3_moe", "phimoe", "granitemoe", "gpt_oss"])
def test_a_model_held_in_fewer_bits_takes_what_the_plan_says(tmp_path, architecture, bits):
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    pytest.importorskip("bitsandbytes", reason="needs the extra [bnb]")
    from forge.families import registry
    from forge.loading import load_model
    from forge.profile import routers
    from forge.profile.quantised import quantise
    from forge.tensors.model import open_model
    from tests.unit.forge import tiny_models as tiny

    saved = tiny.save(tmp_path / "m", architecture, dtype=torch.bfloat16, hidden_size=128, head_dim=32)
    model, adapter = open_model(saved), registry.get(architecture)
    plan = memory_plan(model, GIB, bits, adapter.layout)
    whole = load_model(saved)
    found = routers.on_disk(adapter, model)
    places = routers.locate(found.hook, found.names, dict(whole.named_modules()))
    small = quantise(load_model(saved), bits, "cpu", tuple(p.experts for p in places))
    assert held(small) == pytest.approx(plan.weight_bytes, rel=0.02)
    assert held(whole) == pytest.approx(memory_plan(model, GIB, 16, adapter.layout).weight_bytes, rel=0.01)
    hidden = torch.randn(32, 128, dtype=torch.bfloat16)
    chosen, gates = torch.randint(0, 8, (32, 2)), torch.rand(32, 2, dtype=torch.bfloat16)
    with torch.no_grad():
        assert bool(small(torch.arange(4, 20).unsqueeze(0)).logits.isfinite().all())
        for place in places:  # on given choices, since routing magnifies whatever was rounded before
            exact, rough = (
                m.get_submodule(place.experts)(hidden, chosen, gates).float() for m in (whole, small)
            )
            assert 0 < float((rough - exact).norm() / exact.norm()) < (0.03 if bits == 8 else 0.25)


def held(model):
    """Bytes of parameters, and of the packed ones beside them."""
    total = sum(p.numel() * p.element_size() for p in model.parameters())
    for part in model.modules():
        state = getattr(getattr(part, "weight", None), "quant_state", None)
        if state is not None:
            total += state.absmax.numel() * state.absmax.element_size()
        scale = getattr(getattr(part, "weight", None), "SCB", None)
        total += scale.numel() * 4 if scale is not None else 0
        for packed in getattr(part, "packed_parameters", {}).values():
            total += packed.nbytes
    return total


@pytest.mark.parametrize("bits", [8, 4])
def test_a_profile_runs_in_fewer_bits(tmp_path, bits):
    torch = pytest.importorskip("torch", reason="needs the extra [forge]")
    pytest.importorskip("bitsandbytes", reason="needs the extra [bnb]")
    from tests.unit.forge import tiny_models as tiny
    from tests.unit.forge.profile.test_profile import context, measured

    saved = tiny.save(tmp_path / "m", "qwen3_moe", dtype=torch.bfloat16, hidden_size=128, head_dim=32)
    lines = tiny.texts(8)
    scores, result = measured(
        context(tmp_path, saved, "qwen3_moe", lines, metricVersion="v1.activation_count", loadBits=bits)
    )
    assert result.record["loading"]["bits"] == bits
    (tmp_path / "b").mkdir()
    full, _ = measured(
        context(tmp_path / "b", saved, "qwen3_moe", lines, metricVersion="v1.activation_count")
    )
    assert scores.keys() == full.keys() and sum(scores[0]) == sum(full[0])
    moved = sum(abs(a - b) for a, b in zip(scores[0], full[0], strict=True))
    assert moved < 0.5 * sum(full[0])


# ---- norms


def test_norms_are_the_rounded_square_roots_of_exact_sums(tmp_path):
    values = [0.1, -2.5, 1e-20, 3e18, 7.0, 0.0, -0.0, 1.5]
    path = tmp_path / "x"
    path.write_bytes(struct.pack("<8f", *values))
    stored = struct.unpack("<8f", path.read_bytes())
    found = row_norms(TensorRef("router", "F32", (2, 4), path, 0, 32))
    for row, norm in zip((stored[:4], stored[4:]), found, strict=True):
        exact = sum(Fraction(v) ** 2 for v in row)
        assert norm == pytest.approx(math.sqrt(exact), rel=2e-16)


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=50))
def test_sixteen_bit_numbers_are_read_exactly(codes):
    half = floats("F16", struct.pack(f"<{len(codes)}H", *codes), "x")
    brain = floats("BF16", struct.pack(f"<{len(codes)}H", *codes), "x")
    for code, h, b in zip(codes, half, brain, strict=True):
        assert struct.pack("<e", h) == struct.pack("<H", code) or math.isnan(h)
        assert struct.pack("<f", b)[2:] == struct.pack("<H", code) or math.isnan(b)


def test_what_is_no_router_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(struct.pack("<4f", 1, 2, math.inf, 4))
    with pytest.raises(DocumentError, match="finite"):
        row_norms(TensorRef("router", "F32", (2, 2), path, 0, 16))
    with pytest.raises(DocumentError, match="shape"):
        row_norms(TensorRef("router", "F32", (4,), path, 0, 16))
    with pytest.raises(DocumentError, match="F8_E4M3"):
        row_norms(TensorRef("router", "F8_E4M3", (4, 4), path, 0, 16))


def test_the_plan_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys\nsys.modules['torch'] = sys.modules['transformers'] = sys.modules['numpy'] = None\n"
        "import forge.profile.memory_plan, forge.profile.norms, forge.profile.routers, forge.corpus\n"
        "import forge.stages.expert_activation_profile, forge.stages.lora\n"
        "import forge.stages.train, forge.perplexity\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(module.__file__).parents[2], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
