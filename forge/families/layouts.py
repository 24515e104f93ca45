"""Where mixture-of-experts families keep their routers and experts in safetensors.

A layout is data: tensor names as templates over layer ``{L}`` and expert ``{K}``, the axis that counts
experts, and what belongs to a layer's experts but must stay as it is (shared experts). Names are those on
disk, which are not always those in memory: transformers fuses the experts of most families when it loads them
and takes them apart when it saves.
"""

import functools
import re
from dataclasses import dataclass
from enum import Enum

from verifier.errors import RegistryError


class Part(Enum):
    """What a tensor of a layer's mixture of experts is."""

    ROUTER = "router"
    EXPERT = "expert"
    PER_EXPERT = "per expert"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands.

    Attributes:
        part: what it is.
        template: the template that its name follows, without a companion's suffix.
        layer: number of its layer.
        expert: number of its expert; None unless each expert has a tensor of its own.
        suffix: what a companion's name adds to the template; empty for the tensor itself.
    """

    part: Part
    template: str
    layer: int
    expert: int | None
    suffix: str


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
        companions: suffixes of tensors that lie beside an expert's own and go where it goes, such as the
            scales of a quantised weight. A checkpoint may lack them.
        count_keys: keys of the language model's configuration that state the number of experts; those that
            are present follow.
        active_keys: keys that state how many experts a token uses; pruning may not go below it.
        group_key: key that states into how many equal groups the router divides the experts; empty where
            routers know no groups. Every group has to keep equally many experts, at least
            ``group_minimum``.
        open_key: key that states how many groups a token may use.
        group_minimum: experts that the router looks at to judge a group.
        layers_key: key that states the number of layers. Layers beyond it predict further tokens and are no
            part of the model that a router profile sees.
        alternatives: other forms in which checkpoints of the same families exist.
        example_families: architectures whose published checkpoints look like this.
    """

    name: str
    router: str
    experts: tuple[str, ...]
    fused: bool = False
    shared: tuple[str, ...] = ()
    per_expert: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    count_keys: tuple[str, ...] = ("num_experts", "num_local_experts")
    active_keys: tuple[str, ...] = ("num_experts_per_tok",)
    group_key: str = ""
    open_key: str = ""
    group_minimum: int = 1
    layers_key: str = "num_hidden_layers"
    alternatives: tuple["ExpertLayout", ...] = ()
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

    def block(self, layer: int) -> str:
        """Prefix of the names of everything that belongs to the mixture of experts in ``layer``."""
        before, _, after = self.router.partition("{L}.")
        return f"{before}{layer}.{after.partition('.')[0]}."

    def place(self, name: str) -> Place | None:
        """Where the tensor ``name`` stands, or None if it is no part of a mixture of experts."""
        for part, template, pattern in _patterns(self):
            match = pattern.fullmatch(name)
            if match:
                found = match.groupdict()
                expert = found.get("K")
                return Place(
                    part=part,
                    template=template,
                    layer=int(found["L"]),
                    expert=None if expert is None else int(expert),
                    suffix=found["S"] or "",
                )
        return None


@functools.cache
def _patterns(layout: ExpertLayout) -> tuple[tuple[Part, str, re.Pattern[str]], ...]:
    beside = "|".join(re.escape(suffix) for suffix in layout.companions)
    parts = (
        (Part.ROUTER, (layout.router,), ""),
        (Part.EXPERT, layout.experts, beside),
        (Part.PER_EXPERT, layout.per_expert, ""),
        (Part.SHARED, layout.shared, beside),
    )
    return tuple((part, t, _pattern(t, suffix)) for part, templates, suffix in parts for t in templates)


def _pattern(template: str, suffix: str) -> re.Pattern[str]:
    number = r"0|[1-9][0-9]{0,5}"  # written as a writer writes it: "01" names no layer
    text = re.escape(template)
    for key in ("L", "K"):
        text = text.replace(re.escape(f"{{{key}}}"), f"(?P<{key}>{number})")
    return re.compile(f"{text}(?P<S>{suffix or '(?!)'})?")


_GATED = ("gate_proj", "up_proj", "down_proj")
_BLOCK_FP8 = ("_scale_inv",)
"""Published FP8 checkpoints have ``weight_scale_inv`` beside ``weight``: a scale per 128 x 128 block."""


