"""Small random models of every mixture-of-experts family, built and saved by transformers itself."""

import json
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file

from forge.families import registry

EXPERTS = 8
WIDE = 12
"""Inner size of an expert; no multiple of it is the hidden size, so that no axis can be taken for another."""

_TEXT = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
    "num_experts_per_tok": 2,
}
_LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
}
_ROUTED = {
    "intermediate_size": 40,
    "moe_intermediate_size": WIDE,
    "n_routed_experts": EXPERTS,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
}
_LOCAL = {"intermediate_size": WIDE, "num_local_experts": EXPERTS}
_VISION = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "patch_size": 4,
    "out_hidden_size": 32,
    "num_position_embeddings": 16,
}
_TOKENS = {"image_token_id": 60, "video_token_id": 61, "vision_start_token_id": 62, "vision_end_token_id": 63}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}


@dataclass(frozen=True)
class Case:
    """A family in one configuration.

    Attributes:
        name: of the case.
        family: architecture of the adapter.
        config: arguments of the (text) configuration.
        vision: arguments of the vision tower's; None for a language model.
        groups: into which the router divides the experts.
        keep: experts that a test keeps.
        form: how the experts lie on disk if not as transformers saves a new model: ``fused`` as Qwen3.5 is
            published, ``mxfp4`` as gpt-oss is.
        model_type: of the configuration, if it is not the family.
    """

    name: str
    family: str
    config: dict = field(default_factory=dict)
    vision: dict | None = None
    groups: int = 1
    keep: int = 5
    form: str = ""
    model_type: str = ""

    @property
    def adapter(self):
        return registry.get(self.family)

    @property
    def text_class(self):
        return (
            transformers.AutoModelForCausalLM
            if self.vision is None
            else transformers.AutoModelForImageTextToText
        )


_QWEN3_5 = {
    "head_dim": 8,
    "moe_intermediate_size": WIDE,
    "shared_expert_intermediate_size": 20,
    "num_experts": EXPERTS,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    "rope_parameters": {**_ROPE, "partial_rotary_factor": 1.0},
}
_GROUPED = {"n_group": 2, "topk_group": 1}
_UNGROUPED = {"n_group": 1, "topk_group": 1}
_QWEN3_MOE = {"head_dim": 8, "intermediate_size": 40, "moe_intermediate_size": WIDE, "num_experts": EXPERTS}
_GPT_OSS = {
    **_LOCAL,
    "head_dim": 8,
    "sliding_window": 16,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}

CASES = (
    Case("qwen3_moe", "qwen3_moe", {**_QWEN3_MOE, "norm_topk_prob": True}),
    Case(
        "qwen3_moe-dense-middle", "qwen3_moe", {**_QWEN3_MOE, "mlp_only_layers": [1], "norm_topk_prob": False}
    ),
    Case("olmoe", "olmoe", {"intermediate_size": WIDE, "num_experts": EXPERTS}),
    Case("mixtral", "mixtral", _LOCAL),
    Case("phimoe", "phimoe", _LOCAL),
    Case("granitemoe", "granitemoe", _LOCAL),
    Case(
        "deepseek_v2", "deepseek_v2", {**_LATENT, **_ROUTED, **_UNGROUPED, "head_dim": 8, "q_lora_rank": None}
    ),
    Case(
        "deepseek_v2-grouped",
        "deepseek_v2",
        {
            **_LATENT,
            **_ROUTED,
            **_GROUPED,
            "head_dim": 8,
            "q_lora_rank": 16,
            "topk_method": "group_limited_greedy",
        },
        groups=2,
        keep=6,
    ),
    Case("deepseek_v3", "deepseek_v3", {**_LATENT, **_ROUTED, **_UNGROUPED, "q_lora_rank": 16}),
    Case(
        "deepseek_v3-grouped",
        "deepseek_v3",
        {**_LATENT, **_ROUTED, **_GROUPED, "q_lora_rank": 16},
        groups=2,
        keep=6,
    ),
    Case("glm4_moe", "glm4_moe", {**_ROUTED, **_UNGROUPED, "head_dim": 8}),
    Case("gpt_oss", "gpt_oss", _GPT_OSS),
    Case("gpt_oss-mxfp4", "gpt_oss", {**_GPT_OSS, "hidden_size": 64, "intermediate_size": 32}, form="mxfp4"),
    Case(
        "qwen3_vl_moe",
        "qwen3_vl_moe",
        {**_QWEN3_MOE, "rope_parameters": {**_ROPE, "mrope_interleaved": True}},
        vision={**_VISION, "deepstack_visual_indexes": [0]},
    ),
    Case("qwen3_5_moe", "qwen3_5_moe", _QWEN3_5, vision=_VISION, form="fused"),
    Case("qwen3_5_moe-unfused", "qwen3_5_moe", _QWEN3_5, vision=_VISION),
    Case("qwen3_5_moe-text", "qwen3_5_moe", _QWEN3_5, form="fused", model_type="qwen3_5_moe_text"),
    Case("qwen3_5_moe-text-unfused", "qwen3_5_moe", _QWEN3_5, model_type="qwen3_5_moe_text"),
)
BY_NAME = {case.name: case for case in CASES}


