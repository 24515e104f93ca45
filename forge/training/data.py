"""From texts to token windows to padded batches. Labels of pad positions are :data:`IGNORED`."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verifier.errors import DocumentError, UsageError

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a position that no loss and no perplexity counts; PyTorch's own convention."""

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sequences side by side, padded on the right.

    Attributes:
        ids: token ids, int64, shape (sequences, longest).
        mask: 1 where a token stands, 0 where padding does, same shape.
        labels: the ids where a token counts, :data:`IGNORED` elsewhere, same shape.
    """

    ids: "torch.Tensor"
    mask: "torch.Tensor"
    labels: "torch.Tensor"

    def to(self, device: str) -> "Batch":
        """The batch on another device."""
        return Batch(ids=self.ids.to(device), mask=self.mask.to(device), labels=self.labels.to(device))


def encode(texts: Sequence[str], tokenizer: Any, vocabulary: int | None = None) -> list[Tokens]:
    """Token ids of each text, with the special tokens that the tokenizer puts around a text.

    Args:
        texts: the texts.
        tokenizer: a transformers tokenizer.
        vocabulary: rows of the model's embedding; an id beyond it is an error.

    Raises:
        DocumentError: the tokenizer makes an id that the model has no embedding for.
    """
    encoded = [tuple(int(i) for i in tokenizer(text)["input_ids"]) for text in texts]
    top = max((max(ids) for ids in encoded if ids), default=0)
    if vocabulary is not None and top >= vocabulary:
        raise DocumentError(
            f"tokenizer: expected ids below the model's vocabulary of {vocabulary}; found {top}",
            remedy="use the tokenizer that belongs to the model",
        )
    return encoded


def windows(sequences: Sequence[Tokens], length: int) -> list[Tokens]:
    """Every sequence cut into consecutive pieces of at most ``length`` tokens.

    Pieces of one token are dropped, since they predict nothing.

    Raises:
        UsageError: ``length`` below 2.
    """
    if length < 2:
        raise UsageError(f"sequence length: expected at least 2; found {length}")
    pieces = [ids[i : i + length] for ids in sequences for i in range(0, len(ids), length)]
    return [p for p in pieces if len(p) > 1]


def canonical(sequences: Sequence[Tokens]) -> list[Tokens]:
    """The sequences in an order that does not depend on the order they came in: by length, then by ids."""
    return sorted(sequences, key=lambda ids: (len(ids), ids))


def collate(sequences: Sequence[Tokens], pad: int, counted_from: Sequence[int] | None = None) -> Batch:
    """One padded batch.

    Args:
        sequences: token ids; none empty.
        pad: id that fills the end. A token with this id that is no padding counts like any other.
        counted_from: for each sequence the first position whose token counts; 0 where None.
    """
    import torch

    width = max(len(ids) for ids in sequences)
    ids = torch.full((len(sequences), width), pad, dtype=torch.int64)
    mask = torch.zeros((len(sequences), width), dtype=torch.int64)
    labels = torch.full((len(sequences), width), IGNORED, dtype=torch.int64)
    for row, sequence in enumerate(sequences):
        start = counted_from[row] if counted_from is not None else 0
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
        labels[row, start : len(sequence)] = ids[row, start : len(sequence)]
    return Batch(ids=ids, mask=mask, labels=labels)


def batches(sequences: Sequence[Tokens], size: int, pad: int) -> Iterator[Batch]:
    """The sequences in their order, ``size`` at a time."""
    if size < 1:
        raise UsageError(f"batch size: expected at least 1; found {size}")
    for i in range(0, len(sequences), size):
        yield collate(sequences[i : i + size], pad)


class Order:
    """In which order a training run sees its windows: a new shuffle an epoch, from the seed alone.

    Python's generator is used, whose sequence does not change between versions, and every index that is
    handed out goes into :meth:`digest`.
    """

    def __init__(self, count: int, seed: int) -> None:
        """Start an order over ``count`` windows.

        Raises:
            UsageError: there is nothing to train on.
        """
        if count < 1:
            raise UsageError("training data: expected at least one window of two tokens; found none")
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._count = count
        self._left: list[int] = []
        self._seen: list[int] = []

    def take(self, size: int) -> list[int]:
        """The next ``size`` indices; an epoch that ends within them is followed by the next one."""
        taken = []
        for _ in range(size):
            if not self._left:
                self._left = list(range(self._count))
                self._random.shuffle(self._left)
                self._left.reverse()
            taken.append(self._left.pop())
        self._seen += taken
        return taken

    def digest(self) -> str:
        """sha256 over all indices that were handed out, as a JSON list without spaces; 64 hex digits."""
        return hashlib.sha256(json.dumps(self._seen, separators=(",", ":")).encode()).hexdigest()