def _gated(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{p}.weight" for p in _GATED)


UNFUSED = ExpertLayout(
    name="unfused-experts",
    router="model.layers.{L}.mlp.gate.weight",
    experts=_gated("model.layers.{L}.mlp.experts.{K}"),
    companions=_BLOCK_FP8,
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
    experts=_gated("model.layers.{L}.mlp.experts.{K}"),
    shared=_gated("model.layers.{L}.mlp.shared_experts"),
    per_expert=("model.layers.{L}.mlp.gate.e_score_correction_bias",),
    companions=_BLOCK_FP8,
    count_keys=("n_routed_experts", "num_experts", "num_local_experts"),
    group_key="n_group",
    open_key="topk_group",
    group_minimum=2,  # V3 and GLM judge a group by its two best experts
    example_families=("deepseek_v2", "deepseek_v3", "glm4_moe"),
)


def _qwen3_5(name: str, prefix: str, *others: ExpertLayout, fused: bool) -> ExpertLayout:
    block = f"{prefix}layers.{{L}}.mlp"
    stacked = (f"{block}.experts.gate_up_proj", f"{block}.experts.down_proj")
    return ExpertLayout(
        name=name,
        router=f"{block}.gate.weight",
        experts=stacked if fused else _gated(f"{block}.experts.{{K}}"),
        fused=fused,
        shared=(*_gated(f"{block}.shared_expert"), f"{block}.shared_expert_gate.weight"),
        companions=() if fused else _BLOCK_FP8,
        alternatives=others,
        example_families=("qwen3_5_moe",),
    )


# Published in BF16 with fused experts, in FP8 with one tensor each. transformers saves the form it loaded,
# a new model unfused, and the language model alone without the middle of its prefix.
QWEN3_5_UNFUSED = _qwen3_5("qwen3_5-unfused-shared", "model.language_model.", fused=False)
QWEN3_5_TEXT_FUSED = _qwen3_5("qwen3_5-text-fused-shared", "model.", fused=True)
QWEN3_5_TEXT_UNFUSED = _qwen3_5("qwen3_5-text-unfused-shared", "model.", fused=False)
QWEN3_5_FUSED = _qwen3_5(
    "qwen3_5-fused-shared",
    "model.language_model.",
    QWEN3_5_UNFUSED,
    QWEN3_5_TEXT_FUSED,
    QWEN3_5_TEXT_UNFUSED,
    fused=True,
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
_GPT_OSS = "model.layers.{L}.mlp"
_GPT_OSS_BIASES = (
    f"{_GPT_OSS}.router.bias",
    f"{_GPT_OSS}.experts.gate_up_proj_bias",
    f"{_GPT_OSS}.experts.down_proj_bias",
)
_GPT_OSS_ACTIVE = ("num_experts_per_tok", "experts_per_token")
GPT_OSS_MXFP4 = ExpertLayout(
    name="gpt_oss-mxfp4-bias",  # as published: blocks [experts, rows, groups, 16] and their scales
    router=f"{_GPT_OSS}.router.weight",
    experts=tuple(
        f"{_GPT_OSS}.experts.{p}_{kind}"
        for p in ("gate_up_proj", "down_proj")
        for kind in ("blocks", "scales")
    ),
    fused=True,
    per_expert=_GPT_OSS_BIASES,
    active_keys=_GPT_OSS_ACTIVE,
    example_families=("gpt_oss",),
)
GPT_OSS_FUSED = ExpertLayout(
    name="gpt_oss-fused-bias",
    router=f"{_GPT_OSS}.router.weight",
    experts=(f"{_GPT_OSS}.experts.gate_up_proj", f"{_GPT_OSS}.experts.down_proj"),
    fused=True,
    per_expert=_GPT_OSS_BIASES,
    active_keys=_GPT_OSS_ACTIVE,
    alternatives=(GPT_OSS_MXFP4,),
    example_families=("gpt_oss",),
)

_LAYOUTS = {
    layout.name: layout
    for layout in (
        UNFUSED,
        BLOCK_SPARSE,
        GRANITE_FUSED,
        DEEPSEEK_ROUTED_SHARED,
        QWEN3_5_FUSED,
        QWEN3_5_UNFUSED,
        QWEN3_5_TEXT_FUSED,
        QWEN3_5_TEXT_UNFUSED,
        QWEN3_VL_FUSED,
        GPT_OSS_FUSED,
        GPT_OSS_MXFP4,
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
