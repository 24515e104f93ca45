"""How close two versions of a model are: tensors, and what they predict. A statement, never a verdict.

For recipes whose bytes depend on the machine: where they come out differently on another one, equality cannot
be decided, but nearness can be told. Predictions are compared by the Kullback-Leibler divergence of the
next-token distributions, in nats, over fixed prompts.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forge.diff import Difference, TensorDifference, compare
from forge.folders import is_weights
from forge.stages.base import Progress, silent
from verifier.errors import AlloyError
from verifier.verdicts import JSON

PROMPTS = (
    "The bridge was closed for repairs, so the morning train",
    "def is_even(n):\n    return n % 2 ==",
    "To make bread you need flour, water, salt and",
    "The square root of one hundred and forty-four is",
    "She opened the letter, read it twice, and",
    "for (int i = 0; i < n; i++) {",
    "In winter the lake freezes, and children",
    "The three primary colours are red, yellow and",
)
"""The fixed prompt set. Its texts are cut or extended never: a change would be another measure."""

OVERHEAD = 1.5
"""Memory of a model in float32 over the bytes of its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How close model B is to model A.

    Attributes:
        tensors: how many A has.
        differing: how many of them are not the same in B.
        unlike: of those, how many are missing on one side or have another shape or dtype.
        worst_tensor: the one with the largest relative difference; None if no difference was measured.
        max_abs: the largest absolute difference of any element.
        max_relative: the largest relative L2 difference of any tensor; None if it has no finite value.
        per_tensor: (name, largest absolute difference, relative L2 difference) of the most different ones.
        prompts: how many prompts were compared; 0 if none.
        mean_kl, max_kl: nats per position, A's distribution against B's; None if not measured.
        note: why something was not measured; empty if all was.
    """

    tensors: int
    differing: int
    unlike: int
    worst_tensor: str | None
    max_abs: float
    max_relative: float | None
    per_tensor: tuple[tuple[str, float, float | None], ...]
    prompts: int
    mean_kl: float | None
    max_kl: float | None
    note: str

    def as_json(self) -> dict[str, JSON]:
        """As a JSON value; a number that is not finite becomes null."""
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()
        }


def closeness(a: Path, b: Path, *, top: int = 10, on_progress: Progress = silent) -> Closeness:
    """How close the model in folder ``b`` is to that in folder ``a``.

    Args:
        a: the one that is compared with: weights, configuration and, if it has one, tokenizer.
        b: the other one.
        top: how many tensors to list.
        on_progress: see :func:`forge.diff.compare`.

    Raises:
        UsageError, DocumentError: a folder cannot be read.
        EvidenceMissingError: numpy is missing.
    """
    found = compare(a, b, on_progress=on_progress)
    measured = [t for t in found.changed[:top] if t.statistics is not None]
    mean, worst, count, note = _predictions(a, b, on_progress)
    return Closeness(
        tensors=len(found.a.tensors),
        differing=len(found.tensors),
        unlike=sum(t.statistics is None for t in found.tensors),
        worst_tensor=measured[0].name if measured else None,
        max_abs=_largest(found),
        max_relative=_relative(measured[0]) if measured else 0.0,
        per_tensor=tuple((t.name, _absolute(t), _relative(t)) for t in measured),
        prompts=count,
        mean_kl=mean,
        max_kl=worst,
        note=note,
    )


def _largest(found: Difference) -> float:
    return max((_absolute(t) for t in found.changed), default=0.0)


def _absolute(tensor: TensorDifference) -> float:
    return tensor.statistics.max_abs if tensor.statistics else 0.0


def _relative(tensor: TensorDifference) -> float | None:
    return tensor.statistics.relative_l2 if tensor.statistics else None


def _predictions(a: Path, b: Path, on_progress: Progress) -> tuple[float | None, float | None, int, str]:
    """Mean and largest divergence, how many prompts, and why there is none."""
    try:
        return (*kl_of_logits(a, b, on_progress=on_progress), len(PROMPTS), "")
    except AlloyError as error:
        return None, None, 0, f"predictions were not compared: {error}"


def kl_of_logits(a: Path, b: Path, *, on_progress: Progress = silent) -> tuple[float, float]:
    """Mean and largest KL divergence of B's next-token distributions from A's, in nats, over all positions.

    One model is in memory at a time, in float32 on the CPU. The prompts go through A's tokenizer; where it
    has none, their bytes are the tokens, modulo the size of the vocabulary.

    Raises:
        EvidenceMissingError: torch or transformers is missing, or there is too little memory.
        UsageError, DocumentError: a model cannot be loaded, or the vocabularies differ.
    """
    from forge import loading

    loading.need("torch", "transformers")
    _check_memory(max(_bytes_of(a), _bytes_of(b)))
    on_progress("comparing predictions", 0, 2)
    tokens, first = _logits(a, None)
    on_progress("comparing predictions", 1, 2)
    _, second = _logits(b, tokens)
    on_progress("comparing predictions", 2, 2)
    return _divergence(first, second)


def _logits(folder: Path, tokens: list[list[int]] | None) -> tuple[list[list[int]], list[Any]]:
    """Tokens of the prompts and log-probabilities at every position."""
    import torch

    from forge import loading

    model = loading.load_model(folder, dtype="float32")
    if tokens is None:
        tokens = _tokens(folder, model.get_input_embeddings().weight.shape[0])
    with torch.inference_mode():
        rows = [model(input_ids=torch.tensor([ids]), use_cache=False).logits[0] for ids in tokens]
        return tokens, [row.double().log_softmax(-1) for row in rows]


def _tokens(folder: Path, vocabulary: int) -> list[list[int]]:
    from forge import loading
    from verifier.errors import EvidenceMissingError

    try:
        tokenizer = loading.load_tokenizer(folder)
    except EvidenceMissingError:
        return [[byte % vocabulary for byte in prompt.encode()] for prompt in PROMPTS]
    return [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]


def _divergence(first: list[Any], second: list[Any]) -> tuple[float, float]:
    from verifier.errors import UsageError

    values: list[float] = []
    for p, q in zip(first, second, strict=True):
        if p.shape != q.shape:
            raise UsageError(f"logits: expected two of one shape; found {list(p.shape)} and {list(q.shape)}")
        # Tiny negative sums are rounding: the divergence itself is never below zero.
        values += ((p.exp() * (p - q)).sum(-1)).clamp(min=0).tolist()
    return sum(values) / len(values), max(values)


def _bytes_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.iterdir() if is_weights(p.name))


def _check_memory(size: int) -> None:
    from forge import memory
    from verifier.errors import EvidenceMissingError

    free = memory.available()
    if free is not None and size * 2 * OVERHEAD > free:
        raise EvidenceMissingError(
            f"memory: expected {size * 2 * OVERHEAD / 1e9:.1f} GB for the model in float32; "
            f"found {free / 1e9:.1f} GB free",
            remedy="compare on a machine with more memory",
        )
