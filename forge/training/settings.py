"""A training stage's parameters, with the defaults for what the alloy leaves open."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from verifier.errors import UsageError
from verifier.verdicts import JSON

PRECISIONS: Mapping[str, str] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
LOSSES = ("cross_entropy", "kl_logits", "mse_hidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is trained.

    Attributes:
        steps: optimiser steps; None if ``epochs`` decides.
        epochs: passes over the data, if ``steps`` is None.
        learning_rate: peak.
        batch_size: sequences a batch.
        accumulation: batches a step.
        scheduler: name of transformers' schedule.
        warmup_ratio: share of the steps in which the rate rises from 0.
        weight_decay: AdamW's, decoupled.
        max_gradient_norm: gradients are scaled down to it.
        precision: ``fp32``, ``bf16`` or ``fp16``: of the forward pass; what is trained is in float32.
        sequence_length: tokens a window.
        loss: one of :data:`LOSSES`.
        temperature: of ``kl_logits``.
        checkpointing: activations are computed again instead of kept.
        ignored: optimisations that the alloy lists and that are not used, since they change results or are
            not deterministic.
    """

    steps: int | None
    epochs: float
    learning_rate: float
    batch_size: int
    accumulation: int
    scheduler: str
    warmup_ratio: float
    weight_decay: float
    max_gradient_norm: float
    precision: str
    sequence_length: int
    loss: str
    temperature: float
    checkpointing: bool
    ignored: tuple[str, ...]

    def steps_for(self, windows: int) -> int:
        """Optimiser steps over so many windows."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(self.epochs * windows / (self.batch_size * self.accumulation)))

    def record(self, steps: int) -> dict[str, JSON]:
        """Everything that decides the result, under the alloy's own names."""
        return {
            "steps": steps,
            "learningRate": self.learning_rate,
            "batchSize": self.batch_size,
            "gradientAccumulation": self.accumulation,
            "scheduler": self.scheduler,
            "warmupRatio": self.warmup_ratio,
            "weightDecay": self.weight_decay,
            "maxGradientNorm": self.max_gradient_norm,
            "precision": self.precision,
            "sequenceLength": self.sequence_length,
            "lossType": self.loss,
            **({"kdTemperature": self.temperature} if self.loss == "kl_logits" else {}),
            "gradientCheckpointing": self.checkpointing,
            "optimizationsNotUsed": list(self.ignored),
        }


def settings(parameters: Mapping[str, JSON], *, device: str, positions: int) -> Settings:
    """Read a stage's parameters.

    Args:
        parameters: the stage's fields.
        device: decides the default precision: fp32 on a CPU, bf16 elsewhere.
        positions: the longest sequence that the model takes.

    Raises:
        UsageError: a value that cannot be right.
    """
    steps = number(parameters, "steps", None)
    named = parameters.get("optimizations") or ()
    wanted = tuple(str(o) for o in named)
    found = Settings(
        steps=None if steps is None else int(steps),
        epochs=number(parameters, "epochs", 1.0) or 1.0,
        learning_rate=_must(parameters, "learningRate"),
        batch_size=int(number(parameters, "batchSize", 1) or 1),
        accumulation=int(number(parameters, "gradientAccumulation", 1) or 1),
        scheduler=str(parameters.get("scheduler") or "cosine"),
        warmup_ratio=number(parameters, "warmupRatio", 0.03) or 0.0,
        weight_decay=number(parameters, "weightDecay", 0.0) or 0.0,
        max_gradient_norm=number(parameters, "maxGradientNorm", 1.0) or 1.0,
        precision=str(parameters.get("precision") or ("fp32" if device == "cpu" else "bf16")),
        sequence_length=min(int(number(parameters, "sequenceLength", 512) or 512), positions),
        loss=str(parameters.get("lossType") or "cross_entropy"),
        temperature=number(parameters, "kdTemperature", 1.0) or 1.0,
        checkpointing="gradient_checkpointing" in wanted,
        ignored=tuple(o for o in wanted if o != "gradient_checkpointing"),
    )
    for name, value, known in (
        ("precision", found.precision, tuple(PRECISIONS)),
        ("lossType", found.loss, LOSSES),
    ):
        if value not in known:
            raise UsageError(f"training: {name}: expected one of {', '.join(known)}; found {value!r}")
    return found


def number(parameters: Mapping[str, JSON], name: str, default: float | None) -> float | None:
    """A finite number, given as one or spelt as text; ``default`` where it is not given.

    Raises:
        UsageError: anything else.
    """
    value = parameters.get(name)
    if value is None:
        return default
    try:
        found = float(value) if isinstance(value, int | float | Decimal | str) else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or isinstance(value, bool):
        raise UsageError(f"training: {name}: expected a number; found {value!r}")
    return found


def _must(parameters: Mapping[str, JSON], name: str) -> float:
    value = number(parameters, name, None)
    if value is None or value <= 0:
        raise UsageError(f"training: {name}: expected a number above 0; found {value}")
    return value
