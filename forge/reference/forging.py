"""Forging one reference artifact with the project's own engine, and completing it for publication."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forge.engine import ForgeOptions, forge
from forge.families import registry
from forge.folders import files_of, is_weights
from forge.reference import bases, card, logged
from forge.reference.card import STAMP, Artifact, encode, prefixed
from forge.reference.spec import Spec, evaluation
from forge.tensors.model import open_model

_HARDWARE = {"minVramGb": 0.1, "recommendedVramGb": 1, "deviceTargets": ["laptop"]}
_ROLES = {"selection": "selection", "importance": "importance", "calibration": "corpus", "training": "corpus"}
"""First folder of a side file -> its role."""

_OWN = ("forge-report.json", "publish-list.json")
"""What a forge leaves for whoever ran it, and is no part of the artifact."""


def make(spec: Spec, parent: Artifact | None = None) -> Artifact:
    """Forge an artifact from its base model and complete it with samples, scores, card and receipt.

    Args:
        spec: which one.
        parent: the artifact that it is derived from.

    Raises:
        AlloyError: see :func:`forge.engine.forge`.
    """
    with TemporaryDirectory(prefix="alloy-reference-") as scratch:
        root = Path(scratch)
        base = bases.write(spec.architecture, root / "base")
        recipe = _write_recipe(spec, parent, base, root / "recipe")
        options = ForgeOptions(
            base=base,
            offline=True,
            load_check=spec.on_device,
            completed_at=STAMP,
            portable=True,
        )
        out = forge(recipe, root / "out", options=options)
        document = _completed(spec, json.loads(out.alloy.read_text(encoding="utf-8")), out.out)
        made = {p: (out.out / p).read_bytes() for p in files_of(out.out) if p not in (*_OWN, out.alloy.name)}
    readme = card.readme(spec.name, spec.summary, document)
    document["receipt"] = {"cardHash": prefixed(readme), "issuedAt": STAMP}
    made |= {**spec.corpora, **{run.path: run.data() for run in spec.runs}, **logged.every(spec.logged)}
    made |= {f"base/{path}": data for path, data in bases.files(spec.architecture).items()}
    made["README.md"] = readme
    return Artifact(
        name=spec.name,
        alloy=encode(document),
        files=dict(sorted(made.items())),
        roles={path: role(path) for path in sorted(made)},
    )


def role(path: str) -> str:
    """What a file of an artifact is, told from where it lies."""
    folder = path.partition("/")[0] if "/" in path else ""
    if folder in ("base", *_ROLES):
        return _ROLES.get(folder, folder)
    if folder == "eval":
        return "samples"
    if path == "README.md":
        return "card"
    return "weights" if is_weights(path) else "config"


def _write_recipe(spec: Spec, parent: Artifact | None, base: Path, folder: Path) -> Path:
    stages = [*spec.stages, evaluation(spec), *spec.after]
    document: dict[str, Any] = {
        "name": spec.name,
        "version": "1.0.0",
        "description": spec.summary,
        "author": bases.OWNER,
        "license": "apache-2.0",
        "source": bases.source(spec.architecture, base),
        "stages": stages,
        "cycles": 1,
        "hardware": _HARDWARE,
        "priorMetricBaselines": [_prior(spec)],
    }
    brought = {**spec.corpora, **({run.path: run.data() for run in spec.runs} if spec.scored else {})}
    if parent is not None:
        document["derivedFrom"] = {
            "repo": parent.repo,
            "alloyHash": parent.alloy_hash,
            "kind": spec.derived_as,
        }
        if spec.inherits:
            brought[spec.inherits] = parent.files[spec.inherits]
    for path, data in brought.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    folder.mkdir(exist_ok=True)
    recipe = folder / "recipe.alloy.json"
    recipe.write_bytes(encode(document))
    return recipe


def _prior(spec: Spec) -> dict[str, Any]:
    p = spec.prior
    return card.prior_baseline(p.id, p.metric, p.prune, bases.name(spec.architecture), p.run, spec.base)


def _completed(spec: Spec, executed: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """The executed alloy with what is told of its samples, which were made elsewhere."""
    results = dict(executed["results"])
    if registry.get(spec.architecture).is_moe:
        active = bases.active_parameters(spec.architecture, open_model(out))
        results["activeParamsB"] = bases.billions(active)
    others = [result for pair in spec.logged for result in pair.results()]
    results["benchmarks"] = card.benchmark_results(spec.student, spec.base) + others
    datasets = card.datasets([result["name"] for result in others])
    results["integrity"] = {**results["integrity"], "datasets": datasets, "attestedAt": STAMP}
    return {**executed, "results": results}
