"""By how much two tensors differ: exact counts and norms, in pieces of fixed size.

All values are taken to float64 first (bfloat16 by shifting it into the upper half of a float32), so that
the statistics of 16-bit tensors are not themselves rounded to 16 bits. Whole numbers are subtracted as such.
"""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from forge.tensors.model import TensorRef
from verifier.errors import DocumentError, EvidenceMissingError

PIECE_ELEMENTS = 256 * 1024
"""Elements that are held at once; about 15 MiB with all intermediate values."""

FLOATS: Mapping[str, str] = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
INTEGERS: Mapping[str, str] = {
    "BOOL": "|u1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
}
"""safetensors dtype -> how numpy reads it (bfloat16 as its bits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """By how much the tensor of side B differs from that of side A.

    Attributes:
        elements: number of elements.
        differing: elements whose bits differ (of two dtypes: whose values differ).
        non_finite: differing elements that are infinite or not a number on either side; they are left out
            of all that follows.
        max_abs: largest absolute difference.
        mean_abs: absolute difference, averaged over all elements.
        difference_norm: Euclidean norm of the difference.
        norm: Euclidean norm of side A.
    """

    elements: int
    differing: int
    non_finite: int
    max_abs: float
    mean_abs: float
    difference_norm: float
    norm: float

    @property
    def relative_l2(self) -> float | None:
        """Norm of the difference relative to side A's; None if side A is all zeros."""
        if self.norm == 0:
            return 0.0 if self.difference_norm == 0 else None
        return self.difference_norm / self.norm

    @property
    def rank(self) -> tuple[float, float]:
        """How different, for sorting: infinite where a finite number does not tell."""
        relative = self.relative_l2
        return math.inf if relative is None or self.non_finite else relative, self.max_abs


def comparable(a: str, b: str) -> bool:
    """Whether values of two dtypes can be subtracted: both floating-point, or the same whole numbers."""
    return (a in FLOATS and b in FLOATS) or (a == b and a in INTEGERS)


def measure(a: TensorRef, b: TensorRef) -> Statistics:
    """The statistics of two tensors of one shape, whose dtypes are :func:`comparable`.

    Raises:
        EvidenceMissingError: numpy is not installed.
        DocumentError: a file has shrunk since its header was read.
    """
    np = numpy()
    totals = _Totals()
    with np.errstate(all="ignore"):
        for x, y in zip(_pieces(np, a), _pieces(np, b), strict=True):
            if a.dtype in INTEGERS:
                totals.add_integers(np, x, y)
            else:
                totals.add_floats(np, x, y, a.dtype, b.dtype)
    return Statistics(
        elements=math.prod(a.shape),
        differing=totals.differing,
        non_finite=totals.non_finite,
        max_abs=totals.max_abs,
        mean_abs=totals.sum_abs / max(1, math.prod(a.shape)),
        difference_norm=totals.difference_norm,
        norm=totals.norm,
    )


def available() -> bool:
    """Whether :func:`measure` can work here."""
    return find_spec("numpy") is not None


def numpy() -> Any:
    """The numpy module.

    Raises:
        EvidenceMissingError: it is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise EvidenceMissingError(
            "statistics of tensors: expected numpy; found it missing",
            remedy="pip install 'alloy-verifier[plot]'",
        ) from None
    return numpy


def _pieces(np: Any, ref: TensorRef) -> Iterator[Any]:
    kind = np.dtype(FLOATS.get(ref.dtype) or INTEGERS[ref.dtype])
    step = PIECE_ELEMENTS * kind.itemsize
    with ExitStack() as stack:
        file = stack.enter_context(ref.path.open("rb", buffering=0))
        for done in range(0, ref.size, step):
            data = os.pread(file.fileno(), min(step, ref.size - done), ref.offset + done)
            if len(data) != min(step, ref.size - done):
                raise DocumentError(f"{ref.path}: expected {ref.size} bytes of {ref.name}, found fewer")
            yield np.frombuffer(data, dtype=kind)


def _float64(np: Any, bits: Any, dtype: str) -> Any:
    if dtype == "BF16":
        bits = (bits.astype("<u4") << 16).view("<f4")
    return bits.astype("<f8")


@dataclass(slots=True)
class _Totals:
    differing: int = 0
    non_finite: int = 0
    max_abs: float = 0.0
    sum_abs: float = 0.0
    difference_norm: float = 0.0
    norm: float = 0.0

    def add_floats(self, np: Any, x: Any, y: Any, dtype_a: str, dtype_b: str) -> None:
        """One piece of floating-point numbers."""
        a, b = _float64(np, x, dtype_a), _float64(np, y, dtype_b)
        if dtype_a == dtype_b:
            changed = x.view(f"<u{x.itemsize}") != y.view(f"<u{y.itemsize}")
        else:
            changed = (a != b) & ~(np.isnan(a) & np.isnan(b))
        finite = np.isfinite(a) & np.isfinite(b)
        self.non_finite += int(np.count_nonzero(changed & ~finite))
        b -= a
        b[~finite] = 0
        a[~np.isfinite(a)] = 0
        self._add(np, changed, np.abs(b), np.abs(a))

    def add_integers(self, np: Any, x: Any, y: Any) -> None:
        """One piece of whole numbers; 64-bit differences are exact before they become a float."""
        wide = "<u8" if x.dtype.kind == "u" else "<i8"
        a, b = x.astype(wide), y.astype(wide)
        # Wrap-around is what makes this exact: the larger minus the smaller always fits 64 unsigned bits.
        apart = np.where(a > b, a - b, b - a).view("<u8")
        self._add(np, x != y, apart.astype("<f8"), np.abs(a.astype("<f8")))

    def _add(self, np: Any, changed: Any, apart: Any, size: Any) -> None:
        self.differing += int(np.count_nonzero(changed))
        self.max_abs = max(self.max_abs, float(apart.max(initial=0.0)))
        self.sum_abs += float(apart.sum())
        self.difference_norm = math.hypot(self.difference_norm, _norm(np, apart))
        self.norm = math.hypot(self.norm, _norm(np, size))


def _norm(np: Any, values: Any) -> float:
    """Euclidean norm, scaled by the largest value so that no square leaves the range of a float."""
    largest = float(values.max(initial=0.0))
    if largest == 0 or math.isinf(largest):
        return largest
    return largest * math.sqrt(float(np.square(values / largest).sum()))
