"""Tier 1: numbers that follow from other numbers of the same document.

Only the relation is recorded here; how it is computed and compared stands in
:mod:`verifier.tiers.arithmetic`.
"""

from verifier.alloy.parse import escape
from verifier.claims.slate import Slate
from verifier.verdicts import JSON, Tier


def add(slate: Slate) -> None:
    """Claims about every derived number."""
    _add_perplexity(slate)
    _add_benchmarks(slate)
    _add_experts(slate)
    _add_parameters(slate)
    _add_anchor(slate)
    _add_priors(slate)
    _add_tables(slate)


def is_number(value: JSON) -> bool:
    """Whether a JSON value is a number (booleans are not)."""
    return value is not None and not isinstance(value, bool | str | list | dict)


def relate(slate: Slate, name: str, kind: str, pointer: str, statement: str, **operands: str | int) -> None:
    """Add a derived-number claim if it is stated and all of its operands are."""
    pointers = tuple(p for p in operands.values() if isinstance(p, str) and p.startswith("/"))
    stated = [slate.value(p) for p in (pointer, *pointers)]
    if all(value is not None for value in stated):
        slate.add(name, Tier.RECIPE, kind, pointer, statement, inputs=pointers, params=operands)


def _add_perplexity(slate: Slate) -> None:
    relate(
        slate,
        "improvement-pct",
        "improvement-pct",
        "/results/improvementPct",
        "The improvement follows from the two perplexities.",
        baseline="/results/baselinePerplexity",
        final="/results/finalPerplexity",
    )
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        where = f"/results/benchmarks/{i}/metrics"
        for key in ("improvement", "improvement_pct"):
            relate(
                slate,
                f"{item['name']}-{key}",
                "improvement-pct",
                f"{where}/{key}",
                "The improvement follows from the two perplexities.",
                baseline=f"{where}/baseline",
                final=f"{where}/final",
            )
            relate(
                slate,
                f"{item['name']}-{key}-gain",
                "difference",
                f"{where}/{key}",
                "The improvement is the accuracy less the baseline's.",
                minuend=f"{where}/accuracy",
                subtrahend=f"{where}/baselineAccuracy",
            )
        if item["name"] == "perplexity":
            for key, other in (("baseline", "baselinePerplexity"), ("final", "finalPerplexity")):
                relate(
                    slate,
                    f"perplexity-{key}-agrees",
                    "equal",
                    f"{where}/{key}",
                    "Both places state the same perplexity.",
                    other=f"/results/{other}",
                )


def _add_benchmarks(slate: Slate) -> None:
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        where, name = f"/results/benchmarks/{i}", item["name"]
        relate(
            slate,
            f"{name}-delta",
            "difference",
            f"{where}/delta",
            "The delta is the score less the base score.",
            minuend=f"{where}/score",
            subtrahend=f"{where}/baseScore",
            benchmark=name,
        )
        for prefix, part in (("", "score"), ("hard-", "hardScore")):
            counts = ("passing", "total") if not prefix else ("hardPassing", "hardTotal")
            relate(
                slate,
                f"{name}-{prefix}ratio",
                "ratio-pct",
                f"{where}/metrics/{part}",
                "The score is the passing share of the total.",
                passing=f"{where}/metrics/{counts[0]}",
                total=f"{where}/metrics/{counts[1]}",
            )
        for key, label in (("score", "score"), ("baseScore", "base-score")):
            _add_reachable(slate, f"{name}-{label}", f"{where}/{key}", name)
        relate(
            slate,
            f"{name}-within-tolerance",
            "within-tolerance",
            f"{where}/withinCalibrationTolerance",
            "The delta is within the calibration tolerance.",
            delta=f"{where}/delta",
            tolerance=_anchor_pointer(slate) + "/tolerance",
        )


def _add_reachable(slate: Slate, name: str, pointer: str, benchmark: str) -> None:
    if is_number(slate.value(pointer)):
        slate.add(
            f"{name}-reachable",
            Tier.RECIPE,
            "reachable",
            pointer,
            "A whole number of solved problems gives this percentage.",
            params={"benchmark": benchmark},
        )


