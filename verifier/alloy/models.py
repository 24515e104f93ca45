"""Typed view of an alloy's known fields.

Field names are those of the published documents in snake case. The document itself is kept beside
this view (:class:`verifier.alloy.parse.Alloy`), so unknown fields survive and nothing is rounded; a
stage of an unknown type becomes an :class:`UnknownStage`, which dispatch refuses by name.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

from verifier.errors import DocumentError

Number = int | Decimal


class _Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all records: immutable, camelCase in the file."""


class Source(_Record, frozen=True, kw_only=True):
    """The model that the recipe starts from; parameter counts in billions."""

    base_model: str
    architecture: str
    revision: str | None = None
    is_moe: bool | None = msgspec.field(default=None, name="isMoE")
    total_params_b: Number | None = None
    active_params_b: Number | None = None
    num_layers: int | None = None
    num_experts_per_layer: int | None = None
    num_activated_experts: int | None = None
    total_experts: int | None = None
    context_length: int | None = None
    license: str | None = None


class _Stage(_Record, frozen=True, kw_only=True):
    type: str
    notes: str | None = None


class UnknownStage(_Stage, frozen=True, kw_only=True):
    """A stage whose type is not known; its fields stay in the document."""


class SourceConfigStage(_Stage, frozen=True, kw_only=True):
    """Input configuration: context length in tokens, modalities, devices aimed at."""

    context_length: int | None = None
    input_modalities: list[str] | None = None
    target_devices: list[str] | None = None


class PruneStage(_Stage, frozen=True, kw_only=True):
    """Attention-head pruning; ``level`` is the share of heads removed, in [0, 1)."""

    strategy: str | None = None
    level: Number | None = None
    min_heads_per_layer: int | None = None
    min_kv_heads_per_layer: int | None = None
    analysis_steps: int | None = None
    per_layer_normalized: bool | None = None
    defrag_mode: str | None = None
    selection_file: str | None = None


class TrainStage(_Stage, frozen=True, kw_only=True):
    """Recovery training."""

    domain: str | None = None
    dataset: str | None = None
    steps: int | None = None
    learning_rate: Any = None  # a number or its text: msgspec has no union of str and Decimal
    batch_size: int | None = None
    gradient_accumulation: int | None = None
    scheduler: str | None = None
    warmup_ratio: Number | None = None
    weight_decay: Number | None = None
    max_gradient_norm: Number | None = None
    precision: str | None = None
    sequence_length: int | None = None
    optimizations: list[str] | None = None


class LoraStage(TrainStage, frozen=True, kw_only=True):
    """Low-rank adaptation; with ``teacher`` it is compensation by distillation."""

    name: str | None = None
    rank: int | None = None
    alpha: int | None = None
    lora_rank: int | None = None
    lora_alpha: int | None = None
    dropout: Number | None = None
    target_modules: list[str] | None = None
    quantize: bool | None = None
    quantize_bits: int | None = None
    epochs: int | None = None
    merge_after: bool | None = None
    merged_at_save: bool | None = None
    teacher: str | None = None
    loss_type: str | None = None
    kd_temperature: Number | None = None
    calibration_dataset: str | None = None
    calibration_source: str | None = None
    trainable_params_pct: Number | None = None
    teacher_precision: str | None = None
    student_precision: str | None = None


class CompactStage(_Stage, frozen=True, kw_only=True):
    """Mixed-precision compaction by utilisation thresholds in [0, 1]."""

    dead_threshold: Number | None = None
    dormant_threshold: Number | None = None
    low_threshold: Number | None = None
    medium_threshold: Number | None = None
    high_threshold: Number | None = None
    enable_quantization: bool | None = None


class ExpertActivationProfileStage(_Stage, frozen=True, kw_only=True):
    """Counts how often the router picks each expert over a calibration corpus."""

    calibration_corpus: str | None = None
    calibration_corpus_file: str | None = None
    calibration_corpus_sha256: str | None = None
    calibration_examples: int | None = None
    calibration_tokens: int | None = None
    metric_version: str | None = None
    implementation: str | None = None


class ExpertPruneStage(_Stage, frozen=True, kw_only=True):
    """Removes experts from every layer of a mixture of experts."""

    strategy: str | None = None
    metric: str | None = None
    metric_source: str | None = None
    keep_experts: int | list[int] | None = None
    keep_experts_per_layer: int | list[int] | None = None
    original_experts_per_layer: int | None = None
    prune_pct: Number | None = None
    experts_dropped: int | None = None
    experts_renamed: int | None = None
    router_sliced_layers: int | None = None
    per_layer_normalized: bool | None = None
    selection_file: str | None = None
    implementation: str | None = None


class ContextExtendStage(_Stage, frozen=True, kw_only=True):
    """Longer context, in tokens."""

    target_length: int | None = None
    method: str | None = None
    training_dataset: str | None = None
    training_steps: int | None = None


class ModalityStage(_Stage, frozen=True, kw_only=True):
    """Adds or keeps an input modality."""

    modality: str | None = None
    encoder_model: str | None = None
    projection_arch: str | None = None
    freeze_base: bool | None = None
    freeze_encoder: bool | None = None
    training_steps: int | None = None


