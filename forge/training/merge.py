"""What was learnt goes back into the checkpoint: changed tensors anew, all others byte for byte as they were.

The result has the source's tensor names, dtypes and file names. Changed tensors are computed from the bytes
on disk, one at a time, and lie in a scratch file until the shards are written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge.stages.base import Progress, silent
from forge.tensors.cuts import whole
from forge.tensors.documents import INDEX_FILE
from forge.tensors.durable import write_atomically
from forge.tensors.header import in_file_order
from forge.tensors.model import ModelFolder, TensorRef, copy_side_files, read
from forge.tensors.plan import Copy, TensorPlan
from forge.tensors.run import receipt_path, run_task
from forge.tensors.shards import DEFAULT_METADATA, ShardTask, index_bytes
from verifier.errors import DocumentError

DTYPES: Mapping[str, str] = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""safetensors dtypes that can be trained -> torch's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A tensor with new numbers, as bytes in its own dtype."""

    name: str
    data: bytes


def as_torch(ref: TensorRef, data: bytes | None = None) -> Any:
    """The tensor's numbers.

    Raises:
        DocumentError: a dtype that cannot be trained.
    """
    import torch

    if ref.dtype not in DTYPES:
        raise DocumentError(
            f"{ref.name}: dtype: expected one of {', '.join(DTYPES)}; found {ref.dtype}",
            remedy="train before quantising",
        )
    raw = bytearray(read(ref) if data is None else data)
    return torch.frombuffer(raw, dtype=getattr(torch, DTYPES[ref.dtype])).reshape(ref.shape)


def as_bytes(ref: TensorRef, values: Any) -> bytes:
    """``values`` rounded to the dtype of ``ref``.

    Raises:
        DocumentError: a number does not fit into the dtype, or is none.
    """
    import torch

    rounded = values.to(getattr(torch, DTYPES[ref.dtype])).contiguous().cpu()
    if not bool(torch.isfinite(rounded).all()):
        raise DocumentError(f"{ref.name}: expected finite numbers in {ref.dtype}; found others")
    return bytes(rounded.view(torch.uint8).numpy().tobytes()) if rounded.dim() else rounded.numpy().tobytes()


def disk_name(
    model: ModelFolder, parameter: str, shape: tuple[int, ...], guarded: tuple[str, ...] = ()
) -> str | None:
    """Name on disk of a parameter in memory; None if no tensor, or none alone, can be it.

    The name itself, or the one tensor of that shape whose name ends the same from ``layers.`` on: checkpoints
    and transformers differ in prefixes alone where a tensor was not fused. Names below ``guarded`` prefixes
    come into question only by themselves.
    """
    if parameter in model.tensors:
        return parameter if model.tensors[parameter].shape == shape else None
    head, found, tail = parameter.partition("layers.")
    if not found:
        return None
    suffix = f"layers.{tail}"
    fitting = [
        n
        for n, ref in model.tensors.items()
        if n.endswith(f".{suffix}") and ref.shape == shape and not n.startswith(guarded)
    ]
    if len(fitting) > 1:  # towers have layers, too: then what stands before has to agree as well
        last = head.rstrip(".").rpartition(".")[2]
        fitting = [n for n in fitting if n.removesuffix(suffix).rstrip(".").rpartition(".")[2] == last]
    return fitting[0] if len(fitting) == 1 else None


def same_numbers(ref: TensorRef, held: Any) -> bool:
    """Whether a loaded parameter holds what is on disk, in its own dtype."""
    import torch

    stored = as_torch(ref)
    return stored.shape == held.shape and torch.equal(stored.to(held.dtype), held.detach().cpu())


def write(model: ModelFolder, changed: Iterable[Changed], out: Path, on_progress: Progress = silent) -> None:
    """Write a complete model folder in which the ``changed`` tensors are new.

    Args:
        model: the source; every file of it has its counterpart of the same name.
        changed: taken one at a time.
        out: folder that does not exist yet.
        on_progress: told bytes.

    Raises:
        DocumentError: a changed tensor is not in the source or has another size.
    """
    copy_side_files(model.root, out)
    scratch = out.parent / f".{out.name}.changed"
    try:
        pieces = _scratch(model, changed, scratch)
        todo = _tasks(model, pieces, out)
        total, done = sum(t.size for t in todo), 0
        for task in todo:
            run_task(task, _shifted(on_progress, done, total))
            done += task.size
        if len(todo) > 1:
            write_atomically(out / INDEX_FILE, index_bytes(todo))
        for task in todo:
            receipt_path(task.output).unlink(missing_ok=True)
    finally:
        scratch.unlink(missing_ok=True)


def _shifted(on_progress: Progress, before: int, total: int) -> Progress:
    return lambda what, done, _: on_progress(what, before + done, total)


def _scratch(model: ModelFolder, changed: Iterable[Changed], path: Path) -> dict[str, Copy]:
    pieces: dict[str, Copy] = {}
    with path.open("wb") as file:
        for item in changed:
            ref = model.tensors.get(item.name)
            if ref is None or len(item.data) != ref.size:
                found = "no such tensor" if ref is None else f"{ref.size} bytes"
                raise DocumentError(
                    f"{item.name}: expected a tensor of {len(item.data)} bytes; found {found}"
                )
            pieces[item.name] = Copy(path, file.tell(), ref.size)
            file.write(item.data)
    return pieces


def _tasks(model: ModelFolder, pieces: Mapping[str, Copy], out: Path) -> list[ShardTask]:
    plans: dict[str, list[TensorPlan]] = {name: [] for name in model.files}
    for name, ref in model.tensors.items():
        plan = whole(ref)
        if name in pieces:
            plan = TensorPlan(name=name, dtype=ref.dtype, shape=ref.shape, pieces=(pieces[name],))
        plans[ref.path.name].append(plan)
    metadata = tuple(sorted((model.metadata or DEFAULT_METADATA).items()))
    return [
        ShardTask(out=out, filename=name, plans=in_file_order(group), metadata=metadata)
        for name, group in plans.items()
    ]
