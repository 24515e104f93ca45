"""Tier 4: every published score; tier 3: the samples behind it."""

from collections.abc import Mapping

from verifier.alloy.parse import escape
from verifier.claims.numbers import is_number
from verifier.claims.samples import account
from verifier.claims.slate import Slate
from verifier.verdicts import JSON, Tier

_STUDENT, _BASE = ("samplesPath", "resultHash"), ("baseSamplesPath", "baseResultHash")
_WHOLE = {
    **dict.fromkeys(("score", "accuracy"), _STUDENT),
    **dict.fromkeys(("basescore", "baseaccuracy", "baselinescore", "baselineaccuracy"), _BASE),
}
"""Metrics of a whole benchmark, by name in small letters, and whose samples they are of. Another name may
stand for a part (``hardScore``), whose samples nobody can tell apart."""


def add(slate: Slate) -> None:
    """Claims about scores, samples, perplexities and benchmarks left pending."""
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        _add_benchmark(slate, f"/results/benchmarks/{i}", item)
    for key in ("baselinePerplexity", "finalPerplexity"):
        if is_number(slate.value(f"/results/{key}")):
            slate.add(key, Tier.SCORES, "perplexity", f"/results/{key}", "The perplexity is as stated.")
    bases: dict[str, str] = {}
    for i, item in enumerate(slate.value("/results/benchmarks") or ()):
        bases.setdefault(item["name"], f"/results/benchmarks/{i}")
    for i, prior in enumerate(slate.value("/priorMetricBaselines") or ()):
        _add_prior(slate, f"/priorMetricBaselines/{i}/evaluation", f"prior-{prior['id']}", bases)
    _add_tables(slate)
    _add_asked_for(slate)


def _add_score(
    slate: Slate,
    name: str,
    pointer: str,
    benchmark: str,
    samples: str | None = None,
    digest: str | None = None,
) -> None:
    """A score claim; ``samples`` and ``digest`` are pointers to the path and hash of its evidence."""
    extra = tuple(p for p in account(samples) if slate.value(p) is not None) if samples else ()
    inputs = (*(p for p in (samples, digest) if p), *extra)
    slate.add(
        name,
        Tier.SCORES,
        "score",
        pointer,
        f"The {benchmark} score is as stated.",
        inputs=inputs,
        params={"benchmark": benchmark, "samples": samples, "digest": digest},
    )


def _add_samples(slate: Slate, name: str, path: str, digest: str) -> None:
    """Claims on the bytes of the samples: of each file, where each has a digest, or of all together."""
    files, digests = slate.value(path), slate.value(digest)
    if isinstance(files, list) and isinstance(digests, list) and len(files) == len(digests):
        for i in range(len(files)):
            _add_file(slate, f"{name}-{i}", f"{path}/{i}", f"{digest}/{i}", "The samples file")
    elif isinstance(files, list):
        _add_file(slate, name, path, digest, "All samples files together")
    else:
        _add_file(slate, name, path, digest, "The samples file")
    results = account(path)
    label = name.replace("samples-digest", "results-digest")
    _add_file(slate, label, *results, "The harness's account of the run")


def _add_file(slate: Slate, name: str, path: str, digest: str, what: str) -> None:
    if slate.value(path) is not None or slate.value(digest) is not None:
        statement = f"{what} {'have' if what.endswith('together') else 'has'} the stated digest."
        slate.add(
            name, Tier.BYTES, "samples-digest", digest, statement, inputs=(path,), params={"path": path}
        )


