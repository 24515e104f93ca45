"""quant, format bnb: the model in bitsandbytes' 4-bit or 8-bit safetensors, through transformers."""

from collections.abc import Mapping
from pathlib import Path

from forge.quant import bnb_worker, folders, packages, process
from forge.quant.dtypes import widest
from forge.stages.base import StageContext, StageResult
from verifier.verdicts import JSON

THREADS = 1
TOOLS = ("bitsandbytes", "transformers", "torch", "accelerate")
KINDS = {"nf4": "nf4", "fp4": "fp4", "int8": "int8", "4bit": "nf4", "8bit": "int8"}
"""quantTypes -> what bitsandbytes makes; ``4bit`` alone means NF4 and ``8bit`` LLM.int8, as is usual."""

_COMPUTE = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


def run(context: StageContext) -> StageResult:
    """Write ``quant/<name>-bnb-<type>/`` for each type in ``quantTypes``.

    Every folder is loaded by transformers and evaluates one token. The class is ``device``: scales are
    found in floating point.

    Raises:
        EvidenceMissingError: bitsandbytes or transformers is not installed.
        DocumentError: ``quantTypes`` names none, or one that bitsandbytes does not have.
        UsageError: bitsandbytes failed, or the result does not load.
    """
    versions = packages.need(f"stage {context.index}: quant bnb", "bnb", TOOLS)
    compute = _COMPUTE[widest(context.model)]

    def make(source: Path, target: Path, kind: str) -> Mapping[str, JSON]:
        request = {
            "source": str(source),
            "target": str(target),
            "kind": KINDS[kind],
            "dtype": compute,
            "device": context.device,
            "threads": THREADS,
        }
        return process.ask(f"quant bnb {kind}", "forge.quant.bnb_worker", request, threads=THREADS)

    asked = context.parameters.get("quantTypes")
    kinds = [KINDS[k] for k in asked if k in KINDS] if isinstance(asked, list | tuple) else []
    settings: dict[str, JSON] = {kind: bnb_worker.settings(kind, compute) for kind in kinds}
    record = {"tools": dict(versions), "settings": settings, "device": context.device, "threads": THREADS}
    return folders.quantise(context, "bnb", make, record)
