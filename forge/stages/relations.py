"""Checks over several fields of a stage and its source. Each yields the conflicts that it sees.

They run only when every field is fine by itself, so types need not be checked again; the source's
fields may still be anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from forge.families import layouts
from forge.stages import vocabulary
from forge.stages.rules import as_number
from verifier.verdicts import JSON

Stage = Mapping[str, JSON]
COMPACT_ORDER = ("dead", "dormant", "low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Fields that do not go together: where (path below the stage), what was expected, what was found."""

    path: str
    expected: str
    found: JSON


def known_layout(value: JSON) -> str | None:
    """The name of a registered expert layout."""
    known = layouts.names()
    return None if isinstance(value, str) and value in known else f"one of {', '.join(known)}"


def kv_heads_within_heads(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A layer has no more key-value heads than heads."""
    heads, kv = stage.get("minHeadsPerLayer"), stage.get("minKvHeadsPerLayer")
    if heads is not None and kv is not None and kv > heads:
        yield Conflict(path="minKvHeadsPerLayer", expected=f"at most minHeadsPerLayer ({heads})", found=kv)


def adapter_fields_together(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A scale (alpha) means nothing without the rank that divides it."""
    for rank, alpha in (("rank", "alpha"), ("loraRank", "loraAlpha")):
        if stage.get(alpha) is not None and stage.get(rank) is None:
            yield Conflict(path=rank, expected=f"a rank beside {alpha}", found=None)


def distillation_fields_together(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A teacher needs a loss; a loss on logits needs a teacher and a temperature."""
    loss, teacher = stage.get("lossType"), stage.get("teacher")
    if teacher is not None and loss is None:
        yield Conflict(path="lossType", expected="a loss beside teacher", found=None)
    if loss in ("kl_logits", "mse_hidden") and teacher is None:
        yield Conflict(path="teacher", expected=f"a teacher for lossType {loss}", found=None)
    if loss == "kl_logits" and stage.get("kdTemperature") is None:
        yield Conflict(path="kdTemperature", expected="a temperature for lossType kl_logits", found=None)


def thresholds_ascend(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """dead <= dormant <= low <= medium <= high."""
    given = [f"{n}Threshold" for n in COMPACT_ORDER if stage.get(f"{n}Threshold") is not None]
    for lower, upper in pairwise(given):
        if stage[lower] > stage[upper]:
            yield Conflict(path=upper, expected=f"at least {lower} ({stage[lower]})", found=stage[upper])


def source_has_experts(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A source that calls itself dense has no experts to count or to remove."""
    if source.get("isMoE") is False:
        yield Conflict(path="type", expected="a source with isMoE true", found="isMoE false")


def corpus_is_named(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A profile over data says over which; one that looks at the router's weights alone has none."""
    if stage["metricVersion"] in vocabulary.DATA_FREE_METRIC_VERSIONS:
        return
    if stage.get("calibrationCorpus") is None:
        yield Conflict(
            path="calibrationCorpus", expected="the corpus over which this metric is measured", found=None
        )


def keep_within_original(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """keep <= original, no fewer stay than each token is routed to, and a list has one count a layer."""
    keep, original = stage["keepExpertsPerLayer"], stage["originalExpertsPerLayer"]
    counts = list(keep) if isinstance(keep, list | tuple) else [keep]
    if max(counts) > original:
        yield Conflict(
            path="keepExpertsPerLayer", expected=f"at most originalExpertsPerLayer ({original})", found=keep
        )
    active = as_number(source.get("numActivatedExperts"))
    if active is not None and min(counts) < active:
        yield Conflict(
            path="keepExpertsPerLayer", expected=f"at least source.numActivatedExperts ({active})", found=keep
        )
    layers = as_number(source.get("numLayers"))
    if isinstance(keep, list | tuple) and layers is not None and len(keep) != layers:
        yield Conflict(
            path="keepExpertsPerLayer",
            expected=f"one count for each of source.numLayers ({layers}) layers",
            found=keep,
        )


def original_is_the_source(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """originalExpertsPerLayer is what the source says of itself."""
    stated = as_number(source.get("numExpertsPerLayer"))
    original = stage["originalExpertsPerLayer"]
    if stated is not None and original != stated:
        yield Conflict(
            path="originalExpertsPerLayer",
            expected=f"source.numExpertsPerLayer ({stated})",
            found=original,
        )


def routers_within_layers(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """No more routers are cut than there are layers."""
    layers, sliced = as_number(source.get("numLayers")), stage.get("routerSlicedLayers")
    if layers is not None and sliced is not None and sliced > layers:
        yield Conflict(
            path="routerSlicedLayers", expected=f"at most source.numLayers ({layers})", found=sliced
        )


def target_beyond_source(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """An extension ends up longer than the source's own context."""
    length = as_number(source.get("contextLength"))
    if length is not None and stage["targetLength"] <= length:
        yield Conflict(
            path="targetLength",
            expected=f"more than source.contextLength ({length})",
            found=stage["targetLength"],
        )


def quant_types_of_the_format(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """Every quantisation type exists in the format, and none is listed twice."""
    known = vocabulary.QUANT_TYPES[stage["format"]]
    seen: set[str] = set()
    for i, name in enumerate(stage.get("quantTypes") or ()):
        if name not in known:
            yield Conflict(
                path=f"quantTypes/{i}", expected=f"a {stage['format']} type: {', '.join(known)}", found=name
            )
        elif name in seen:
            yield Conflict(path=f"quantTypes/{i}", expected="each type once", found=name)
        seen.add(name)


def tiers_are_quantised(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A size tier describes a type that the stage makes."""
    tiers, made = stage.get("tiers"), stage.get("quantTypes")
    if isinstance(tiers, Mapping) and made is not None:
        for name in tiers:
            if name not in made:
                yield Conflict(
                    path=f"tiers/{_escape(name)}", expected="a type listed in quantTypes", found=name
                )


def benchmarks_are_named(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A non-empty list of objects, each with the name of its benchmark."""
    entries = stage["benchmarks"]
    if not isinstance(entries, list | tuple) or not entries:
        yield Conflict(path="benchmarks", expected="a list with at least one benchmark", found=entries)
        return
    for i, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            yield Conflict(path=f"benchmarks/{i}/name", expected="the benchmark's name", found=name)
            continue
        shots = entry.get("nShot")
        if shots is not None and (not isinstance(shots, int) or isinstance(shots, bool) or shots < 0):
            yield Conflict(path=f"benchmarks/{i}/nShot", expected="an integer of at least 0", found=shots)


def anchor_is_measured(stage: Stage, source: Stage) -> Iterator[Conflict]:
    """A calibration anchor names its model; its scores and its tolerance are percentages."""
    anchor = stage.get("calibrationAnchor")
    if anchor is None:
        return
    if not isinstance(anchor, Mapping) or not isinstance(anchor.get("model"), str):
        yield Conflict(path="calibrationAnchor", expected="an object with the anchor's model", found=anchor)
        return
    # Where nothing is published there is nothing to be within a tolerance of; a remark may stand there.
    judged = ("publishedScore", "measuredScore")
    for name in (*judged, "tolerance") if anchor.get("publishedScore") is not None else judged:
        value = anchor.get(name)
        x = as_number(value)
        if value is not None and (x is None or not 0 <= x <= 100):
            yield Conflict(path=f"calibrationAnchor/{name}", expected="a number from 0 to 100", found=value)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
