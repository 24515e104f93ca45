"""The training loop: one step after another, nothing left to chance or to the clock."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forge.stages.base import Progress, silent
from forge.training import losses
from forge.training.data import Batch, Order, Tokens, collate
from forge.training.settings import PRECISIONS, Settings
from verifier.errors import UsageError
from verifier.verdicts import JSON

Pin = Callable[[], None]
"""Puts back what a step must not change; called after every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a run did.

    Attributes:
        steps: optimiser steps.
        losses: mean loss of each step, over the positions that count.
        tokens: positions that counted, over all steps.
        order: digest of the order of the windows.
    """

    steps: int
    losses: tuple[float, ...]
    tokens: int
    order: str

    def record(self) -> dict[str, JSON]:
        """For the executed alloy."""
        return {
            "firstLoss": self.losses[0],
            "lastLoss": self.losses[-1],
            "tokens": self.tokens,
            "dataOrderSha256": self.order,
        }


def train(
    model: Any,
    windows: Sequence[Tokens],
    how: Settings,
    *,
    pad: int,
    seed: int,
    device: str = "cpu",
    teacher: Any = None,
    pins: Sequence[Pin] = (),
    on_progress: Progress = silent,
) -> Trained:
    """Train whatever of ``model`` wants gradients.

    Args:
        model: a transformers model, plain or wrapped by peft.
        windows: token windows; every one with at least two tokens.
        how: see :class:`Settings`.
        pad: id that fills short sequences.
        seed: of the order; other randomness comes from torch's generators, seeded by the caller.
        device: where the model lies.
        teacher: a model with the same vocabulary, or None.
        pins: see :data:`Pin`.
        on_progress: told the loss after every step.

    Raises:
        UsageError: nothing to train on or nothing to train, or the loss is no finite number any more.
    """
    import torch
    from transformers import get_scheduler

    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise UsageError("training: expected parameters to train; found none")
    order, steps = Order(len(windows), seed), how.steps_for(len(windows))
    optimizer = torch.optim.AdamW(trained, lr=how.learning_rate, weight_decay=how.weight_decay)
    schedule = get_scheduler(
        how.scheduler,
        optimizer,
        num_warmup_steps=math.ceil(how.warmup_ratio * steps),
        num_training_steps=steps,
    )
    scaler = torch.amp.GradScaler(device.partition(":")[0], enabled=how.precision == "fp16")
    seen, tokens = list[float](), 0
    model.train()
    for step in range(1, steps + 1):
        batches = [
            collate([windows[i] for i in order.take(how.batch_size)], pad) for _ in range(how.accumulation)
        ]
        total = sum(losses.counted(b.labels) for b in batches)
        loss = 0.0
        for batch in batches:
            part = _loss(model, teacher, batch.to(device), how, device) / total
            scaler.scale(part).backward()
            loss += float(part.detach())
        if not math.isfinite(loss):
            raise UsageError(
                f"training: step {step}: expected a finite loss; found {loss}", remedy="lower learningRate"
            )
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(trained, how.max_gradient_norm)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        for pin in pins:
            pin()
        seen.append(loss)
        tokens += total
        on_progress(f"training, loss {loss:.4f}", step, steps)
    model.eval()
    return Trained(steps=steps, losses=tuple(seen), tokens=tokens, order=order.digest())


def _loss(model: Any, teacher: Any, batch: Batch, how: Settings, device: str) -> Any:
    """Loss of one batch, summed over the positions that count."""
    import torch

    hidden = how.loss == "mse_hidden"
    dtype = getattr(torch, PRECISIONS[how.precision])
    inputs = {
        "input_ids": batch.ids,
        "attention_mask": batch.mask,
        "use_cache": False,
        **({"output_hidden_states": True} if hidden else {}),
    }
    with torch.autocast(device.partition(":")[0], dtype=dtype, enabled=how.precision != "fp32"):
        answer = model(**inputs)
        guide = None
        if how.loss != "cross_entropy":
            with torch.no_grad():
                guide = teacher(**inputs)
    if guide is None:
        return losses.cross_entropy(answer.logits, batch.labels)
    if hidden:
        return losses.mse_hidden(answer.hidden_states[-1], guide.hidden_states[-1], batch.labels)
    return losses.kl_logits(answer.logits, guide.logits, batch.labels, how.temperature)
