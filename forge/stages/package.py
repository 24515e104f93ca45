"""Stage package: the same tensors in other files. Values are never changed.

``safetensors`` writes one file, ``safetensors-sharded`` several, ``safetensors-defragged`` all tensors in the
order of their names, without the heads that a recorded selection marks as dead, if the stage names one.
``shards`` or ``maxShardSize`` say how many files or how large.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from forge.folders import files_of, remove
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.cuts import whole
from forge.tensors.model import ModelFolder, open_model
from forge.tensors.plan import TensorPlan
from forge.tensors.rewrite import rewrite
from forge.tensors.sidefiles import copy_side_files
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

SHARD_BYTES = 5 * 10**9
"""Size of a shard where the stage asks for several and says neither number nor size."""

_SIZE = re.compile(r"(\d{1,9})\s*(B|KB|MB|GB|KiB|MiB|GiB)\Z")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_TOKENIZER = ("tokenizer", "special_tokens_map", "added_tokens", "vocab", "merges", "chat_template")


def run(context: StageContext) -> StageResult:
    """Write the model again in the files that the stage asks for.

    Raises:
        DocumentError: a size that is none, or GGUF files that no stage has made.
        UsageError: more files than tensors, or heads that cannot be cut out.
    """
    if context.method == "package_gguf":
        return _gguf(context)
    if context.method == "package_safetensors_defragged" and context.parameters.get("selectionFile"):
        return _without_dead_heads(context)
    return _repack(context, context.model, {})


def _repack(context: StageContext, source: Path, cut: Mapping[str, JSON]) -> StageResult:
    model = open_model(source)
    limits = _limits(context)
    by_name = context.method == "package_safetensors_defragged"
    written = rewrite(
        _plans(model, by_name=by_name),
        context.out,
        metadata=model.metadata or None,
        on_progress=context.on_progress,
        **limits,
    )
    names = copy_side_files(source, context.out)
    left_out = []
    if context.parameters.get("includeTokenizer") is False:
        left_out = [name for name in names if name.startswith(_TOKENIZER)]
        for name in left_out:
            (context.out / name).unlink()
    return StageResult(
        record={
            "files": [w.filename for w in written],
            "tensors": len(model.tensors),
            "order": "name" if by_name else "as before",
            "leftOut": left_out,
            **cut,
        },
        determinism=Determinism.BYTES,
        model=context.out,
        written=written,
    )


def _plans(model: ModelFolder, *, by_name: bool) -> Iterator[TensorPlan]:
    refs = model.tensors.values()
    return (whole(ref) for ref in (sorted(refs, key=lambda r: r.name) if by_name else refs))


def _without_dead_heads(context: StageContext) -> StageResult:
    """Cut the recorded heads out, then repack; the intermediate model is removed."""
    from forge.stages import prune

    scratch = context.out.with_name(f"{context.out.name}-cut")
    remove(scratch)
    cut = prune.cut(replace(context, out=scratch, replay=True))
    result = _repack(context, cut.model or context.model, {"cut": dict(cut.record)})
    remove(scratch)
    return replace(result, fields=cut.fields, files=cut.files)


def _limits(context: StageContext) -> dict[str, int]:
    shards, size = context.parameters.get("shards"), context.parameters.get("maxShardSize")
    if shards is not None:
        if size is not None:
            raise UsageError(f"stage {context.index}: expected shards or maxShardSize; found both")
        return {"shards": int(shards)}
    if size is not None:
        return {"max_shard_bytes": _bytes(context, size)}
    if context.method == "package_safetensors_sharded":
        return {"max_shard_bytes": SHARD_BYTES}
    return {"shards": 1}


def _bytes(context: StageContext, size: JSON) -> int:
    """Bytes of a size such as ``5GB``, as transformers spells it, or of a plain number."""
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = _SIZE.match(size) if isinstance(size, str) else None
    if match is None or int(match[1]) == 0:
        raise DocumentError(
            f"stage {context.index}: maxShardSize: expected bytes, or a text such as 5GB; found {size!r:.40}",
            pointer=f"/stages/{context.index}/maxShardSize",
        )
    return int(match[1]) * _UNITS[match[2]]


def _gguf(context: StageContext) -> StageResult:
    """GGUF files are complete as the quantiser writes them; there must be some."""
    made = [p for p in files_of(context.artifact) if p.endswith(".gguf")] if context.artifact.is_dir() else []
    if not made:
        raise DocumentError(
            f"stage {context.index}: package gguf: expected GGUF files of an earlier stage; found none",
            pointer=f"/stages/{context.index}/format",
            remedy="add a quant stage with format gguf before it",
        )
    return StageResult(record={"files": made, "done": "nothing to repack"}, determinism=Determinism.BYTES)
