"""The closed word lists that stage parameters are drawn from."""

PRUNE_STRATEGIES = ("activation-magnitude", "entropy", "gradient", "magnitude", "random")
DEFRAG_MODES = ("pad", "slice")
EXPERT_STRATEGIES = (
    "calibration-aware-activation-count",
    "router-gate-l2-norm",
    "router-weighted-expert-activation",
    "random",
)
EXPERT_METRICS = ("activation_count", "router_gate_l2", "router_gate_l2_norm", "reap", "random")
METRIC_VERSIONS = (
    "v1.activation_count",
    "v1.embedding_activation_count",
    "v1.router_gate_l2",
    "v1.reap",
)
DATA_FREE_METRIC_VERSIONS = ("v1.router_gate_l2",)
LOSS_TYPES = ("cross_entropy", "kl_logits", "mse_hidden")
CONTEXT_METHODS = ("yarn", "linear", "dynamic-ntk", "longrope")
MODALITIES = ("vision", "audio")
INPUT_MODALITIES = ("text", "vision", "audio", "video")
PROJECTIONS = ("linear", "mlp", "resampler")
PRECISIONS = ("bf16", "fp16", "fp32")
SCHEDULERS = ("constant", "constant_with_warmup", "cosine", "linear", "polynomial")
PACKAGE_FORMATS = ("gguf", "safetensors", "safetensors-defragged", "safetensors-sharded")
QUANT_FORMATS = ("awq", "bnb", "gguf", "gptq", "mlx")

# llama.cpp's quantisation types, as its quantiser names them.
GGUF_TYPES = (
    *("F32", "F16", "BF16"),
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
    *("Q2_K", "Q2_K_S", "Q3_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K", "Q4_K_S", "Q4_K_M"),
    *("Q5_K", "Q5_K_S", "Q5_K_M", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"),
    *("IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M", "IQ4_NL", "IQ4_XS"),
    *("TQ1_0", "TQ2_0", "MXFP4_MOE"),
)
QUANT_TYPES = {
    "gguf": GGUF_TYPES,
    "mlx": ("2bit", "3bit", "4bit", "5bit", "6bit", "8bit"),
    "bnb": ("fp4", "nf4", "int8", "4bit", "8bit"),
    "gptq": ("2bit", "3bit", "4bit", "8bit"),
    "awq": ("4bit",),
}