def _add_experts(slate: Slate) -> None:
    for i, stage in enumerate(slate.value("/stages")):
        if stage.get("type") != "expert-prune":
            continue
        where, name = f"/stages/{i}", f"stage-{i}"
        keep = f"{where}/keepExpertsPerLayer"
        original = f"{where}/originalExpertsPerLayer"
        relate(
            slate,
            f"{name}-original-experts",
            "equal",
            original,
            "The stage starts from the source's number of experts.",
            other="/source/numExpertsPerLayer",
        )
        relate(
            slate,
            f"{name}-prune-pct",
            "removed-pct",
            f"{where}/prunePct",
            "The pruned share follows from kept and original experts.",
            keep=keep,
            original=original,
        )
        # Layers that hold no experts are not counted in the source; the routers that were sliced tell.
        sliced = f"{where}/routerSlicedLayers"
        told = {"sliced": sliced} if is_number(slate.value(sliced)) else {}
        relate(
            slate,
            f"{name}-experts-dropped",
            "tensors-dropped",
            f"{where}/expertsDropped",
            "Dropped tensors = dropped experts x layers with experts x tensors per expert.",
            keep=keep,
            original=original,
            layers="/source/numLayers",
            **told,
        )
        relate(
            slate,
            f"{name}-experts-renamed",
            "tensors-kept",
            f"{where}/expertsRenamed",
            "Renamed tensors = kept experts x layers with experts x tensors per expert.",
            keep=keep,
            layers="/source/numLayers",
            **told,
        )
        counts = {"dropped": f"{where}/expertsDropped", "renamed": f"{where}/expertsRenamed"}
        extra = {"keep": keep, "original": original, **counts}
        relate(
            slate,
            f"{name}-router-layers",
            "router-layers",
            sliced,
            "The router of every layer with experts is sliced.",
            layers="/source/numLayers",
            **{key: p for key, p in extra.items() if slate.value(p) is not None},
        )


def _add_parameters(slate: Slate) -> None:
    pruned = [i for i, s in enumerate(slate.value("/stages")) if s.get("type") == "expert-prune"]
    if len(pruned) != 1:
        return
    geometry = {
        "total_before": "/source/totalParamsB",
        "active_before": "/source/activeParamsB",
        "experts": "/source/numExpertsPerLayer",
        "routed": "/source/numActivatedExperts",
        "keep": f"/stages/{pruned[0]}/keepExpertsPerLayer",
    }
    relate(
        slate,
        "forged-params",
        "forged-params",
        "/results/forgedParamsB",
        "The remaining parameters follow from the source's and the experts removed.",
        **geometry,
    )
    relate(
        slate,
        "active-params",
        "active-params",
        "/results/activeParamsB",
        "Active parameters stay as they were: the router still picks as many experts.",
        **geometry,
    )


def _anchor_pointer(slate: Slate) -> str:
    for i, stage in enumerate(slate.value("/stages")):
        if stage["type"] == "eval" and isinstance(stage.get("calibrationAnchor"), dict):
            return f"/stages/{i}/calibrationAnchor"
    return "/stages/none"


