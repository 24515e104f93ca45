"""A picture of where two models differ: by layer, and by kind of tensor. Needs matplotlib."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forge.diff import Difference, TensorDifference
from verifier.errors import EvidenceMissingError, UsageError
from verifier.report.text import clean

FORMATS = (".png", ".svg")
MAX_ROWS = 48
"""More kinds of tensors than this cannot be read; the most different ones are shown."""

_LAYER = re.compile(r"(?P<stack>.*?)\.(?P<layer>\d{1,4})\.(?P<rest>.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(slots=True)
class Cell:
    """The tensors of one kind in one layer.

    Attributes:
        difference_norm, norm: Euclidean norms over them.
        unlike: some of them are on one side alone, or have another shape or dtype that cannot be compared.
    """

    difference_norm: float = 0.0
    norm: float = 0.0
    unlike: bool = False

    def add(self, tensor: TensorDifference) -> None:
        """Count one tensor in."""
        if tensor.statistics is None:
            self.unlike = True
            return
        self.difference_norm = math.hypot(self.difference_norm, tensor.statistics.difference_norm)
        self.norm = math.hypot(self.norm, tensor.statistics.norm)

    @property
    def relative(self) -> float | None:
        """Relative L2 difference; None where nothing was measured."""
        if self.difference_norm == 0:
            return None
        return self.difference_norm / self.norm if self.norm else math.inf


@dataclass(slots=True)
class Grid:
    """What the picture shows.

    Attributes:
        cells: (kind, layer) -> its tensors; layer None stands for tensors outside of layers.
        layers: (stack, layer) -> all tensors of a layer.
    """

    cells: dict[tuple[str, int | None], Cell] = field(default_factory=dict)
    layers: dict[tuple[str, int], Cell] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """Row labels, the tensors outside of layers first; at most :data:`MAX_ROWS`, the most different."""
        worst: dict[str, float] = {}
        for (kind, _), cell in self.cells.items():
            worst[kind] = max(worst.get(kind, 0.0), cell.relative or 0.0)
        shown = sorted(worst, key=lambda k: (-worst[k], k))[:MAX_ROWS]
        return sorted(shown, key=lambda k: (not any(c == (k, None) for c in self.cells), k))


def place(name: str) -> tuple[str, int | None, str]:
    """Stack, layer and kind of a tensor: its first number counts layers, later ones become ``*``.

    Example:
        >>> place("model.layers.3.mlp.experts.7.up_proj.weight")
        ('model.layers', 3, 'model.layers.#.mlp.experts.*.up_proj.weight')
    """
    match = _LAYER.match(name)
    if match is None:
        return "", None, name
    rest = _NUMBER.sub("*", f".{match['rest']}")[1:]
    return match["stack"], int(match["layer"]), f"{match['stack']}.#.{rest}"


def grid(tensors: Iterable[TensorDifference]) -> Grid:
    """Differing tensors by kind and layer."""
    found = Grid()
    for tensor in tensors:
        stack, layer, kind = place(tensor.name)
        found.cells.setdefault((kind, layer), Cell()).add(tensor)
        if layer is not None:
            found.layers.setdefault((stack, layer), Cell()).add(tensor)
    return found


def check_format(path: str | Path) -> Path:
    """The path, if a picture can be written there.

    Raises:
        UsageError: another ending than ``.png`` or ``.svg``.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: expected a name that ends in {' or '.join(FORMATS)}")
    return Path(path)


