"""Where mixture-of-experts families keep their routers and experts in safetensors.

A layout is data: tensor names as templates over layer ``{L}`` and expert ``{K}``, the axis that counts
experts, and what belongs to a layer's experts but must stay as it is (shared experts).
"""

from dataclasses import dataclass

from verifier.errors import RegistryError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertLayout:
    """Names and axes of the tensors that expert pruning touches.

    Attributes:
        name: the exact name that an alloy's ``layout`` field may use.
        router: template of the router's weight; its axis 0 counts experts.
        experts: templates of the expert tensors; they contain ``{K}`` unless ``fused``.
        fused: all experts of a layer lie in one tensor, stacked along axis 0.
        shared: templates of always-active experts, which no pruning may touch.
        per_expert: templates of further tensors whose axis 0 counts experts: a router's bias, a score
            correction, biases of fused experts. A checkpoint may lack them.
        count_keys: keys of the language model's configuration that state the number of experts; those that
            are present follow.
        active_keys: keys that state how many experts a token uses; pruning may not go below it.
        example_families: architectures whose published checkpoints look like this.
    """

    name: str
    router: str
    experts: tuple[str, ...]
    fused: bool = False
    shared: tuple[str, ...] = ()
    per_expert: tuple[str, ...] = ()
    count_keys: tuple[str, ...] = ("num_experts",)
    active_keys: tuple[str, ...] = ("num_experts_per_tok",)
    example_families: tuple[str, ...] = ()

    @property
    def tensors_per_expert(self) -> int:
        """Tensors that one expert owns in one layer; 0 where experts share fused tensors."""
        return 0 if self.fused else len(self.experts)

    def router_name(self, layer: int) -> str:
        """Name of the router's weight in ``layer``."""
        return self.router.format(L=layer)

    def expert_names(self, layer: int, expert: int) -> tuple[str, ...]:
        """Names of the tensors that hold ``expert`` in ``layer``, in template order."""
        return tuple(t.format(L=layer, K=expert) for t in self.experts)


_GATED = ("gate_proj", "up_proj", "down_proj")

UNFUSED = ExpertLayout(
    name="unfused-experts",
    router="model.layers.{L}.mlp.gate.weight",
    experts=tuple(f"model.layers.{{L}}.mlp.experts.{{K}}.{p}.weight" for p in _GATED),
    example_families=("qwen3_moe", "olmoe"),
)
BLOCK_SPARSE = ExpertLayout(
    name="block-sparse-experts",
    router="model.layers.{L}.block_sparse_moe.gate.weight",
    experts=tuple(
        f"model.layers.{{L}}.block_sparse_moe.experts.{{K}}.{w}.weight" for w in ("w1", "w2", "w3")
    ),
    example_families=("mixtral", "phimoe"),
)
GRANITE_FUSED = ExpertLayout(
    name="granite-fused",
    router="model.layers.{L}.block_sparse_moe.router.layer.weight",
    experts=(
        "model.layers.{L}.block_sparse_moe.input_linear.weight",
        "model.layers.{L}.block_sparse_moe.output_linear.weight",
    ),
    fused=True,
    example_families=("granitemoe",),
)
DEEPSEEK_ROUTED_SHARED = ExpertLayout(
    name="deepseek-routed-shared",
    router="model.layers.{L}.mlp.gate.weight",
    experts=tuple(f"model.layers.{{L}}.mlp.experts.{{K}}.{p}.weight" for p in _GATED),
    shared=tuple(f"model.layers.{{L}}.mlp.shared_experts.{p}.weight" for p in _GATED),
    example_families=("deepseek_v2",),
)
QWEN3_5_FUSED = ExpertLayout(
    name="qwen3_5-fused-shared",
    router="model.language_model.layers.{L}.mlp.gate.weight",
    experts=(
        "model.language_model.layers.{L}.mlp.experts.gate_up_proj",
        "model.language_model.layers.{L}.mlp.experts.down_proj",
    ),
    fused=True,
    shared=(
        *(f"model.language_model.layers.{{L}}.mlp.shared_expert.{p}.weight" for p in _GATED),
        "model.language_model.layers.{L}.mlp.shared_expert_gate.weight",
    ),
    example_families=("qwen3_5_moe",),
)
QWEN3_VL_FUSED = ExpertLayout(
    name="qwen3_vl-fused",
    router="model.language_model.layers.{L}.mlp.gate.weight",
    experts=(
        "model.language_model.layers.{L}.mlp.experts.gate_up_proj",
        "model.language_model.layers.{L}.mlp.experts.down_proj",
    ),
    fused=True,
    example_families=("qwen3_vl_moe",),
)

_LAYOUTS = {
    layout.name: layout
    for layout in (
        UNFUSED,
        BLOCK_SPARSE,
        GRANITE_FUSED,
        DEEPSEEK_ROUTED_SHARED,
        QWEN3_5_FUSED,
        QWEN3_VL_FUSED,
    )
}


def names() -> tuple[str, ...]:
    """All layout names, sorted."""
    return tuple(sorted(_LAYOUTS))


def get(name: str) -> ExpertLayout:
    """The layout registered under exactly ``name``.

    Raises:
        RegistryError: no such layout.
    """
    try:
        return _LAYOUTS[name]
    except KeyError:
        raise RegistryError(
            f"expert layout: expected one of {', '.join(names())}; found {name!r}",
            remedy="use a known layout name, or add the layout to forge/families/layouts.py",
        ) from None