def _add_anchor(slate: Slate) -> None:
    where = _anchor_pointer(slate)
    relate(
        slate,
        "anchor-delta",
        "difference",
        f"{where}/delta",
        "The anchor's delta is the measured less the published score.",
        minuend=f"{where}/measuredScore",
        subtrahend=f"{where}/publishedScore",
    )
    if is_number(slate.value(f"{where}/tolerance")):
        relate(
            slate,
            "anchor-passed",
            "within-tolerance",
            f"{where}/passed",
            "The anchor passes exactly if its delta is within the tolerance.",
            delta=f"{where}/delta",
            tolerance=f"{where}/tolerance",
        )
    names = {b["name"]: n for n, b in enumerate(slate.value(where.rpartition("/")[0] + "/benchmarks") or ())}
    named = slate.value(f"{where}/benchmark")
    asked = [named] if isinstance(named, str) else sorted(names, key=lambda name: names[name])
    results = {b["name"]: i for i, b in reversed(list(enumerate(slate.value("/results/benchmarks") or ())))}
    bases = [f"/results/benchmarks/{results[name]}/baseScore" for name in asked if name in results]
    stated = [p for p in bases if slate.value(p) is not None]
    if stated and slate.value(f"{where}/measuredScore") is not None:
        slate.add(
            "anchor-measured",
            Tier.RECIPE,
            "equal",
            f"{where}/measuredScore",
            "The anchor's measured score is a base score of its stage in the results.",
            inputs=tuple(stated),
            params={"other": stated[0], "or": stated[1:]},
        )


def _add_priors(slate: Slate) -> None:
    results: dict[str, list[int]] = {}
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        results.setdefault(item["name"], []).append(i)
    for i, prior in enumerate(slate.value("/priorMetricBaselines") or ()):
        where = f"/priorMetricBaselines/{i}"
        evaluation, prune = f"{where}/evaluation", f"{where}/prune"
        label = f"prior-{prior['id']}"
        for before in ("totalExpertsBefore",):
            relate(
                slate,
                f"{label}-experts-before",
                "equal",
                f"{prune}/{before}",
                "The baseline starts from the source's experts.",
                other="/source/numExpertsPerLayer",
            )
        relate(
            slate,
            f"{label}-experts-after",
            "equal",
            f"{prune}/totalExpertsAfter",
            "The baseline keeps k experts.",
            other=f"{prune}/k",
        )
        for name, score in (slate.value(f"{evaluation}/results") or {}).items():
            if is_number(score) and not name.startswith("delta"):
                _add_prior_score(slate, label, evaluation, name, results.get(name, []))


def _add_prior_score(slate: Slate, label: str, evaluation: str, name: str, results: list[int]) -> None:
    token = escape(name)
    camel = "".join(part.capitalize() for part in name.split("_"))
    relate(
        slate,
        f"{label}-{name}-delta",
        "difference",
        f"{evaluation}/results/deltaVsAnchor{camel}",
        "The delta is the baseline's score less the anchor's.",
        benchmark=name,
        minuend=f"{evaluation}/results/{token}",
        subtrahend=f"{evaluation}/anchorReproduction/{token}",
    )
    _add_reachable(slate, f"{label}-{name}-score", f"{evaluation}/results/{token}", name)
    anchor = f"{evaluation}/anchorReproduction/{token}"
    _add_reachable(slate, f"{label}-{name}-anchor", anchor, name)
    if slate.value("/source/baseModel") != slate.value(f"{evaluation}/anchorBaseModel"):
        return
    for i in results:
        relate(
            slate,
            f"{label}-{name}-anchor-is-base",
            "equal",
            anchor,
            "The anchor is the artifact's own base score.",
            other=f"/results/benchmarks/{i}/baseScore",
        )


def _add_tables(slate: Slate) -> None:
    """The last row of a progression, and the ablation row of the loss in use, are the result."""
    losses = [s.get("lossType") for s in slate.value("/stages") if s.get("lossType")]
    rows = [
        (f"/results/lossFunctionAblation/{i}", f"loss-{r.get('lossType')}")
        for i, r in enumerate(slate.value("/results/lossFunctionAblation") or ())
        if losses and r.get("lossType") == losses[-1]
    ]
    progression = slate.value("/results/fourRunProgression") or ()
    if progression:
        rows.append((f"/results/fourRunProgression/{len(progression) - 1}", "last-run"))
    for where, label in rows:
        for i, item in enumerate(slate.value("/results/benchmarks") or ()):
            relate(
                slate,
                f"{label}-{item['name']}-agrees",
                "equal",
                f"{where}/{escape(item['name'])}",
                "The table's final row is the published score.",
                other=f"/results/benchmarks/{i}/score",
            )
