"""Perplexity of a model on a corpus: sliding windows, every token counted exactly once, padding never.

A text of n tokens is read in windows of at most ``max_length`` tokens that start every ``stride`` tokens. In
each window only tokens that no earlier window has counted are counted, so all but the first window give them
at least ``max_length - stride`` tokens of context. The first token of a text has nothing before it and
cannot be predicted; it is the only one that is not counted. Perplexity is exp of the mean negative log
likelihood in nats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge import loading
from forge.corpus import read_corpus
from forge.stages.base import Progress, silent
from forge.training import data, losses
from forge.training.data import Tokens
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens, and the position from which they count."""

    ids: Tokens
    counted_from: int


def perplexity(
    model_dir: Path,
    corpus: Path,
    *,
    stride: int,
    max_length: int,
    device: str = "cpu",
    batch_size: int = 1,
    dtype: str = "auto",
    field: str = "text",
    expected_sha256: str | None = None,
    on_progress: Progress = silent,
) -> dict[str, JSON]:
    """Measure a model folder on a JSONL corpus.

    Args:
        model_dir: the model, with its tokenizer.
        corpus: one JSON object a line.
        stride: tokens between the starts of two windows; at least 1, less than ``max_length``.
        max_length: tokens of a window; at least 2, at most what the model takes.
        device: ``cpu`` or a torch device.
        batch_size: windows at a time; of no influence but for rounding.
        dtype: of the weights; ``auto`` for that of the checkpoint. Likelihoods are float32, sums exact.
        field: of each object that holds the text.
        expected_sha256: see :func:`forge.corpus.read_corpus`.
        on_progress: told after every batch.

    Returns:
        ``perplexity``, ``nll`` (mean, nats), ``tokens`` (counted), ``stride``, ``maxLength``,
        ``corpusSha256``.

    Raises:
        UsageError: stride, length or batch size that cannot be.
        EvidenceMissingError: no corpus, no tokenizer, or a package is missing.
        DocumentError: no text has two tokens, or the likelihood is no finite number.
    """
    check(stride, max_length, batch_size)
    texts = read_corpus(corpus, field=field, expected_sha256=expected_sha256)
    model = loading.load_model(model_dir, device=device, dtype=dtype)
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(limit, int) and max_length > limit:
        raise UsageError(f"perplexity: max_length: expected at most the model's {limit}; found {max_length}")
    tokenizer = loading.load_tokenizer(model_dir)
    encoded = data.encode(texts.texts, tokenizer, model.get_input_embeddings().weight.shape[0])
    pieces = [w for ids in encoded for w in windows(ids, stride=stride, max_length=max_length)]
    total, tokens = measure(model, pieces, batch_size, loading.pad_token(tokenizer), device, on_progress)
    if not tokens:
        raise DocumentError(f"corpus {corpus.name}: expected a text of at least two tokens; found none")
    nll = total / tokens
    if not math.isfinite(nll):
        raise DocumentError(f"model {model_dir.name}: expected a finite likelihood; found {nll}")
    return {
        "perplexity": math.exp(nll) if nll < 700 else math.inf,
        "nll": nll,
        "tokens": tokens,
        "stride": stride,
        "maxLength": max_length,
        "corpusSha256": texts.sha256,
    }


def check(stride: int, max_length: int, batch_size: int) -> None:
    """Refuse numbers under which a token could be missed or counted twice.

    Raises:
        UsageError: see :func:`perplexity`.
    """
    if max_length < 2:
        raise UsageError(f"perplexity: max_length: expected at least 2; found {max_length}")
    if not 1 <= stride < max_length:
        raise UsageError(
            f"perplexity: stride: expected 1 to max_length - 1 ({max_length - 1}); found {stride}",
            remedy="with a stride of max_length the first token of each window has nothing before it",
        )
    if batch_size < 1:
        raise UsageError(f"perplexity: batch_size: expected at least 1; found {batch_size}")


def windows(ids: Tokens, *, stride: int, max_length: int) -> list[Window]:
    """The windows of one text; each position but the first counts in exactly one of them."""
    found, counted = list[Window](), 1
    for start in range(0, max(1, len(ids) - 1), stride):
        end = min(start + max_length, len(ids))
        if end > counted:
            found.append(Window(ids[start:end], counted - start))
            counted = end
    return found


def measure(
    model: Any,
    pieces: Sequence[Window],
    batch_size: int,
    pad: int,
    device: str,
    on_progress: Progress = silent,
) -> tuple[float, int]:
    """Summed negative log likelihood in nats of all counted tokens, and how many these are."""
    import torch

    parts, tokens = list[float](), 0
    with torch.inference_mode():
        for i in range(0, len(pieces), batch_size):
            group = pieces[i : i + batch_size]
            batch = data.collate([w.ids for w in group], pad, [w.counted_from for w in group]).to(device)
            answer = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
            for row in range(len(group)):  # a sum for each window, so that batches do not change the order
                labels = batch.labels[row : row + 1]
                parts.append(float(losses.cross_entropy(answer.logits[row : row + 1], labels)))
                tokens += losses.counted(labels)
            on_progress("perplexity", min(i + batch_size, len(pieces)), len(pieces))
    return math.fsum(parts), tokens
