"""How important key-value groups are, told from the weights alone: exact, the same everywhere, no torch.

``magnitude`` of a group is the sum of x**2 over every weight x that belongs to it: the rows of its query
heads (gates among them), its key and its value head, and the columns of the output projection that read its
query heads; biases do not count. The sum is the exact real number, rounded once to the nearest float64, so
neither order nor machine can change it. Li et al., "Pruning Filters for Efficient ConvNets", 2017, rank by
such norms.
"""

import hashlib
import math
import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from operator import mul

from forge.stages.base import Progress, silent
from forge.stages.heads import Heads
from forge.tensors.model import ModelFolder, TensorRef
from verifier.errors import DocumentError, UsageError

_CHUNK = 1 << 20


def magnitude(heads: Heads, model: ModelFolder, on_progress: Progress = silent) -> dict[int, list[float]]:
    """Per layer and group the sum of squares of its weights, as the module says.

    Raises:
        DocumentError: a weight is infinite or not a number, or a file is shorter than its header says.
        UsageError: weights are in a format whose squares are not summed exactly here (F64).
    """
    scores: dict[int, list[float]] = {}
    for done, layer in enumerate(heads.layers):
        on_progress("summing the squares of attention weights", done, len(heads.layers))
        scores[layer] = [_energy(heads, model, layer, group) for group in range(heads.groups)]
    on_progress("summing the squares of attention weights", len(heads.layers), len(heads.layers))
    return scores


def lots(heads: Heads, seed: int) -> dict[int, list[float]]:
    """Per layer and group a number in [0, 1) that depends on the seed alone (``random``).

    The first 52 bits of sha256 over ``seed/layer/group``: no generator with a state, nothing to reset.
    """

    def lot(layer: int, group: int) -> float:
        digest = hashlib.sha256(f"prune-heads/{seed}/{layer}/{group}".encode()).digest()
        return (int.from_bytes(digest[:7], "big") >> 4) / (1 << 52)

    return {layer: [lot(layer, g) for g in range(heads.groups)] for layer in heads.layers}


def _energy(heads: Heads, model: ModelFolder, layer: int, group: int) -> float:
    q, k, v, o = (model.tensors[name] for name in heads.weights(layer))
    width = heads.span * heads.size
    parts = (
        (q, _rows(q, group * heads.query_rows_per_group, heads.query_rows_per_group)),
        (k, _rows(k, group * heads.size, heads.size)),
        (v, _rows(v, group * heads.size, heads.size)),
        (o, _columns(o, group * width, width)),
    )
    exact = sum((_squares(ref, blocks) for ref, blocks in parts), Fraction(0))
    return exact.numerator / exact.denominator  # correctly rounded division of integers


def _squares(ref: TensorRef, blocks: Iterable[bytes]) -> Fraction:
    if ref.dtype in ("BF16", "F16"):
        return _squares_of_16_bits(ref, blocks)
    if ref.dtype == "F32":
        return _squares_of_32_bits(ref, blocks)
    raise UsageError(
        f"{ref.name}: magnitude: expected BF16, F16 or F32; found {ref.dtype}",
        remedy="convert the model to one of these first",
    )


def _squares_of_16_bits(ref: TensorRef, blocks: Iterable[bytes]) -> Fraction:
    # There are only 65536 different values: count each, then square each once, in whole numbers.
    exponent_bits = 8 if ref.dtype == "BF16" else 5
    fraction_bits, infinite = 15 - exponent_bits, (1 << exponent_bits) - 1
    total = 0
    for bits, count in counted(blocks).items():
        exponent, fraction = bits >> fraction_bits & infinite, bits & (1 << fraction_bits) - 1
        if exponent == infinite:
            raise _not_finite(ref)
        whole = fraction | 1 << fraction_bits if exponent else fraction
        total += count * whole * whole << 2 * max(exponent - 1, 0)
    bias = (1 << (exponent_bits - 1)) - 1
    return total * Fraction(4) ** (1 - bias - fraction_bits)  # the smallest number of the format, squared


def counted(blocks: Iterable[bytes]) -> Mapping[int, int]:
    """How often each 16-bit pattern occurs in little-endian ``blocks``.

    Counting whole numbers gives the same with and without numpy; with it, it takes a tenth of the time.
    """
    try:
        import numpy
    except ImportError:
        return counted_without_numpy(blocks)
    totals = numpy.zeros(1 << 16, dtype=numpy.int64)
    for block in blocks:
        totals += numpy.bincount(numpy.frombuffer(block, dtype="<u2"), minlength=1 << 16)
    return {int(bits): int(totals[bits]) for bits in totals.nonzero()[0]}


def counted_without_numpy(blocks: Iterable[bytes]) -> Mapping[int, int]:
    """The same as :func:`counted`, by the standard library alone."""
    counts: Counter[int] = Counter()
    for block in blocks:
        counts.update(_native("H", block))
    return counts


def _squares_of_32_bits(ref: TensorRef, blocks: Iterable[bytes]) -> Fraction:
    # A float32 times itself is exact in float64: 48 bits, exponents from -298 to 256. fsum is exact, too,
    # until it rounds its result; the error of that rounding is what a second sum, started from it, gives.
    parts: list[float] = []
    for block in blocks:
        values = _native("f", block)
        _add(parts, map(mul, values, values))
    if not all(map(math.isfinite, parts)):
        raise _not_finite(ref)
    return sum(map(Fraction, parts), Fraction(0))


def _add(parts: list[float], values: Iterable[float]) -> None:
    """Add ``values`` to an exact sum that is kept as a few floats.

    The residues are found by fsum itself: the rounded sum, then the rounded rest, until nothing is left.
    """
    terms = [*parts, *values]
    parts.clear()
    while rest := math.fsum(chain(terms, (-p for p in parts))):
        parts.append(rest)
        if not math.isfinite(rest):
            return


def _native(code: str, block: bytes) -> array:  # type: ignore[type-arg]
    values = array(code)
    values.frombytes(block)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _not_finite(ref: TensorRef) -> DocumentError:
    return DocumentError(f"{ref.path}: {ref.name}: expected finite weights; found an infinity or a NaN")


def _rows(ref: TensorRef, start: int, count: int) -> Iterator[bytes]:
    step = ref.size // ref.shape[0]
    yield from _ranges(ref, [(start * step, (start + count) * step)])


def _columns(ref: TensorRef, start: int, count: int) -> Iterator[bytes]:
    item, width = ref.size // (ref.shape[0] * ref.shape[1]), ref.shape[1]
    first = [(row * width + start) * item for row in range(ref.shape[0])]
    yield from _ranges(ref, [(at, at + count * item) for at in first])


def _ranges(ref: TensorRef, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Bytes of ``ref`` in whole items, in blocks of bounded size."""
    handle, batch, waiting = os.open(ref.path, os.O_RDONLY), list[bytes](), 0
    try:
        for start, stop in ranges:
            for at in range(start, stop, _CHUNK):
                size = min(_CHUNK, stop - at)
                block = os.pread(handle, size, ref.offset + at)
                if len(block) != size:
                    raise DocumentError(f"{ref.path}: {ref.name}: expected {size} bytes; found {len(block)}")
                batch.append(block)
                waiting += size
                if waiting >= _CHUNK:
                    yield b"".join(batch)
                    batch, waiting = [], 0
        yield b"".join(batch)
    finally:
        os.close(handle)
