"""What the stages share that write a quantised model as a folder of its own."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from forge.quant import naming
from forge.quant.staging import stage
from forge.stages.base import Determinism, StageContext, StageResult
from verifier.verdicts import JSON

Make = Callable[[Path, Path, str], Mapping[str, JSON]]
"""Takes a folder with the model's data, the folder to make, and the type; tells how the load check went."""


def quantise(context: StageContext, quant_format: str, make: Make, record: Mapping[str, JSON]) -> StageResult:
    """Make ``quant/<name>-<format>-<type>/`` for each type in ``quantTypes``; the model stays as it is.

    Args:
        context: the stage's.
        quant_format: ``bnb`` or ``mlx``.
        make: writes one type.
        record: what to record beside outputs and inputs: tools and settings.

    Raises:
        DocumentError: ``quantTypes`` names none, or an unknown one.
        UsageError: the tool failed, or a result does not load.
    """
    kinds = naming.asked_types(context, quant_format)
    name = naming.model_name(context.source_facts)
    made: list[JSON] = []
    paths: list[str] = []
    context.artifact.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".quant-", dir=context.artifact) as scratch:
        source = stage(context.model, Path(scratch) / "source" / name)
        for done, kind in enumerate(kinds):
            context.on_progress(f"quant {quant_format} {kind}", done, len(kinds))
            target = Path(scratch) / "made"
            checked = make(source, target, kind)
            add_missing(source, target)
            relative = f"{naming.FOLDER}/{name}-{quant_format}-{kind}"
            files = naming.install_folder(target, context.artifact, relative)
            paths += [str(entry["file"]) for entry in files]
            made.append({"type": kind, "files": list(files), "loadCheck": {**checked, "finite": True}})
    context.on_progress(f"quant {quant_format}", len(kinds), len(kinds))
    return StageResult(
        record={"outputs": made, "source": naming.input_digest(context.model), **record},
        determinism=Determinism.DEVICE,
        files=tuple(paths),
    )


def add_missing(source: Path, target: Path) -> None:
    """Copy what a tool left out (tokenizer, chat template, generation settings), weights excepted."""
    for path in sorted(source.iterdir()):
        weights = path.suffix == ".safetensors" or path.name.endswith(".index.json")
        if not weights and not (target / path.name).exists():
            (target / path.name).write_bytes(path.read_bytes())