def _add_benchmark(slate: Slate, where: str, item: dict[str, JSON]) -> None:
    name = item["name"]
    for score, path, digest, label in (
        ("score", "samplesPath", "resultHash", ""),
        ("baseScore", "baseSamplesPath", "baseResultHash", "base-"),
    ):
        if is_number(item.get(score)):
            _add_score(
                slate,
                f"{name}-{label}score",
                f"{where}/{score}",
                name,
                f"{where}/{path}",
                f"{where}/{digest}",
            )
        _add_samples(slate, f"{name}-{label}samples-digest", f"{where}/{path}", f"{where}/{digest}")
    metrics = item.get("metrics")
    if not isinstance(metrics, dict):
        return
    for key, value in metrics.items():
        pointer = f"{where}/metrics/{escape(key)}"
        if key == "status":
            slate.add(
                f"{name}-status",
                Tier.SCORES,
                "pending",
                pointer,
                f"{name} has been measured.",
                expected=value,
            )
        elif is_number(value) and key in ("baseline", "final"):
            slate.add(f"{name}-{key}", Tier.SCORES, "perplexity", pointer, "The perplexity is as stated.")
        elif is_number(value) and key.lower().endswith(("score", "accuracy")):
            evidence = [f"{where}/{field}" for field in _WHOLE.get(key.lower(), ())]
            _add_score(slate, f"{name}-{key}", pointer, name, *evidence)


def _add_prior(slate: Slate, where: str, label: str, bases: Mapping[str, str]) -> None:
    """Scores of a prior baseline; ``bases``: benchmark -> where the card's result for it stands."""
    same = same_base(slate, where)
    path, digest = f"{where}/samplesPath", f"{where}/samplesHash"
    for name, value in (slate.value(f"{where}/results") or {}).items():
        if is_number(value) and not name.startswith("delta"):
            _add_score(slate, f"{label}-{name}-score", f"{where}/results/{escape(name)}", name, path, digest)
    _add_samples(slate, f"{label}-samples-digest", path, digest)
    for name, value in (slate.value(f"{where}/anchorReproduction") or {}).items():
        if is_number(value):
            base = bases.get(name, "/results/none") if same else "/results/none"
            _add_score(
                slate,
                f"{label}-{name}-anchor-score",
                f"{where}/anchorReproduction/{escape(name)}",
                name,
                f"{base}/baseSamplesPath",
                f"{base}/baseResultHash",
            )


def same_base(slate: Slate, evaluation: str) -> bool:
    """Whether a prior baseline's anchor is the card's base model; where it names none, it can be no other."""
    named = slate.value(f"{evaluation}/anchorBaseModel")
    return named is None or named == slate.value("/source/baseModel")


def _add_tables(slate: Slate) -> None:
    """Scores in ablation and progression tables; nothing but the final row has samples."""
    for table, label in (("lossFunctionAblation", "loss-ablation"), ("fourRunProgression", "progression")):
        for i, row in enumerate(slate.value(f"/results/{table}") or ()):
            for key, value in row.items():
                if is_number(value) and key not in ("run", "step", "cycle"):
                    _add_score(slate, f"{label}-{i}-{key}", f"/results/{table}/{i}/{escape(key)}", key)
    for i, stage in enumerate(slate.value("/stages")):
        anchor = stage.get("calibrationAnchor")
        if stage["type"] == "eval" and isinstance(anchor, dict) and is_number(anchor.get("publishedScore")):
            slate.add(
                "anchor-published",
                Tier.SCORES,
                "cited",
                f"/stages/{i}/calibrationAnchor/publishedScore",
                "The cited source publishes this score for the base model.",
                inputs=(f"/stages/{i}/calibrationAnchor/publishedSource",),
            )


def _add_asked_for(slate: Slate) -> None:
    """A benchmark that the recipe runs and the results do not mention."""
    if slate.value("/results") is None:
        return
    given = {item["name"] for item in slate.value("/results/benchmarks") or ()}
    if is_number(slate.value("/results/finalPerplexity")):
        given.add("perplexity")
    for i, stage in enumerate(slate.value("/stages")):
        for j, item in enumerate((stage.get("benchmarks") or ()) if stage.get("type") == "eval" else ()):
            if item.get("name") not in given:
                slate.add(
                    f"eval-{item.get('name')}-missing",
                    Tier.SCORES,
                    "pending",
                    f"/stages/{i}/benchmarks/{j}/name",
                    f"{item.get('name')} has a result.",
                    inputs=("/results/benchmarks",),
                )
