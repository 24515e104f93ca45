"""A comparison as text for people and as a JSON document for programs."""

import math
from collections.abc import Iterator

from forge.diff import Difference, FileDifference, Kind, TensorDifference
from forge.diff_sides import Side
from forge.diff_stats import Statistics
from verifier.report.text import clean
from verifier.verdicts import JSON

SCHEMA = "alloy-diff/1"
_WORDS = {Kind.ONLY_A: "only in A", Kind.ONLY_B: "only in B"}


def document(difference: Difference) -> dict[str, JSON]:
    """The comparison as a JSON value; numbers that are not finite become null."""
    return {
        "schema": SCHEMA,
        "a": str(difference.a.root),
        "b": str(difference.b.root),
        "same": difference.same,
        "equalTensors": difference.equal_tensors,
        "files": [
            {
                "path": f.path,
                "difference": f.kind.value,
                "sizeA": f.size_a,
                "sizeB": f.size_b,
                "firstByte": f.first_byte,
            }
            for f in difference.files
        ],
        "tensors": [_tensor(t) for t in difference.tensors],
    }


def _tensor(tensor: TensorDifference) -> dict[str, JSON]:
    sides = {"A": tensor.a, "B": tensor.b}
    facts: dict[str, JSON] = {"name": tensor.name, "difference": tensor.kind.value}
    facts |= {f"dtype{k}": ref.dtype if ref else None for k, ref in sides.items()}
    facts |= {f"shape{k}": list(ref.shape) if ref else None for k, ref in sides.items()}
    return {**facts, "firstByte": tensor.first_byte, "statistics": _statistics(tensor.statistics)}


def _statistics(found: Statistics | None) -> dict[str, JSON] | None:
    if found is None:
        return None
    return {
        "elements": found.elements,
        "differing": found.differing,
        "nonFinite": found.non_finite,
        "maxAbs": _number(found.max_abs),
        "meanAbs": _number(found.mean_abs),
        "relativeL2": _number(found.relative_l2),
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def lines(difference: Difference, top: int) -> Iterator[str]:
    """The comparison as text, with the ``top`` most different tensors in full."""
    for name, side in (("A", difference.a), ("B", difference.b)):
        yield f"{name}  {_side(side)}"
    if difference.same:
        yield "the same, byte for byte"
        return
    yield from _files(difference, top)
    yield from _tensors(difference, top)


def _side(side: Side) -> str:
    size = sum(path.stat().st_size for path in side.files.values())
    return f"{clean(side.root, 200)}: {len(side.files)} files, {len(side.tensors)} tensors, {size:,} bytes"


def _files(difference: Difference, top: int) -> Iterator[str]:
    equal = len(difference.a.files.keys() | difference.b.files.keys()) - len(difference.files)
    yield f"files: {_counts(difference.files)}, {equal} equal"
    shown = difference.files[:top]
    for file in shown:
        yield f"  {_WORDS.get(file.kind, 'differs'):<9}  {clean(file.path, 120)}{_where(file)}"
    yield from _rest(len(difference.files) - len(shown))


def _where(file: FileDifference) -> str:
    if file.kind is not Kind.BYTES:
        return ""
    sizes = "" if file.size_a == file.size_b else f"; {file.size_a:,} and {file.size_b:,} bytes"
    return f"  first at byte {file.first_byte:,}{sizes}"


def _counts(items: "tuple[FileDifference, ...] | tuple[TensorDifference, ...]") -> str:
    kinds = [item.kind for item in items]
    one_sided = [f"{kinds.count(k)} {word}" for k, word in _WORDS.items() if k in kinds]
    return ", ".join([f"{sum(k not in _WORDS for k in kinds)} differ", *one_sided])


def _tensors(difference: Difference, top: int) -> Iterator[str]:
    if not difference.a.tensors and not difference.b.tensors:
        return
    yield f"tensors: {_counts(difference.tensors)}, {difference.equal_tensors} equal"
    if not difference.tensors:
        yield "  the files differ only in how they pack the tensors, or in what is no tensor"
        return
    changed = difference.changed
    unlike = [t for t in difference.tensors if t.statistics is None]
    for tensor in unlike[:top]:
        yield f"  {_unlike(tensor)}"
    yield from _rest(len(unlike) - top)
    if changed:
        yield from _table(changed[:top])
        yield from _rest(len(changed) - top)


def _unlike(tensor: TensorDifference) -> str:
    name = clean(tensor.name, 120)
    if tensor.a is None or tensor.b is None:
        ref = tensor.shown
        return f"{_WORDS[tensor.kind]:<9}  {name}  {ref.dtype} {list(ref.shape)}"
    if tensor.kind is Kind.BYTES:
        return (
            f"bytes      {name}  {tensor.a.dtype} {list(tensor.a.shape)}  first at byte {tensor.first_byte:,}"
        )
    a, b = (f"{ref.dtype} {list(ref.shape)}" for ref in (tensor.a, tensor.b))
    return f"{tensor.kind.value:<9}  {name}  {a} -> {b}"


def _table(tensors: tuple[TensorDifference, ...]) -> Iterator[str]:
    head = ("tensor", "dtype", "first byte", "differing", "max abs", "mean abs", "relative L2")
    rows = [head, *(_row(t) for t in tensors)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [cell.rjust(w) for cell, w in zip(row[2:], widths[2:], strict=True)]
        yield "  " + "  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), *cells]).rstrip()


def _row(tensor: TensorDifference) -> tuple[str, ...]:
    found, a, b = tensor.statistics, tensor.a, tensor.b
    assert found is not None and a is not None and b is not None
    dtype = a.dtype if a.dtype == b.dtype else f"{a.dtype} -> {b.dtype}"
    first = "" if tensor.first_byte is None else f"{tensor.first_byte:,}"
    share = f"{found.differing:,} of {found.elements:,}"
    relative = "A is zero" if found.relative_l2 is None else f"{found.relative_l2:.3e}"
    if found.non_finite:
        relative += f" ({found.non_finite:,} not finite)"
    numbers = (f"{found.max_abs:.3e}", f"{found.mean_abs:.3e}", relative)
    return (clean(tensor.name, 80), dtype, first, share, *numbers)


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count} more"
