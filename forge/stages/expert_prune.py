"""Stage expert-prune: drops experts, renumbers those that stay, cuts routers to match, corrects the count.

Which experts stay comes from the first of these that there is:

1. on replay, the recorded ``selectionFile``;
2. importances: the file that ``importanceFile`` or ``metricSource`` names, else the one that the last
   ``expert-activation-profile`` stage before this one left for the stage's ``metric``;
3. ``selectionFile``;
4. a metric that needs no data: ``router_gate_l2_norm`` (of the router's rows), ``random`` (a lot by hashing
   the seed).

Of importances the highest stay; of equal ones the lower id. Where a router judges groups of experts, each
group keeps its own best, equally many. The result's bytes follow from the selection alone, on any machine.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forge.stages import expert_plan, selection
from forge.stages.base import Determinism, StageContext, StageResult
from forge.stages.expert_plan import Experts
from forge.stages.selection import Kept, Scores
from forge.tensors.durable import write_atomically
from forge.tensors.model import ModelFolder, copy_side_files, open_model, write_config
from forge.tensors.rewrite import rewrite
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.verdicts import JSON

SHARD_BYTES = 5 * 10**9
"""Limit of a written file. Fixed, so that the result does not depend on how the source was divided."""
LOT, GATE_NORM = "random", "router_gate_l2"
SAME_METRIC: Mapping[str, str] = {
    "router_gate_l2_norm": GATE_NORM,
    "router-gate-l2-norm": GATE_NORM,
    "calibration-aware-activation-count": "activation_count",
}
"""Other words for a metric; some name the strategy that uses it."""

_PROFILE = re.compile(r"stage-([0-9]{1,6})-[a-z0-9_]+\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A selection, its file's bytes, where that stands, and what it was made from."""

    kept: Kept
    data: bytes
    path: str
    origin: Mapping[str, JSON]


def run(context: StageContext) -> StageResult:
    """Remove experts.

    Parameters of the stage: ``keepExpertsPerLayer`` or ``keepExperts`` (one number, or a list of equal ones);
    what the module's text names; ``originalExpertsPerLayer`` and ``layout``, which have to be true if stated.

    Raises:
        DocumentError: checkpoint, selection or counts do not go together; the message names the culprit.
        EvidenceMissingError: nothing says which experts stay, or the named file is not there.
        EvidenceMismatchError: the recorded selection has another digest.
    """
    model = open_model(context.model)
    experts = expert_plan.survey(model, context.adapter)
    _check_stated(context, experts)
    keep = _keep(context, experts)
    choice = _choose(context, model, experts, keep)
    count = expert_plan.check(choice.kept, experts, pointer=f"/stages/{context.index}/selectionFile")
    if keep is not None and count != keep:
        raise _stated(context, "keepExpertsPerLayer", f"{count}, as the selection keeps", keep)
    plans = expert_plan.plans(model, experts, choice.kept)
    copy_side_files(context.model, context.out)
    write_config(context.out, expert_plan.new_config(model, context.adapter, experts.layout, count))
    rewrite(plans, context.out, max_shard_bytes=SHARD_BYTES, on_progress=context.on_progress)
    _write(context.artifact / choice.path, choice.data)
    return StageResult(
        model=context.out,
        record=_record(context, model, experts, choice, count),
        determinism=Determinism.BYTES,
        fields=_fields(context, experts, choice, count),
        files=(choice.path,),
    )


def _choose(context: StageContext, model: ModelFolder, experts: Experts, keep: int | None) -> _Choice:
    stated = context.parameters.get("selectionFile")
    recorded = stated if isinstance(stated, str) else None
    if context.replay and recorded:
        return _recorded(context, recorded)
    source = _importance(context)
    if source is not None and keep is not None:
        found = selection.read_importance(source)
        origin = {"importance": source.name, "metric": found.metric, "sha256": _sha256(source)}
        _check_metric(context, found.metric)
        return _derived(context, experts, found.layers, keep, origin)
    if recorded:
        return _recorded(context, recorded)
    scores = _data_free(context, model, experts)
    if scores is None or keep is None:
        raise EvidenceMissingError(
            f"stage {context.index}: expected a selection, or importances and"
            " keepExpertsPerLayer; found neither",
            remedy="name selectionFile or importanceFile, or put an expert-activation-profile stage before",
        )
    return _derived(context, experts, scores, keep, {"metric": _metric(context)})