class QuantTier(_Record, frozen=True, kw_only=True):
    """One quantised output; sizes in GB."""

    size_gb: Number | None = None
    fits_vram_gb: Number | None = None
    headline_tier: str | None = None


class QuantStage(_Stage, frozen=True, kw_only=True):
    """Quantisation to GGUF, MLX or bitsandbytes."""

    format: str | None = None
    quant_types: list[str] | None = None
    device_targets: list[str] | None = None
    tool: str | None = None
    tiers: dict[str, QuantTier] | None = None


class EvalBenchmark(_Record, frozen=True, kw_only=True):
    """A benchmark that the recipe runs."""

    name: str
    metric: str | None = None
    calibrated: bool | None = None
    subset: str | None = None
    n_shot: int | None = None
    submit_to_leaderboard: bool | None = None


class CalibrationAnchor(_Record, frozen=True, kw_only=True):
    """The base model's published score against the one measured in the same pipeline (points)."""

    model: str | None = None
    published_score: Number | None = None
    published_source: str | None = None
    measured_score: Number | None = None
    measured_on: str | None = None
    delta: Number | None = None
    tolerance: Any = None  # a number, or a remark
    passed: bool | None = None


class EvalStage(_Stage, frozen=True, kw_only=True):
    """Evaluation."""

    benchmarks: list[EvalBenchmark] | None = None
    calibration_anchor: CalibrationAnchor | None = None
    compare_to_base: bool | None = None
    passing_threshold: Number | None = None


class PackageStage(_Stage, frozen=True, kw_only=True):
    """Re-sharding or repacking without a change of values."""

    format: str | None = None
    validate_on: list[str] | None = None
    include_tokenizer: bool | None = None


class PublishStage(_Stage, frozen=True, kw_only=True):
    """Upload."""

    org: str | None = None
    repo_name_template: str | None = None
    include_alloy: bool | None = None
    card_from_benchmarks: bool | None = None
    tags: list[str] | None = None
    private: bool | None = None


class DeployStage(_Stage, frozen=True, kw_only=True):
    """Deployment to a serving target."""

    target: str | None = None
    health_check: bool | None = None
    warmup: bool | None = None


class DeliverStage(_Stage, frozen=True, kw_only=True):
    """Hand-over to whoever asked for the forge."""


STAGES: dict[str, type[_Stage]] = {
    "source-config": SourceConfigStage,
    "prune": PruneStage,
    "train": TrainStage,
    "lora": LoraStage,
    "compact": CompactStage,
    "expert-activation-profile": ExpertActivationProfileStage,
    "expert-prune": ExpertPruneStage,
    "context-extend": ContextExtendStage,
    "modality": ModalityStage,
    "quant": QuantStage,
    "eval": EvalStage,
    "package": PackageStage,
    "publish": PublishStage,
    "deploy": DeployStage,
    "deliver": DeliverStage,
}


class Benchmark(_Record, frozen=True, kw_only=True):
    """A published score, in percent; either ``score``/``base_score`` or a ``metrics`` object.

    A run may leave its samples in several files: ``verifier.claims.samples`` says how they are named.
    """

    name: str
    metric: str | None = None
    subset: str | None = None
    score: Number | None = None
    base_score: Number | None = None
    delta: Number | None = None
    calibrated: bool | None = None
    within_calibration_tolerance: bool | None = None
    samples_path: str | list[str] | None = None
    base_samples_path: str | list[str] | None = None
    result_hash: str | list[str] | None = None
    base_result_hash: str | list[str] | None = None
    results_path: str | None = None
    base_results_path: str | None = None
    results_hash: str | None = None
    base_results_hash: str | None = None
    metrics: dict[str, Any] | None = None


class FileHash(_Record, frozen=True, kw_only=True):
    """One weights file; size in bytes."""

    filename: str
    sha256: str
    size: int | None = None


class DatasetHash(_Record, frozen=True, kw_only=True):
    """A data set and its digest."""

    name: str
    hash: str | None = None
    version: str | None = None
    source: str | None = None


class Code(_Record, frozen=True, kw_only=True):
    """What executed the recipe."""

    runner: str | None = None
    version: str | None = None
    binary_hash: str | None = None
    source_repo: str | None = None
    commit: str | None = None


class Integrity(_Record, frozen=True, kw_only=True):
    """Digests of the result, and who vouches for them."""

    trust_level: str | None = None
    file_hashes: list[FileHash] | None = None
    model_hash: str | None = None
    code: Code | None = None
    datasets: list[DatasetHash] | None = None
    attested_at: str | None = None
    parent_alloy_hash: str | None = None
    alloy_hash: str | None = None
    certifications: list[dict[str, Any]] | None = None


class Device(_Record, frozen=True, kw_only=True):
    """A device that the result is said to run on."""

    device: str
    format: str | None = None
    vram_gb: Number | None = None
    size_gb: Number | None = None
    tokens_per_sec: Number | None = None
    memory_usage_gb: Number | None = None
    verified: bool | None = None