def build(case: Case, experts: int | None = None, seed: int = 0):
    """A random model in evaluation mode whose routers prefer some experts clearly."""
    text = {**_TEXT, **case.config}
    if experts is not None:
        text = {
            k: experts if k in ("num_experts", "num_local_experts", "n_routed_experts") else v
            for k, v in text.items()
        }
    if case.vision is None:
        config = transformers.AutoConfig.for_model(case.model_type or case.family, **text)
    else:
        config = transformers.AutoConfig.for_model(
            case.family, text_config=text, vision_config=case.vision, tie_word_embeddings=False, **_TOKENS
        )
    torch.manual_seed(seed)
    model = case.text_class.from_config(config)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.3)
            elif tensor.is_floating_point() and "inv_freq" not in name and "norm" not in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
    return model.eval()


def save(
    case: Case, folder: Path, *, dtype: str = "float32", shard: str | None = None, experts: int | None = None
) -> Path:
    """The model's folder as transformers writes it, in the case's form."""
    model = build(case, experts).to(getattr(torch, dtype))
    if not case.form:
        model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
        return folder
    with tempfile.TemporaryDirectory() as plain:
        model.save_pretrained(plain)
        tensors = load_file(f"{plain}/model.safetensors")
        config = json.loads(Path(plain, "config.json").read_text())
    changed = fuse(tensors) if case.form == "fused" else four_bits(tensors)
    if case.form == "mxfp4":
        config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
    folder.mkdir()
    save_torch_state_dict(changed, folder, max_shard_size=shard or "1GB", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


def fuse(tensors: dict) -> dict:
    """Qwen3.5's unfused experts as the published fused ones: gate over up, experts along axis 0."""
    result = {name: t for name, t in tensors.items() if ".mlp.experts." not in name}
    blocks = {name.split(".experts.")[0] for name in tensors if ".mlp.experts." in name}
    for block in blocks:
        own = [
            {p: tensors[f"{block}.experts.{e}.{p}_proj.weight"] for p in ("gate", "up", "down")}
            for e in range(sum(n.startswith(f"{block}.experts.") for n in tensors) // 3)
        ]
        result[f"{block}.experts.gate_up_proj"] = torch.stack([torch.cat([x["gate"], x["up"]]) for x in own])
        result[f"{block}.experts.down_proj"] = torch.stack([x["down"] for x in own])
    return result


def four_bits(tensors: dict) -> dict:
    """gpt-oss's experts as random 4-bit blocks of 32 numbers and their scales, shaped as published."""
    generator = torch.Generator().manual_seed(5)
    result = {}
    for name, tensor in tensors.items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            result[name] = tensor
            continue
        experts, inputs, outputs = tensor.shape
        shape = (experts, outputs, inputs // 32)
        for kind, size, low, high in (("blocks", (*shape, 16), 0, 256), ("scales", shape, 122, 126)):
            values = torch.randint(low, high, size, generator=generator, dtype=torch.uint8)
            result[f"{name}_{kind}"] = values
    return result


def random_kept(case: Case, layers, seed: int) -> dict[int, list[int]]:
    """Per layer a random set of experts; as many from each of the router's groups."""
    chance = random.Random(f"{case.name}/{seed}")
    size, share = EXPERTS // case.groups, case.keep // case.groups
    return {
        layer: sorted(
            e for g in range(case.groups) for e in chance.sample(range(g * size, (g + 1) * size), share)
        )
        for layer in layers
    }


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())