def _recorded(context: StageContext, path: str) -> _Choice:
    file = context.find(path)
    kept = selection.read_selection(file)
    data = file.read_bytes()
    stated, found = context.parameters.get("selectionSha256"), hashlib.sha256(data).hexdigest()
    if isinstance(stated, str) and stated.removeprefix("sha256:") != found:
        raise EvidenceMismatchError(
            f"{path}: expected the selection with sha256 {stated}; found {found}",
            expected=stated,
            found=found,
            source=path,
            remedy="restore the recorded selection, or forge without replaying it",
        )
    return _Choice(kept=kept, data=data, path=path, origin={"selection": path})


def _derived(
    context: StageContext, experts: Experts, scores: Scores, keep: int, origin: Mapping[str, JSON]
) -> _Choice:
    for layer in experts.layers:
        values = scores.get(layer.layer)
        if values is None or len(values) != layer.count:
            raise DocumentError(
                f"importances: layer {layer.layer}: expected {layer.count} numbers, one per expert;"
                f" found {'none' if values is None else len(values)}",
                pointer=f"/layers/{layer.layer}",
            )
    if keep > experts.count or keep % experts.groups:
        raise _stated(
            context,
            "keepExpertsPerLayer",
            f"at most {experts.count} experts, divided evenly among {experts.groups} groups of the router",
            keep,
        )
    kept = selection.most_important(scores, {x.layer: keep for x in experts.layers}, groups=experts.groups)
    stated = context.parameters.get("selectionFile")
    path = stated if isinstance(stated, str) else f"selection/stage-{context.index}-experts.json"
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise _stated(context, "selectionFile", "a path inside of the artifact", path)
    return _Choice(kept=kept, data=selection.selection_bytes(kept), path=path, origin=origin)


def _importance(context: StageContext) -> Path | None:
    """The importance file that the stage names, or the one that a profile before it left."""
    named = context.parameters.get("importanceFile")
    if isinstance(named, str):
        return context.find(named)
    prose = context.parameters.get("metricSource")  # published alloys tell in words where the metric is from
    if isinstance(prose, str) and prose.endswith(".json"):
        path = context.find(prose)
        if selection.is_importance(path):
            return path
    found = [
        (int(match[1]), path)
        for path in sorted(context.artifact.glob("importance/*.json"))
        if (match := _PROFILE.fullmatch(path.name)) and int(match[1]) < context.index
    ]
    wanted = _metric(context)
    for _, path in sorted(found, reverse=True):
        if wanted in (None, _plain(selection.read_importance(path).metric)):
            return path
    return None


def _data_free(context: StageContext, model: ModelFolder, experts: Experts) -> Scores | None:
    metric = _metric(context)
    if metric == LOT:
        return selection.by_lot({x.layer: x.count for x in experts.layers}, context.seed)
    if metric == GATE_NORM:
        from forge.profile.norms import row_norms

        return {x.layer: row_norms(model.tensors[x.stacked[0]]) for x in experts.layers}
    return None


def _metric(context: StageContext) -> str | None:
    stated = context.parameters.get("metric") or context.parameters.get("strategy")
    return _plain(stated) if isinstance(stated, str) else None


def _plain(metric: str) -> str:
    return SAME_METRIC.get(metric, metric)


def _check_metric(context: StageContext, found: str) -> None:
    stated = context.parameters.get("metric")
    if isinstance(stated, str) and _plain(stated) != _plain(found):
        raise _stated(context, "metric", f"{found}, as the importances are", stated)


