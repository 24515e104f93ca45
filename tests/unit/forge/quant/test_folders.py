"""quant mlx and quant bnb: what they write, against the weights themselves."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.quant import packages  # noqa: E402
from forge.stages import quant_bnb, quant_mlx  # noqa: E402
from forge.stages.base import Determinism  # noqa: E402
from tests.unit.forge.quant import tiny  # noqa: E402
from verifier.evidence.hashing import sha256_file  # noqa: E402

needs_mlx = pytest.mark.skipif(not packages.version("mlx-lm"), reason="needs the extra [mlx]")
needs_bnb = pytest.mark.skipif(not packages.version("bitsandbytes"), reason="needs the extra [bnb]")
WEIGHT = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.build(tmp_path_factory.mktemp("tiny") / "model")


def run(stage, model, artifact, *types):
    context = tiny.context(model, artifact, "q", {"quantTypes": list(types)})
    result = stage.run(context)
    assert result.model is None and result.determinism is Determinism.DEVICE
    files = {f["file"]: f["sha256"] for output in result.record["outputs"] for f in output["files"]}
    assert set(files) == set(result.files)
    assert all(sha256_file(artifact / path) == digest for path, digest in files.items())
    assert sorted(p.name for p in artifact.iterdir()) == ["quant"]
    return result, files


@needs_mlx
def test_mlx_4bit_is_within_a_step_of_the_weights(model, tmp_path):
    from safetensors.torch import load_file

    result, files = run(quant_mlx, model, tmp_path / "a", "4bit")
    assert result.record["tools"]["mlx-lm"] == packages.version("mlx-lm")
    assert "quant/tiny-mlx-4bit/tokenizer.json" in files
    stored = load_file(tmp_path / "a/quant/tiny-mlx-4bit/model.safetensors")
    name = WEIGHT.removesuffix(".weight")
    # affine: w = scale * q + bias over groups of 64, eight 4-bit numbers in each 32-bit word, lowest first
    words = stored[f"{name}.weight"].to(torch.int64) & 0xFFFFFFFF
    numbers = torch.stack([(words >> (4 * i)) & 15 for i in range(8)], dim=-1).reshape(words.shape[0], -1, 64)
    scales, biases = stored[f"{name}.scales"][..., None], stored[f"{name}.biases"][..., None]
    exact = load_file(model / "model.safetensors")[WEIGHT].reshape(numbers.shape)
    error = (scales * numbers + biases - exact).abs()
    # MLX moves the grid so that zero is on it, which costs up to another half step at the far end
    assert (error <= scales.abs() * 1.01 + 1e-7).all()
    assert error.mean() < 0.35 * scales.abs().mean()


@needs_mlx
@pytest.mark.slow
def test_mlx_repeats(model, tmp_path):
    one, two = (run(quant_mlx, model, tmp_path / name, "4bit", "8bit")[1] for name in "ab")
    assert one == two and len({path.split("/")[1] for path in one}) == 2


@needs_bnb
def test_bnb_nf4_is_the_nearest_of_its_sixteen_levels(model, tmp_path):
    from safetensors.torch import load_file

    result, files = run(quant_bnb, model, tmp_path / "a", "nf4")
    assert result.record["tools"]["bitsandbytes"] == packages.version("bitsandbytes")
    assert result.record["outputs"][0]["loadCheck"]["layers"] == ["Linear4bit"]
    assert "quant/tiny-bnb-nf4/tokenizer.json" in files
    config = json.loads((tmp_path / "a/quant/tiny-bnb-nf4/config.json").read_text())
    assert config["quantization_config"]["bnb_4bit_quant_type"] == "nf4"
    stored = load_file(tmp_path / "a/quant/tiny-bnb-nf4/model.safetensors")
    packed = stored[WEIGHT].flatten().to(torch.int64)
    numbers = torch.stack([packed >> 4, packed & 15], dim=-1).reshape(-1, 64)
    levels, scale = stored[f"{WEIGHT}.quant_map"].flatten(), stored[f"{WEIGHT}.absmax"].flatten()[:, None]
    exact = load_file(model / "model.safetensors")[WEIGHT].reshape(-1, 64)
    assert torch.allclose(scale[:, 0], exact.abs().amax(dim=1))
    error = (levels[numbers] * scale - exact).abs()
    nearest = (levels[None, None] * scale[..., None] - exact[..., None]).abs().amin(dim=-1)
    assert torch.allclose(error, nearest, atol=1e-6)


@needs_bnb
@pytest.mark.slow
def test_bnb_int8_repeats_and_stays_close(model, tmp_path):
    from transformers import AutoModelForCausalLM

    _, files = run(quant_bnb, model, tmp_path / "a", "int8", "nf4")
    assert run(quant_bnb, model, tmp_path / "b", "int8", "nf4")[1] == files
    tokens = torch.tensor([[1, 265, 259, 270, 17, 4]])
    with torch.inference_mode():
        exact = AutoModelForCausalLM.from_pretrained(model)(tokens).logits
        far = [
            (AutoModelForCausalLM.from_pretrained(tmp_path / f"a/quant/tiny-bnb-{k}")(tokens).logits - exact)
            .float()
            .abs()
            .mean()
            for k in ("int8", "nf4")
        ]
    assert 0 < far[0] < far[1] < exact.abs().mean()
