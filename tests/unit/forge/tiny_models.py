"""Tiny random models of each family, and a tokenizer that knows a few words; made by transformers."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
transformers = pytest.importorskip("transformers", reason="needs the extra [forge]")

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "tree",
    "house",
    "runs",
    "sleeps",
    "eats",
    "sees",
    "big",
    "small",
    "red",
    "green",
    "and",
    "or",
    "in",
    "on",
    "under",
    "over",
]
VOCABULARY = 64
EXPERTS = 8

_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "moe_intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 256,
    "num_experts_per_tok": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
_LATENT = {
    "n_routed_experts": EXPERTS,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
    "n_shared_experts": 1,
}
_LINEAR = {
    "num_hidden_layers": 4,
    "shared_expert_intermediate_size": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
_VISION = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": 32,
    "patch_size": 4,
    "deepstack_visual_indexes": [0],
}
_LOCAL = {"num_local_experts": EXPERTS}
TEXT = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "qwen3_moe": {"num_experts": EXPERTS},
    "olmoe": {"num_experts": EXPERTS},
    "mixtral": _LOCAL,
    "phimoe": _LOCAL,
    "granitemoe": _LOCAL,
    "deepseek_v2": {**_LATENT, "q_lora_rank": None, "topk_method": "group_limited_greedy"},
    "deepseek_v3": {**_LATENT, "q_lora_rank": 16},
    "gpt_oss": {**_LOCAL, "layer_types": ["sliding_attention", "full_attention"]},
    "glm4_moe": {**_LATENT, "n_group": 1, "num_key_value_heads": 2},
}
VISION = {
    "qwen3_vl_moe": ("Qwen3VLMoeForConditionalGeneration", {"num_experts": EXPERTS}),
    "qwen3_5_moe": ("Qwen3_5MoeForConditionalGeneration", {"num_experts": EXPERTS, **_LINEAR}),
    "qwen3_vl": ("Qwen3VLForConditionalGeneration", {}),
    "qwen3_5": ("Qwen3_5ForConditionalGeneration", _LINEAR),
}
MOE = (*(a for a in TEXT if a not in ("llama", "qwen2", "qwen3")), "qwen3_vl_moe", "qwen3_5_moe")


def build(architecture: str, seed: int = 0, **more):
    """A random model; its weights are large enough that routers and losses are not flat."""
    torch.manual_seed(seed)
    if architecture in VISION:
        name, extra = VISION[architecture]
        config = transformers.CONFIG_MAPPING[architecture](
            text_config={**_SMALL, **extra, **more},
            vision_config=_VISION,
            image_token_id=60,
            video_token_id=61,
            vision_start_token_id=62,
            vision_end_token_id=63,
            tie_word_embeddings=False,
        )
        model = getattr(transformers, name)(config)
    else:
        config = transformers.CONFIG_MAPPING[architecture](**{**_SMALL, **TEXT[architecture], **more})
        model = transformers.MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    with torch.no_grad():
        for name, p in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("e_score_correction_bias"):
                p.uniform_(-0.2, 0.2)
            elif p.dim() > 1:
                p.normal_(0, 0.2)
            elif "router" in name:
                p.normal_(0, 0.5)
    return model.eval()


def save(folder: Path, architecture: str, *, dtype=None, shard: str | None = None, **more) -> Path:
    """A model folder with weights and tokenizer."""
    model = build(architecture, **more)
    if dtype is not None:
        model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    tokenizer().save_pretrained(folder)
    return folder


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {w: i for i, w in enumerate(("<pad>", "<s>", "</s>", "<unk>", *WORDS))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def texts(count: int, seed: int = 0, longest: int = 20) -> list[str]:
    import random

    r = random.Random(seed)
    return [" ".join(r.choice(WORDS) for _ in range(r.randint(3, longest))) for _ in range(count)]


def corpus(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in lines))
    return path
