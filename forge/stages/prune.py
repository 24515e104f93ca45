"""Stage prune: takes attention heads out, whole key-value groups at a time.

Modes: ``mask`` records the selection and leaves the weights as they are; ``pad`` sets the rows and columns of
removed heads to zero, so that shapes and configuration stay and every loader takes the result; ``slice`` cuts
them out, which every layer has to do alike, since one configuration speaks for all of them.

Which heads: from a recorded selection, or the least important by ``strategy``
(``forge.stages.head_importance``, ``forge.stages.head_activity``) under the limits of
``forge.stages.head_choice``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forge.families.language import places, replaced
from forge.stages.base import StageContext, StageResult
from forge.stages.head_selection import Selected, select
from forge.stages.heads import Heads, plans, survey
from forge.tensors.model import ModelFolder, open_model
from forge.tensors.plan import WrittenFile
from forge.tensors.rewrite import rewrite
from forge.tensors.sidefiles import copy_side_files, write_config
from verifier.errors import UsageError
from verifier.verdicts import JSON

Written = tuple[WrittenFile, ...]


def mask(context: StageContext) -> StageResult:
    """Record which heads count as dead; no weight changes.

    Raises:
        AlloyError: as :func:`pad`.
    """
    model = open_model(context.model)
    heads = survey(context.adapter, model)
    chosen = select(context, heads, model, even=False)
    return _result(context, heads, model, chosen, mode="mask")


def pad(context: StageContext) -> StageResult:
    """Set removed heads to zero in place.

    Parameters of the stage: ``strategy``, ``level``, ``minHeadsPerLayer`` and ``minKvHeadsPerLayer`` (1),
    ``perLayerNormalized`` (false); ``selectionFile`` with ``selectionSha256``: replayed if it is there;
    for strategies that look at activations ``calibrationCorpusFile``, ``calibrationCorpusSha256``,
    ``analysisSteps`` or ``calibrationExamples`` (use so many texts), ``textField``, ``sequenceLength``.

    Raises:
        UsageError: heads of this model cannot be removed, or not so many.
        DocumentError: the checkpoint contradicts itself, or the selection is none for it.
        EvidenceMissingError: corpus, selection, package or tokenizer is missing.
        EvidenceMismatchError: corpus or selection is another one than stated.
    """
    model = open_model(context.model)
    heads = survey(context.adapter, model)
    chosen = select(context, heads, model, even=False)
    written: Written = ()
    if any(chosen.removed.values()):
        written = _write(context, heads, model, chosen.removed, cut=False)
    return _result(context, heads, model, chosen, mode="pad", written=written)


def cut(context: StageContext) -> StageResult:
    """Cut removed heads out; the configuration's numbers of heads follow, and the head size becomes explicit.

    Raises:
        UsageError: loaders of this family cannot read fewer heads, other layers share the numbers, or layers
            would differ; otherwise as :func:`pad`.
    """
    model = open_model(context.model)
    heads = survey(context.adapter, model)
    _check_cuttable(context, heads, model)
    chosen = select(context, heads, model, even=True)
    numbers = {len(groups) for groups in chosen.removed.values()}
    if len(numbers) > 1:
        raise UsageError(
            f"stage {context.index}: slice: expected a selection that takes the same number of groups from "
            f"every layer; found {sorted(numbers)}",
            remedy="use defragMode pad, which keeps every shape",
        )
    gone = numbers.pop() if numbers else 0
    _check_divides(context, heads, gone)
    written: Written = ()
    if gone:
        written = _write(context, heads, model, chosen.removed, cut=True)
        write_config(context.out, _fewer_heads(context, heads, model.config, gone))
    return _result(context, heads, model, chosen, mode="slice", written=written)


def compact(context: StageContext) -> StageResult:
    """Refuse: what a compact stage describes cannot be carried out from what it says.

    Its thresholds divide heads by a utilisation that the format does not define, and its bands give heads of
    one tensor different number formats, which no stock loader reads.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        f"stage {context.index}: compact: expected a measure for the thresholds and a number format for each "
        "band; found a format that defines neither",
        remedy="state the same intent as a prune stage (strategy, level, defragMode) and a quant stage",
    )


def _check_cuttable(context: StageContext, heads: Heads, model: ModelFolder) -> None:
    reason = None
    if heads.layout.fixed_head_size:
        reason = "loaders of this family take hidden size over heads for the head size"
    sharing = sorted(n for n in model.tensors if n.startswith(heads.layout.same_counts))
    if sharing:
        reason = f"{sharing[0]} is built from the same numbers of heads and keeps its own"
    if reason:
        raise UsageError(
            f"stage {context.index}: slice: expected a model whose number of heads can change; "
            f"found {context.adapter.architecture}, where {reason}",
            remedy="use defragMode pad, which keeps every shape",
        )


def _check_divides(context: StageContext, heads: Heads, gone: int) -> None:
    left = (heads.groups - gone) * heads.span
    # In a replay bytes alone are compared, and what once was written has to come out again.
    if gone and not context.replay and heads.layout.divides_hidden and heads.hidden % left:
        raise UsageError(
            f"stage {context.index}: slice: expected a number of heads that divides the hidden size "
            f"({heads.hidden}), since loaders of {context.adapter.architecture} refuse others; found {left}",
            remedy="choose another level, or use defragMode pad, which keeps every shape",
        )


def _write(
    context: StageContext,
    heads: Heads,
    model: ModelFolder,
    removed: Mapping[int, Sequence[int]],
    *,
    cut: bool,
) -> Written:
    written = rewrite(
        plans(heads, model, removed, cut=cut),
        context.out,
        shards=len(model.files),
        metadata=model.metadata or None,
        on_progress=context.on_progress,
    )
    copy_side_files(context.model, context.out)
    return written


def _fewer_heads(
    context: StageContext, heads: Heads, config: Mapping[str, Any], gone: int
) -> Mapping[str, Any]:
    groups = heads.groups - gone
    changes = {
        "num_attention_heads": groups * heads.span,
        "num_key_value_heads": groups,
        # loaders that are told none divide the hidden size by what is now another number of heads
        "head_dim": heads.size,
    }
    for place in places(context.adapter, config):
        config = replaced(config, place, changes)
    return config


def _result(
    context: StageContext,
    heads: Heads,
    model: ModelFolder,
    chosen: Selected,
    *,
    mode: str,
    written: Written = (),
) -> StageResult:
    counts = {str(layer): len(groups) for layer, groups in chosen.removed.items() if groups}
    record: dict[str, JSON] = {
        "mode": mode,
        "unit": "kv-group",
        "queryNames": heads.layout.query,
        "configAt": ["/" + "/".join(p) for p in places(context.adapter, model.config)],
        "softmaxLayers": len(heads.layers),
        "headsPerLayer": heads.heads,
        "kvHeadsPerLayer": heads.groups,
        "headSize": heads.size,
        "removedGroups": sum(counts.values()),
        "removedHeads": sum(counts.values()) * heads.span,
        "removedGroupsPerLayer": counts,
        "weightsChanged": bool(written),
        **chosen.how,
    }
    return StageResult(
        record=record,
        determinism=chosen.determinism,
        model=context.out if written else None,
        written=written,
        fields=chosen.fields,
        files=chosen.files,
    )