def _keep(context: StageContext, experts: Experts) -> int | None:
    """How many experts stay in each layer, if the stage says so."""
    for name in ("keepExpertsPerLayer", "keepExperts"):
        value = context.parameters.get(name)
        if value is None:
            continue
        counts = list(value) if isinstance(value, list | tuple) else [value]
        if any(not isinstance(c, int) or isinstance(c, bool) or c < 1 for c in counts):
            raise _stated(context, name, "positive integers", value)
        if isinstance(value, list | tuple) and len(counts) not in (len(experts.layers), experts.depth):
            raise _stated(context, name, f"one number, or one for each of {experts.depth} layers", value)
        if (
            len(counts) == experts.depth
        ):  # layers without experts have a place in the list, and nothing to keep
            counts = [counts[x.layer] for x in experts.layers] if len(counts) > 1 else counts
        if len(set(counts)) != 1:
            raise _stated(
                context,
                name,
                "as many experts in every layer, since config.json has one number for all",
                value,
            )
        if not experts.active <= counts[0] <= experts.count:
            raise _stated(
                context, name, f"{experts.active} (a token's) to {experts.count} (all) experts", value
            )
        return int(counts[0])
    return None


def _check_stated(context: StageContext, experts: Experts) -> None:
    original = context.parameters.get("originalExpertsPerLayer")
    if original is not None and original != experts.count:
        raise _stated(context, "originalExpertsPerLayer", f"{experts.count}, as the model has", original)
    layout = context.parameters.get("layout")
    if layout is not None and layout != experts.layout.name:
        raise _stated(context, "layout", f"{experts.layout.name}, as the tensors are named", layout)


def _stated(context: StageContext, name: str, expected: str, found: JSON) -> DocumentError:
    return DocumentError(
        f"stage {context.index}: {name}: expected {expected}; found {found!r:.120}",
        pointer=f"/stages/{context.index}/{name}",
    )


def _counts(experts: Experts, kept: Kept) -> dict[str, JSON]:
    """Tensors of experts that go, and of experts that stay (whether or not their number changes)."""
    cut = [x for x in (*experts.layers, *experts.beyond) if x.layer in kept]
    stay = {x.layer: set(kept[x.layer]) for x in cut}
    owned = [(e in stay[x.layer], len(names)) for x in cut for e, names in enumerate(x.experts)]
    return {
        "expertsDropped": sum(n for stays, n in owned if not stays),
        "expertsRenamed": sum(n for stays, n in owned if stays),
        "routerSlicedLayers": len(cut),
    }


def _fields(context: StageContext, experts: Experts, choice: _Choice, count: int) -> dict[str, JSON]:
    """What the executed alloy says of the stage.

    Its readers take the three counts for sums over all layers of the source, with the family's own number of
    tensors per expert. Where some layers have no experts, or the checkpoint keeps experts in another form,
    true counts would be read as wrong ones: they are left to the record, unless the recipe states them.
    """
    counts = _counts(experts, choice.kept)
    owned = {len(names) for x in experts.layers for names in x.experts} or {0}
    as_read = len(choice.kept) == experts.depth and owned == {context.adapter.tensors_per_expert}
    return {
        "layout": experts.layout.name,
        "keepExpertsPerLayer": count,
        "originalExpertsPerLayer": experts.count,
        "prunePct": round(100 * (experts.count - count) / experts.count, 4),
        **{k: n for k, n in counts.items() if as_read or context.parameters.get(k) is not None},
        "selectionFile": choice.path,
        "selectionSha256": hashlib.sha256(choice.data).hexdigest(),
    }


def _record(
    context: StageContext, model: ModelFolder, experts: Experts, choice: _Choice, count: int
) -> dict[str, JSON]:
    cut = [x for x in (*experts.layers, *experts.beyond) if x.layer in choice.kept]
    whole = [x.layer for x in experts.beyond if x.layer not in choice.kept]
    return {
        "layout": experts.layout.name,
        "selectedBy": dict(choice.origin),
        "selectionSha256": hashlib.sha256(choice.data).hexdigest(),
        "keptPerLayer": count,
        "originalPerLayer": experts.count,
        "expertsPerToken": experts.active,
        "routerGroups": experts.groups,
        "layers": [x.layer for x in cut],
        "layersWithoutExperts": experts.depth - len(experts.layers),
        "predictionLayersLeftWhole": whole,
        **_counts(experts, choice.kept),
        "tensorsSliced": sum(len(x.stacked) for x in cut),
        "sharedTensorsUntouched": sum(len(x.shared) for x in cut),
        "configKeys": {
            key: {"before": experts.count, "after": count}
            for key in expert_plan.config_keys(model, context.adapter, experts.layout)
        },
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(target: Path, data: bytes) -> None:
    if target.is_file() and target.read_bytes() == data:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, data)
