"""quant, format mlx: the model in MLX's quantised safetensors, through mlx-lm."""

from collections.abc import Mapping
from pathlib import Path

from forge.quant import folders, packages, process
from forge.stages.base import StageContext, StageResult
from verifier.verdicts import JSON

GROUP = 64
"""Weights that share a scale and an offset; mlx-lm's own default."""

THREADS = 1
TOOLS = ("mlx", "mlx-lm", "transformers")


def run(context: StageContext) -> StageResult:
    """Write ``quant/<name>-mlx-<n>bit/`` for each type in ``quantTypes`` (affine, groups of 64).

    Every folder is loaded by mlx-lm and evaluates one token. The class is ``device``: scales are found in
    floating point.

    Raises:
        EvidenceMissingError: mlx or mlx-lm is not installed.
        DocumentError: ``quantTypes`` names none, or one that MLX does not have.
        UsageError: mlx-lm failed (it knows fewer families than transformers), or the result does not load.
    """
    versions = packages.need(f"stage {context.index}: quant mlx", "mlx", TOOLS)

    def make(source: Path, target: Path, kind: str) -> Mapping[str, JSON]:
        request = {
            "source": str(source),
            "target": str(target),
            "bits": int(kind.removesuffix("bit")),
            "group": GROUP,
        }
        return process.ask(f"quant mlx {kind}", "forge.quant.mlx_worker", request, threads=THREADS)

    backend = {name: found for name in ("mlx-cpu", "mlx-metal") if (found := packages.version(name))}
    settings = {"mode": "affine", "groupSize": GROUP, "threads": THREADS}
    return folders.quantise(context, "mlx", make, {"tools": {**versions, **backend}, "settings": settings})
