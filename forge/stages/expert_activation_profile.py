"""Stage expert-activation-profile: how much each expert matters, as an importance file.

The model is not changed. Metrics: ``activation_count`` (how many tokens of a corpus each expert is chosen
for; exact integers), ``reap`` (see ``forge/profile/counting.py``) and ``router_gate_l2`` (from the router's
weights alone; neither a corpus nor torch).
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge import corpus, loading, memory
from forge.families.language import language_config
from forge.profile import norms, routers
from forge.profile.memory_plan import MemoryPlan, memory_plan
from forge.profile.routers import Routers
from forge.stages import selection
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import ModelFolder, open_model
from verifier.errors import DocumentError, EvidenceMismatchError, UsageError
from verifier.verdicts import JSON

METRICS = ("activation_count", "router_gate_l2", "reap")
SYNONYMS: Mapping[str, str] = {"router_gate_l2_norm": "router_gate_l2"}
DEFAULT_LENGTH = 2048
"""Tokens of a text that are used where the stage does not say; the rest of a longer one is left out."""

Scores = Mapping[int, Sequence[int | float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    scores: Scores
    record: Mapping[str, JSON]
    fields: Mapping[str, JSON]
    determinism: Determinism


def run(context: StageContext) -> StageResult:
    """Measure, and write the importance file.

    Parameters of the stage: ``metric`` or ``metricVersion``; ``calibrationCorpusFile`` and, if stated,
    ``calibrationCorpusSha256``; ``calibrationExamples`` (use so many); ``textField`` (``text``);
    ``sequenceLength``; ``batchSize`` (1: then no number depends on how texts are put together);
    ``loadBits``; ``importanceFile`` (where to write); ``keepExperts`` (also write the selection).

    Raises:
        EvidenceMissingError: no corpus, no tokenizer, a package is missing, or too little memory.
        EvidenceMismatchError: the corpus is another one.
        DocumentError: checkpoint and layout do not go together.
        UsageError: an unknown metric.
    """
    metric = metric_of(context.parameters)
    recorded = context.parameters.get("importanceFile")
    if context.replay and isinstance(recorded, str):
        return _replayed(context, metric, recorded)
    model = open_model(context.model)
    found = routers.on_disk(context.adapter, model)
    measured = (
        _norms(model, found) if metric == "router_gate_l2" else _profiled(context, model, found, metric)
    )
    path = recorded if isinstance(recorded, str) else f"importance/stage-{context.index}-{metric}.json"
    written = {path: selection.importance_bytes(metric, measured.scores)}
    fields = {**measured.fields, "importanceFile": path, "importanceSha256": _sha256(written[path])}
    keep = context.parameters.get("keepExperts")
    if keep is not None:
        chosen = str(
            context.parameters.get("selectionFile") or f"selection/stage-{context.index}-experts.json"
        )
        kept = _kept(context, model, found, measured.scores, keep)
        written[chosen] = selection.selection_bytes(kept)
        fields |= {"selectionFile": chosen, "selectionSha256": _sha256(written[chosen])}
    for name, data in written.items():
        _write(context, name, data)
    return StageResult(
        record={"metric": metric, "layers": len(found.names), **measured.record},
        determinism=measured.determinism,
        fields=fields,
        files=tuple(written),
    )


def metric_of(parameters: Mapping[str, JSON]) -> str:
    """The metric that a stage asks for, by its own name or by the name in ``metricVersion`` (``v1.reap``).

    Raises:
        UsageError: neither is one of :data:`METRICS`, or both are and differ.
    """
    version = parameters.get("metricVersion")
    named = [
        SYNONYMS.get(name, name)
        for name in (
            parameters.get("metric"),
            version.partition(".")[2] if isinstance(version, str) else None,
        )
        if isinstance(name, str)
    ]
    if not named or any(n not in METRICS for n in named) or len(set(named)) > 1:
        raise UsageError(
            f"profile: metric: expected one of {', '.join(METRICS)}; found {' and '.join(named) or 'none'}",
            remedy="set metricVersion to v1. and the metric's name",
        )
    return named[0]


def _norms(model: ModelFolder, found: Routers) -> _Measured:
    scores = {layer: norms.row_norms(model.tensors[name]) for layer, name in found.names.items()}
    return _Measured(scores=scores, record={}, fields={}, determinism=Determinism.BYTES)


def _profiled(context: StageContext, model: ModelFolder, found: Routers, metric: str) -> _Measured:
    p = context.parameters
    texts = _corpus(context)
    loading.need("torch", "transformers")
    from forge.profile.counting import tally
    from forge.training import data

    free = memory.available(context.device)
    plan = memory_plan(
        model, sys.maxsize if free is None else free, _integer(p, "loadBits"), context.adapter.layout
    )
    context.on_progress(f"profile: {plan.text}", 0, 1)
    loaded, places = load(context, model, found, plan)
    tokenizer = loading.load_tokenizer(context.model)
    length = min(_integer(p, "sequenceLength") or DEFAULT_LENGTH, _positions(loaded))
    size = _integer(p, "batchSize") or 1
    encoded = data.encode(texts.texts, tokenizer, loaded.get_input_embeddings().weight.shape[0])
    sequences = data.canonical([ids[:length] for ids in encoded if ids])
    result = tally(
        loaded,
        places,
        found.hook,
        found.experts,
        data.batches(sequences, size, loading.pad_token(tokenizer)),
        reap=metric == "reap",
        device=context.device,
        total=-(-len(sequences) // size),
        on_progress=context.on_progress,
    )
    record = {
        "examples": len(texts.texts),
        "tokens": result.tokens,
        "tokensLeftOut": sum(max(0, len(ids) - length) for ids in encoded),
        "sequenceLength": length,
        "batchSize": size,
        "loading": plan.record(),
    }
    return _Measured(
        scores=result.saliency if metric == "reap" else result.counts,
        record=record,
        fields={
            "calibrationCorpusSha256": texts.sha256,
            "calibrationExamples": len(texts.texts),
            "calibrationTokens": result.tokens,
        },
        determinism=Determinism.DEVICE,
    )


def load(
    context: StageContext, model: ModelFolder, found: Routers, plan: MemoryPlan
) -> tuple[Any, tuple[routers.RouterPlace, ...]]:
    """The model as planned, and where its routers are; each is compared with its bytes on disk.

    Raises:
        DocumentError: a module that looks like a router holds other numbers than the checkpoint.
    """
    dtype = "float32" if plan.bits == 32 else _half(model)
    on = context.device if plan.bits >= 16 else "cpu"
    loaded = loading.load_model(context.model, device=on, dtype=dtype)
    places = routers.locate(found.hook, found.names, dict(loaded.named_modules()))
    for place in places:
        _same_router(loaded.get_submodule(place.router), model, found.names[place.layer])
    if plan.bits < 16:
        from forge.profile.quantised import quantise

        loaded = quantise(loaded, plan.bits, context.device, tuple(p.experts for p in places))
    return loaded, places


def _half(model: ModelFolder) -> str:
    bits = {t.dtype for t in model.tensors.values()}
    return "float16" if "F16" in bits and "BF16" not in bits else "bfloat16"


def _same_router(module: Any, model: ModelFolder, name: str) -> None:
    import torch
    from safetensors import safe_open

    with safe_open(str(model.tensors[name].path), framework="pt") as file:
        stored = file.get_tensor(name)
    held: torch.Tensor = module.weight.detach().cpu()
    if held.shape != stored.shape or not torch.equal(stored.to(held.dtype), held):
        raise DocumentError(
            f"router {name}: expected the loaded model to hold the checkpoint's numbers; found others",
            remedy="this version of transformers arranges the family differently: mend "
            "forge/profile/routers.py",
        )


def _corpus(context: StageContext) -> corpus.Corpus:
    p = context.parameters
    name = p.get("calibrationCorpusFile")
    if not isinstance(name, str):
        raise UsageError(
            f"stage {context.index}: calibrationCorpusFile: expected a path of a JSONL file; found {name!r}",
            remedy="name the corpus and put it beside the recipe; nothing is profiled without one",
        )
    stated = p.get("calibrationCorpusSha256")
    return corpus.read_corpus(
        context.find(name),
        field=str(p.get("textField") or "text"),
        expected_sha256=stated if isinstance(stated, str) else None,
        limit=_integer(p, "calibrationExamples"),
    )


def _integer(parameters: Mapping[str, JSON], name: str) -> int | None:
    value = parameters.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _positions(model: Any) -> int:
    config = model.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else DEFAULT_LENGTH


def _kept(
    context: StageContext, model: ModelFolder, found: Routers, scores: Scores, keep: JSON
) -> Mapping[int, Sequence[int]]:
    counts = list(keep) if isinstance(keep, list | tuple) else [keep] * len(found.names)
    if len(counts) != len(found.names) or not all(type(n) is int for n in counts):
        raise UsageError(
            f"stage {context.index}: keepExperts: expected a number, or one for each of {len(found.names)} "
            f"layers with experts; found {keep!r}"
        )
    layout = context.adapter.layout
    groups = language_config(context.adapter, model.config).get(layout.group_key) if layout else None
    return selection.most_important(
        scores, dict(zip(found.names, counts, strict=True)), groups=groups if isinstance(groups, int) else 1
    )


def _write(context: StageContext, name: str, data: bytes) -> None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(f"stage {context.index}: {name!r}: expected a path inside of the artifact")
    target = context.artifact / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _replayed(context: StageContext, metric: str, name: str) -> StageResult:
    data = context.find(name).read_bytes()
    digest = _sha256(data)
    stated = context.parameters.get("importanceSha256")
    if isinstance(stated, str) and stated.removeprefix("sha256:") != digest:
        raise EvidenceMismatchError(
            f"{name}: expected sha256 {stated}; found {digest}", expected=stated, found=digest, source=name
        )
    return StageResult(
        record={"metric": metric, "replayed": True},
        determinism=Determinism.BYTES,
        fields={"importanceFile": name, "importanceSha256": digest},
    )
