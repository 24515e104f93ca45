"""Stage context-extend: a longer context by scaled rotary embeddings. Changes config.json, no weight.

Methods and their sources: ``yarn`` (Peng et al., "YaRN", 2023, arXiv:2309.00071), ``linear`` (Chen et al.,
"Position Interpolation", 2023, arXiv:2306.15595), ``dynamic-ntk`` (NTK-aware scaling that grows with the
sequence), ``longrope`` (Ding et al., 2024, arXiv:2402.13753). Written is what transformers reads: under
``rope_parameters`` where the checkpoint has that (transformers 5), else under ``rope_scaling``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forge.families.language import at, places, replaced
from forge.stages.base import Determinism, StageContext, StageResult
from forge.stages.carry import carry
from forge.stages.rules import as_number
from forge.tensors.model import open_model
from forge.tensors.sidefiles import write_config
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

ROPE_TYPES: Mapping[str, str] = {
    "yarn": "yarn",
    "linear": "linear",
    "dynamic-ntk": "dynamic",
    "longrope": "longrope",
}
"""The stage's word -> transformers' ``rope_type``."""

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "extend_context_rope": ("yarn", "linear", "dynamic-ntk"),
    "extend_context_mrope": ("yarn", "linear"),
    "extend_context_yarn_mla": ("yarn",),
    "extend_context_longrope": ("longrope",),
}
"""Method of the family -> the stage's words that it takes."""

_UNSCALED = frozenset({"default", "mrope"})
_KEPT = ("rope_theta", "partial_rotary_factor", "mrope_section", "mrope_interleaved")
_OF_THE_TYPE: Mapping[str, tuple[str, ...]] = {
    "yarn": ("beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"),
    "longrope": ("short_factor", "long_factor", "short_mscale", "long_mscale"),
}
"""Settings that stay where a checkpoint that is scaled already is scaled further."""

MAX_LENGTH = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scaling:
    """What is written at one place of the configuration, and what stood there."""

    key: str
    values: Mapping[str, JSON]
    length: int
    before: str
    original: int


def run(context: StageContext) -> StageResult:
    """Write the scaled rotary embedding into the configuration; the weights are carried along unchanged.

    Parameters of the stage: ``targetLength`` in tokens, ``method``; for ``longrope`` also ``longFactor`` and
    ``shortFactor``, one number for every second dimension of a head, and ``longMscale`` and ``shortMscale``
    where the family has them.

    Raises:
        DocumentError: the target is no longer than the model's own context; the model is scaled in another
            way already; the method is not one of the family's; factors are missing or malformed; the stage
            asks for training.
    """
    method = str(context.parameters["method"])
    _check_method(context, method)
    model = open_model(context.model)
    config: Mapping[str, Any] = model.config
    done: dict[str, JSON] = {}
    for place in places(context.adapter, config):
        part = at(config, place)
        scaling = _scaling(context, part, method)
        changes: dict[str, Any] = {scaling.key: dict(scaling.values)}
        if method != "dynamic-ntk":  # that one is measured against the unscaled length
            changes["max_position_embeddings"] = scaling.length
        config = replaced(config, place, changes)
        done["/" + "/".join((*place, scaling.key))] = {
            "before": scaling.before,
            "originalLength": scaling.original,
            **dict(scaling.values),
        }
    carry(context, model)
    write_config(context.out, config)
    return StageResult(
        record={"method": method, "targetLength": context.parameters["targetLength"], "rope": done},
        determinism=Determinism.BYTES,
        model=context.out,
    )


def _check_method(context: StageContext, method: str) -> None:
    allowed = ALLOWED.get(context.method, tuple(ROPE_TYPES))
    if method not in allowed:
        raise _refused(
            context, "method", f"{context.adapter.architecture} takes {' or '.join(allowed)}", method
        )
    if context.parameters.get("trainingSteps"):
        raise UsageError(
            f"stage {context.index}: trainingSteps: expected none in a stage that changes no weight; found "
            f"{context.parameters['trainingSteps']}",
            remedy="leave trainingSteps out, and add a train or lora stage after this one",
        )


def _scaling(context: StageContext, part: Mapping[str, Any], method: str) -> _Scaling:
    key = "rope_parameters" if isinstance(part.get("rope_parameters"), Mapping) else "rope_scaling"
    rope = part.get(key) or {}
    if not isinstance(rope, Mapping) or any(isinstance(v, Mapping) for v in rope.values()):
        raise _refused(context, "method", f"one rotary embedding for all layers in {key}", str(rope))
    before = rope.get("rope_type") or rope.get("type") or "default"
    kind = ROPE_TYPES[method]
    if before not in _UNSCALED and before != kind:
        raise _refused(context, "method", f"an unscaled model, or one scaled by {method}", str(before))
    original = _original(context, part, rope)
    target = int(context.parameters["targetLength"])
    own = _length(context, part.get("max_position_embeddings"))
    if not own < target <= MAX_LENGTH:
        raise _refused(context, "targetLength", f"more than the model's own {own} tokens", target)
    values: dict[str, JSON] = {name: rope[name] for name in _KEPT if rope.get(name) is not None}
    if before == kind:
        values |= {n: rope[n] for n in _OF_THE_TYPE.get(kind, ()) if rope.get(n) is not None}
    values |= {"rope_type": kind, "factor": target / original}
    if kind in ("yarn", "longrope"):
        values["original_max_position_embeddings"] = original
    if kind == "longrope":
        values |= _factors(context, part)
    if key == "rope_scaling":
        values["type"] = kind  # loaders before transformers 4.43 look there
    return _Scaling(key=key, values=values, length=target, before=str(before), original=original)


def _original(context: StageContext, part: Mapping[str, Any], rope: Mapping[str, Any]) -> int:
    """The length that the unscaled model was trained for."""
    for holder in (rope, part):
        if holder.get("original_max_position_embeddings") is not None:
            return _length(context, holder["original_max_position_embeddings"])
    own = _length(context, part.get("max_position_embeddings"))
    if rope.get("rope_type", rope.get("type")) == "linear":
        factor = as_number(rope.get("factor"))
        if factor is None or factor <= 0:
            raise _refused(
                context, "method", "the factor of the scaling that is there", str(rope.get("factor"))
            )
        return max(int(own / factor), 1)
    return own


def _length(context: StageContext, value: JSON) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_LENGTH:
        raise _refused(context, "targetLength", "max_position_embeddings of the model as a count", value)
    return value


def _factors(context: StageContext, part: Mapping[str, Any]) -> dict[str, JSON]:
    heads = part.get("num_attention_heads") or 1
    size = part.get("head_dim") or part.get("hidden_size", 0) // heads
    count = int(size * (part.get("partial_rotary_factor") or 1)) // 2
    found: dict[str, JSON] = {}
    for field, name in (("longFactor", "long_factor"), ("shortFactor", "short_factor")):
        value = context.parameters.get(field)
        numbers = [as_number(v) for v in value] if isinstance(value, list) else []
        if len(numbers) != count or any(n is None or n <= 0 for n in numbers):
            raise _refused(
                context, field, f"{count} numbers above 0, found by a search for this length", value
            )
        found[name] = [float(n) for n in numbers if n is not None]
    for field, name in (("longMscale", "long_mscale"), ("shortMscale", "short_mscale")):
        scale = as_number(context.parameters.get(field))
        if scale is not None:
            found[name] = float(scale)
    return found


def _refused(context: StageContext, field: str, expected: str, found: JSON) -> DocumentError:
    return DocumentError(
        f"stage {context.index}: {field}: expected {expected}; found {found!r:.120}",
        pointer=f"/stages/{context.index}/{field}",
    )
