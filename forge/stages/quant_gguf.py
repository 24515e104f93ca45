"""quant, format gguf: the model as GGUF files, through llama.cpp's converter and quantiser."""

import shutil
import tempfile
from pathlib import Path

from forge.quant import llama_cpp, naming
from forge.quant.dtypes import widest
from forge.stages.base import Determinism, StageContext, StageResult
from verifier.verdicts import JSON

THREADS = 1
"""Threads of the quantiser. The bytes do not depend on it; one leaves the others to the caller."""


def run(context: StageContext) -> StageResult:
    """Write ``quant/<name>-<type>.gguf`` for each type in ``quantTypes``; the model stays as it is.

    The source of the quantised types is a GGUF file in the widest type of the model's own tensors, so
    that nothing is rounded twice. No importance matrix is used. Every file is loaded in llama.cpp and
    evaluates one token before the stage ends.

    The class is ``device`` for every type. Quantising searches scales in floating point, which fused
    multiply-add rounds differently; and even a file that only copies weights (F16, BF16) has a header of
    the converter's making, which changes with its version. So bytes are equal under the recorded tools
    alone.

    Raises:
        EvidenceMissingError: converter or llama.cpp is not installed.
        DocumentError: ``quantTypes`` names none, or one that is not a GGUF type.
        UsageError: a tool failed, or the result does not load.
    """
    kinds = naming.asked_types(context, "gguf")
    tools = llama_cpp.tools()
    name = naming.model_name(context.source_facts)
    made: list[JSON] = []
    context.artifact.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".quant-", dir=context.artifact) as scratch:
        source_type = widest(context.model)
        converted = _Converted(context.model, name, Path(scratch))
        for done, kind in enumerate(kinds):
            context.on_progress(f"quant {kind}", done, len(kinds))
            target = Path(scratch) / "made.gguf"
            if kind in llama_cpp.CONVERTED:
                shutil.copyfile(converted.get(kind), target)
            else:
                llama_cpp.quantise(converted.get(source_type), target, kind, threads=THREADS)
            checked = llama_cpp.load_check(target, threads=THREADS)
            tensors = llama_cpp.tensor_types(target)
            relative = f"{naming.FOLDER}/{name}-{kind}.gguf"
            placed = naming.install_file(target, context.artifact, relative)
            made.append(
                {"type": kind, **placed, "tensorTypes": tensors, "loadCheck": {**checked, "finite": True}}
            )
    context.on_progress("quant", len(kinds), len(kinds))
    return StageResult(
        record={
            "outputs": made,
            "source": {"type": source_type, **naming.input_digest(context.model)},
            "tools": tools,
            "threads": THREADS,
            "imatrix": None,
        },
        determinism=Determinism.DEVICE,
        files=tuple(f"{naming.FOLDER}/{name}-{kind}.gguf" for kind in kinds),
    )


class _Converted:
    """GGUF files that the converter wrote, each once."""

    def __init__(self, model: Path, name: str, scratch: Path) -> None:
        self._model, self._name, self._scratch = model, name, scratch

    def get(self, kind: str) -> Path:
        path = self._scratch / f"converted-{kind}.gguf"
        if not path.exists():
            llama_cpp.convert(self._model, path, self._name, kind, threads=THREADS)
        return path
