"""Where families keep their attention heads in safetensors, for pruning heads.

A layout is data: tensor names as templates over layer ``{L}``, what is packed into the query projection, and
which layers have softmax heads at all. One family may be stored under several names, because loaders renamed
modules over the years; a layout lists the other places, and which one a checkpoint uses is decided by the
names that are in its files (``forge.stages.heads.located``).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionLayout:
    """Names of the projections that head pruning touches.

    Attributes:
        query, key, value: templates of weights whose axis 0 is heads times head size.
        output: template of the weight whose axis 1 is query heads times head size.
        biases: templates of bias vectors that follow the axis 0 of query, key or value, in that order;
            empty where the family has none. A checkpoint may lack them.
        query_gate: the query projection holds, for each head, its query rows and then as many gate rows.
        per_head: templates of vectors with one entry per query head (attention sinks).
        layers: name of the rule that says which layers have softmax heads: ``all``, or ``layer_types``
            (those that the configuration calls ``full_attention``).
        modules: template of the attention module's name in the model that ``forge.loading`` loads.
        fixed_head_size: loaders take hidden size over number of heads for the head size, whatever the
            configuration says, so heads cannot be cut out of a model, only blanked.
        divides_hidden: loaders refuse a number of heads that does not divide the hidden size, even where
            the configuration states the head size.
        same_counts: prefixes of tensors of further layers that are built from the same numbers of heads
            (a draft head); where a checkpoint has any, heads cannot be cut out either.
        others: further places where checkpoints of the same family keep the same projections.
    """

    query: str
    key: str
    value: str
    output: str
    biases: tuple[str, ...] = ()
    query_gate: bool = False
    per_head: tuple[str, ...] = ()
    layers: str = "all"
    modules: str = "model.layers.{L}.self_attn"
    fixed_head_size: bool = False
    divides_hidden: bool = False
    same_counts: tuple[str, ...] = ()
    others: tuple["AttentionLayout", ...] = ()


def _under(prefix: str, *, modules: str | None = None) -> AttentionLayout:
    base = f"{prefix}layers.{{L}}.self_attn"
    return AttentionLayout(
        query=f"{base}.q_proj.weight",
        key=f"{base}.k_proj.weight",
        value=f"{base}.v_proj.weight",
        output=f"{base}.o_proj.weight",
        biases=tuple(f"{base}.{p}_proj.bias" for p in "qkv"),
        modules=modules or base,
    )


PLAIN = _under("model.")
"""Language-only families."""

LLAMA = replace(PLAIN, divides_hidden=True)
"""Llama: as the plain one, with a check in its loader's configuration class."""

LANGUAGE_MODEL = _under("model.language_model.")
"""Vision-language families that keep the language model below ``model.language_model``."""

_HYBRID_TEXT = replace(PLAIN, query_gate=True, layers="layer_types", same_counts=("mtp.",))
HYBRID = replace(
    LANGUAGE_MODEL, query_gate=True, layers="layer_types", same_counts=("mtp.",), others=(_HYBRID_TEXT,)
)
"""Qwen3.5: softmax heads in some layers alone, with gated queries; text-only checkpoints drop a prefix."""

_VL_MODULES = LANGUAGE_MODEL.modules
QWEN2_5_VL = replace(
    _under("model.", modules=_VL_MODULES),
    fixed_head_size=True,
    others=(replace(LANGUAGE_MODEL, fixed_head_size=True),),
)
"""Qwen2.5-VL: published files, and what transformers 5 writes, have ``model.layers``; some releases between
wrote the names that modules have in memory."""

THINKER = replace(
    _under("thinker.model.", modules=_VL_MODULES), others=(_under("model.", modules=_VL_MODULES),)
)
"""Omni families: the thinker's language model, within the whole model or saved by itself. Only the thinker
can be called with tokens, so it is what gets loaded."""