class Results(_Record, frozen=True, kw_only=True):
    """What the forge measured."""

    completed_at: str | None = None
    baseline_perplexity: Number | None = None
    final_perplexity: Number | None = None
    improvement_pct: Number | None = None
    forged_params_b: Number | None = None
    active_params_b: Number | None = None
    benchmarks: list[Benchmark] | None = None
    hardware_verified: list[Device] | None = None
    samples: list[dict[str, Any]] | None = None
    integrity: Integrity | None = None
    loss_function_ablation: list[dict[str, Any]] | None = None
    four_run_progression: list[dict[str, Any]] | None = None


class PriorEvaluation(_Record, frozen=True, kw_only=True):
    """How a prior baseline scored; anchors and results by benchmark name, in percent."""

    anchor_base_model: str | None = None
    anchor_reproduction: dict[str, Any] | None = None
    results: dict[str, Any] | None = None
    samples_path: str | list[str] | None = None
    samples_hash: str | list[str] | None = None
    results_path: str | None = None
    results_hash: str | None = None


class PriorBaseline(_Record, frozen=True, kw_only=True):
    """An earlier metric that the card compares itself with."""

    id: str
    metric: dict[str, Any] | None = None
    prune: dict[str, Any] | None = None
    evaluation: PriorEvaluation | None = None
    outcome: str | None = None


class DerivedFrom(_Record, frozen=True, kw_only=True):
    """Parent link of a derived artifact."""

    repo: str | None = None
    alloy_hash: str | None = None
    kind: str | None = None


class Publication(_Record, frozen=True, kw_only=True):
    """Where the artifact was published."""

    target: str | None = None
    url: str | None = None
    published_at: str | None = None


class Receipt(_Record, frozen=True, kw_only=True):
    """Proof of publication."""

    publications: list[Publication] | None = None
    alloy_hash: str | None = None
    card_hash: str | None = None
    verify_url: str | None = None
    issued_at: str | None = None


class Hardware(_Record, frozen=True, kw_only=True):
    """What the result needs; memory in GB."""

    min_vram_gb: Number | None = None
    recommended_vram_gb: Number | None = None
    estimated_duration_minutes: Number | None = None
    supports_cpu: bool | None = msgspec.field(default=None, name="supportsCPU")
    device_targets: list[str] | None = None
    tested_on: list[str] | None = None


class AlloyModel(_Record, frozen=True, kw_only=True):
    """The whole document. ``stages`` holds one of the stage records for each entry."""

    name: str
    source: Source
    stages: list[Any]
    version: str | None = None
    description: str | None = None
    author: str | None = None
    license: str | None = None
    tags: list[str] | None = None
    cycles: int | None = None
    hardware: Hardware | None = None
    results: Results | None = None
    prior_metric_baselines: list[PriorBaseline] | None = None
    derived_from: DerivedFrom | None = None
    receipt: Receipt | None = None
    acceptance_criteria: Any = None
    calibration_corpora: Any = None
    target: Any = None
    outputs: Any = None


def convert(document: dict[str, Any], what: str) -> AlloyModel:
    """Typed view of a parsed document.

    Raises:
        DocumentError: a known field is missing or has the wrong type; carries the pointer.
    """
    model: AlloyModel = _convert(document, AlloyModel, "", what)
    stages = []
    for i, stage in enumerate(model.stages):
        where = f"/stages/{i}"
        kind = _convert(stage, UnknownStage, where, what).type
        stages.append(_convert(stage, STAGES.get(kind, UnknownStage), where, what))
    return msgspec.structs.replace(model, stages=stages)


def _convert(value: Any, kind: type[Any], where: str, what: str) -> Any:
    try:
        record = msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        pointer = where + _pointer(path.rstrip("`"))
        raise DocumentError(f"{what}: {_in_our_words(message)}", pointer=pointer) from None
    _refuse_text_numbers(record, value, where, what)
    return record


def _in_our_words(message: str) -> str:
    missing = re.fullmatch(r"Object missing required field `(.+)`", message)
    return f"expected the field `{missing[1]}`, found none" if missing else message[:1].lower() + message[1:]


def _refuse_text_numbers(record: Any, raw: Any, where: str, what: str) -> None:
    """Refuse ``"1.5"`` where a number belongs: msgspec reads a Decimal from text even when strict."""
    if isinstance(record, Decimal) and isinstance(raw, str):
        raise DocumentError(f"{what}: expected a number, got text", pointer=where)
    if isinstance(record, msgspec.Struct):
        names = zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True)
        for field, name in names:
            if name in raw:
                _refuse_text_numbers(getattr(record, field), raw[name], f"{where}/{name}", what)
    elif isinstance(record, list):
        for i, item in enumerate(record):
            _refuse_text_numbers(item, raw[i], f"{where}/{i}", what)


def _pointer(path: str) -> str:
    """Turn msgspec's ``$.stages[0].level`` into ``/stages/0/level``."""
    return "".join("/" + (name or index) for name, index in re.findall(r"\.(\w+)|\[([^\]]*)\]", path))
