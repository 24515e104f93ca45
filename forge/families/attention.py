"""Where families keep their attention heads in safetensors, for pruning heads.

A layout is data: tensor names as templates over layer ``{L}``, what is packed into the query projection, and
which layers have softmax heads at all.
"""

from dataclasses import dataclass


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
    """

    query: str
    key: str
    value: str
    output: str
    biases: tuple[str, ...] = ()
    query_gate: bool = False
    per_head: tuple[str, ...] = ()
    layers: str = "all"


def _under(prefix: str, **more: object) -> AttentionLayout:
    base = f"{prefix}layers.{{L}}.self_attn."
    return AttentionLayout(
        query=f"{base}q_proj.weight",
        key=f"{base}k_proj.weight",
        value=f"{base}v_proj.weight",
        output=f"{base}o_proj.weight",
        biases=tuple(f"{base}{p}_proj.bias" for p in "qkv"),
        **more,  # type: ignore[arg-type]
    )


PLAIN = _under("model.")
"""Language-only families."""

LANGUAGE_MODEL = _under("model.language_model.")
"""Vision-language families that keep the language model below ``model.language_model``."""

HYBRID = _under("model.language_model.", query_gate=True, layers="layer_types")
"""Qwen3.5: softmax heads in some layers alone, with gated queries."""

THINKER = _under("thinker.model.")
"""Omni families: the thinker's language model."""