def require() -> None:
    """Make sure that pictures can be drawn, before any work is spent.

    Raises:
        EvidenceMissingError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise EvidenceMissingError(
            "a plot: expected matplotlib; found it missing", remedy="pip install 'alloy-verifier[plot]'"
        ) from None


def plot(difference: Difference, path: str | Path) -> None:
    """Draw the differences per layer into a PNG or SVG file.

    The upper part has one bar for each layer: the relative L2 difference over the layer's differing tensors.
    The lower part splits it by kind of tensor. White means no difference, a cross that tensors are on one
    side alone or have another shape.

    Raises:
        UsageError: not a ``.png`` or ``.svg``.
        EvidenceMissingError: matplotlib is not installed.
    """
    target = check_format(path)
    require()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    found = grid(difference.tensors)
    kinds = found.kinds
    columns = sorted({layer for _, layer in found.cells if layer is not None})
    width = min(24.0, 6.5 + 0.22 * (columns[-1] + 2 if columns else 2))
    figure = Figure(figsize=(width, 3.4 + 0.24 * max(4, len(kinds))), dpi=120, layout="constrained")
    figure.suptitle(_title(difference), fontsize=11, x=0.01, ha="left")
    if not kinds:
        figure.text(0.5, 0.45, "No tensor differs.", ha="center", fontsize=14)
    else:
        last = columns[-1] if columns else 0
        bars, cells = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 0.24 * max(4, len(kinds))])
        _bars(bars, found.layers)
        _cells(figure, cells, found.cells, kinds, last)
    # No dates and no random ids: the same comparison gives the same file.
    metadata: dict[str, Any] = {"Date": None} if target.suffix.lower() == ".svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "alloy-diff"}):
        figure.savefig(target, metadata=metadata)


def _title(difference: Difference) -> str:
    a, b = (clean(side.root.name or side.root, 60) for side in (difference.a, difference.b))
    count = len(difference.tensors)
    return f"{b} against {a}: {count} tensors differ, {difference.equal_tensors} are equal"


def _bars(axes: Any, layers: Mapping[tuple[str, int], Cell]) -> None:
    stacks = sorted({stack for stack, _ in layers})
    width = 0.8 / max(1, len(stacks))
    for i, stack in enumerate(stacks):
        values = {layer: c.relative for (s, layer), c in layers.items() if s == stack}
        finite = {layer: v for layer, v in values.items() if v is not None and math.isfinite(v)}
        offset = (i - (len(stacks) - 1) / 2) * width
        axes.bar([layer + offset for layer in finite], finite.values(), width=width, label=clean(stack, 40))
    axes.set_ylabel("relative L2 difference\nof the layer's\ndiffering tensors", fontsize=9)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(stacks) > 1:
        axes.legend(fontsize=8, frameon=False, ncols=2)


def _cells(
    figure: Any, axes: Any, cells: Mapping[tuple[str, int | None], Cell], kinds: list[str], last: int
) -> None:
    import matplotlib as mpl
    from matplotlib.colors import LogNorm, Normalize

    values = [[math.nan] * (last + 2) for _ in kinds]
    crosses = []
    for row, kind in enumerate(kinds):
        for layer in (None, *range(last + 1)):
            cell, column = cells.get((kind, layer)), 0 if layer is None else layer + 1
            if cell is not None and cell.relative is not None:
                values[row][column] = cell.relative
            elif cell is not None and cell.unlike:
                crosses.append((column - 1, row))
    finite = [v for line in values for v in line if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    wide = low > 0 and high / low > 30
    norm = LogNorm(low, high) if wide else Normalize(0, high)
    colours = mpl.colormaps["viridis_r"].with_extremes(bad="white", over="black")
    extent = (-1.5, last + 0.5, len(kinds) - 0.5, -0.5)
    shown = [[v if not math.isinf(v) else high * 10 for v in line] for line in values]
    image = axes.imshow(shown, aspect="auto", cmap=colours, norm=norm, extent=extent, interpolation="none")
    if crosses:
        axes.scatter(*zip(*crosses, strict=True), marker="x", s=18, color="crimson", linewidths=1)
        axes.set_title("x: on one side alone, or of another shape", fontsize=8, color="crimson", loc="right")
    axes.axvline(-0.5, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(kinds)), [clean(kind, 70) for kind in kinds], fontsize=8)
    ticks = list(range(0, last + 1, 1 + last // 16))
    axes.set_xticks([-1, *ticks], ["none", *map(str, ticks)])
    axes.set_xlim(-1.5, last + 0.5)
    axes.set_xlabel("layer")
    axes.set_title("white: no difference", fontsize=8, color="dimgrey", loc="left")
    figure.colorbar(image, ax=axes, label="relative L2 difference", pad=0.01, extend="neither")
