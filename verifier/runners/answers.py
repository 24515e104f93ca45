"""What is right for a run of inputs, kept as bytes: most comparisons then need no decoding at all."""

import marshal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifier.runners.compare import Expected, is_stable
from verifier.sandbox import codec

SMALL = 256 << 10
"""Bytes of a suite's encoded results up to which a second copy of them, as marshal, is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The canonical solution's results, one for each input.

    Attributes:
        frames: each result in the codec's encoding, byte for byte as a candidate would send it.
        stable: for each, whether equal bytes are right for sure (nan, for one, differs from itself).
        quick: all of them together as marshal, which the official judge's process reads faster; None where
            they are large, or marshal cannot hold them (a counter, say).
    """

    frames: tuple[bytes, ...]
    stable: tuple[bool, ...]
    quick: bytes | None

    def values(self) -> list[Any]:
        """The results, decoded."""
        return [codec.decode(frame, limits=codec.WIDE) for frame in self.frames]

    def to_hand_over(self) -> bytes | list[bytes]:
        """What the official judge's process is sent."""
        return list(self.frames) if self.quick is None else self.quick

    def are(self, outputs: Sequence[bytes]) -> bool:
        """Whether these are the right results beyond doubt, byte for byte."""
        return all(self.stable) and tuple(outputs) == self.frames

    def expected(self) -> list[Expected]:
        """The results, ready to be compared one by one."""
        pairs = zip(self.values(), self.frames, self.stable, strict=True)
        return [Expected(value, frame if stable else None) for value, frame, stable in pairs]


def from_frames(dataset: str, entry_point: str, inputs: Sequence[Any], frames: Sequence[bytes]) -> Answers:
    """Answers from what the canonical solution's process sent.

    Args:
        dataset: ``humaneval`` or ``mbpp``: whose rules of comparison hold.
        entry_point: the problem's function.
        inputs: argument lists, one for each frame.
        frames: encoded results.

    Raises:
        CodecError: a result is no plain value.
    """
    pairs = zip(inputs, frames, strict=True)
    stable = tuple(is_stable(dataset, entry_point, inp, frame) for inp, frame in pairs)
    quick = _quick(frames) if sum(map(len, frames)) <= SMALL else None
    return Answers(frames=tuple(frames), stable=stable, quick=quick)


def from_values(dataset: str, entry_point: str, inputs: Sequence[Any], values: Sequence[Any]) -> Answers:
    """As :func:`from_frames`, from the values themselves.

    Raises:
        CodecError: a value is not plain.
    """
    frames = [codec.encode(value, strict=True) for value in values]
    return from_frames(dataset, entry_point, inputs, frames)


def _quick(frames: Sequence[bytes]) -> bytes | None:
    try:
        return marshal.dumps([codec.decode(frame, limits=codec.WIDE) for frame in frames])
    except ValueError:
        return None
