"""What pruning has to come to, told by transformers and torch alone, with none of the forge's indexing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from forge import loading

IDS = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32]])


def logits(folder: Path, masked: Mapping[int, list[int]] | None = None) -> torch.Tensor:
    """Logits in float32; with ``masked``, the outputs of those key-value groups' heads are set to zero."""
    model = loading.load_model(folder, dtype="float32")
    attention = [
        m for n, m in sorted(model.named_modules(), key=lambda item: _layer(item[0])) if _is_language(n, m)
    ]
    by_layer = {m.layer_idx: m for m in attention}
    for layer, groups in (masked or {}).items():
        by_layer[layer].o_proj.register_forward_pre_hook(_zeroing(by_layer[layer], groups))
    with torch.inference_mode():
        return model(input_ids=IDS, use_cache=False).logits


def _is_language(name: str, module: Any) -> bool:
    return name.endswith("self_attn") and hasattr(module, "o_proj") and hasattr(module, "layer_idx")


def _layer(name: str) -> int:
    return int(next((part for part in name.split(".") if part.isdigit()), "0"))


def _zeroing(attention: Any, groups: list[int]) -> Any:
    def hook(module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        size = attention.head_dim
        heads = args[0].clone().unflatten(-1, (-1, size))
        for head in range(heads.shape[-2]):
            # head h reads the key-value head h // n_rep, as repeat_interleave spreads them
            if head // attention.num_key_value_groups in groups:
                heads[..., head, :] = 0
        return (heads.flatten(-2),)

    return hook


def same_logits(pruned: Path, base: Path, removed: Mapping[int, list[int]]) -> None:
    """The pruned model computes what the base does with the removed heads masked, not what it does whole."""
    expected, whole = logits(base, removed), logits(base)
    assert (expected - whole).abs().max() > 1e-2, (
        "masking these heads has to matter for the test to mean much"
    )
    torch.testing.assert_close(logits(pruned), expected, atol=1e-5, rtol=0, msg="logits differ from masking")


def same_bytes_but_for_the_removed(
    pruned: Path, base: Path, removed: Mapping[int, list[int]], *, groups: int, size: int, gated: bool
) -> None:
    """Every weight of removed heads is zero, everything else as before, bit for bit."""
    before, after = tensors(base), tensors(pruned)
    assert before.keys() == after.keys(), "names changed"
    for name, tensor in before.items():
        expected = tensor.clone()
        parts = name.split(".")
        if "self_attn" in parts and "tower" not in name and "talker" not in name:
            gone = removed.get(int(parts[parts.index("layers") + 1]), [])
            kind = parts[-2]
            if kind == "q_proj":
                expected.unflatten(0, (groups, -1, (2 if gated else 1) * size))[gone] = 0
            elif kind in ("k_proj", "v_proj"):
                expected.unflatten(0, (groups, size))[gone] = 0
            elif kind == "o_proj" and parts[-1] == "weight":
                expected.unflatten(1, (groups, -1, size))[:, gone] = 0
        assert expected.dtype == after[name].dtype, f"{name}: dtype changed"
        assert torch.equal(_bits(expected), _bits(after[name])), f"{name}: not the expected bytes"


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder, read by safetensors itself."""
    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= load_file(file)
    return found


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.uint8)
