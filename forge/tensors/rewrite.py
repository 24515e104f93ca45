"""Writing a model from plans: one pass over the bytes, flat memory, digests on the way, resumable.

What comes out is what ``safetensors`` writes for the same tensors, named as transformers names it.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from forge.stages.base import Progress, silent
from forge.tensors.documents import INDEX_FILE
from forge.tensors.durable import sync_folder, write_atomically
from forge.tensors.plan import TensorPlan, WrittenFile
from forge.tensors.run import receipt_path, run_task
from forge.tensors.shards import DEFAULT_METADATA, ShardTask, index_bytes, tasks
from verifier.errors import UsageError

_OWN = re.compile(
    r"\.{1,2}(model(?:-\d{5}-of-\d{5})?\.safetensors)"
    r"(\.partial|\.receipt\.json|\.receipt\.json\.partial|\.index\.json\.partial)"
)
"""Hidden files that a rewrite makes; the two dots are of the temporary file of a receipt."""


def rewrite(
    plans: Iterable[TensorPlan],
    out: Path,
    *,
    max_shard_bytes: int | None = None,
    shards: int | None = None,
    metadata: Mapping[str, str] | None = DEFAULT_METADATA,
    on_progress: Progress = silent,
) -> tuple[WrittenFile, ...]:
    """Write the weights of a model.

    Killed anywhere and run again with the same plans it ends with the same files, and does not write finished
    ones twice; see :mod:`forge.tensors.run` for what is trusted. Files of an earlier run with other plans, if
    it did not end, are replaced. Weights that no rewrite made are never touched.

    Args:
        plans: the tensors; their order decides which file each goes into (:mod:`forge.tensors.shards`).
        out: folder of the result, made if need be; it may hold side files, but no weights of another model.
        max_shard_bytes: limit of a file's tensors; transformers' 50 GB if neither limit is given.
        shards: how many files instead.
        metadata: for the header of each file; None for none.
        on_progress: told the file, bytes done and bytes in all, over all files.

    Returns:
        The safetensors files in order; the index, if there are several, is not among them.

    Raises:
        UsageError: plans that cannot become files; a source that is missing, unreadable or changes; a full
            disk; weights of something else in ``out``. Finished files are kept for the next run, nothing is
            left half written under its name.
    """
    out = Path(out)
    todo = tasks(plans, out, max_shard_bytes=max_shard_bytes, shards=shards, metadata=metadata)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear(out, todo)
        _check_room(out, todo)
        total, done, written = sum(task.size for task in todo), 0, []
        for task in todo:
            written.append(run_task(task, _shifted(on_progress, done, total)))
            done += task.size
        if len(todo) > 1:
            write_atomically(out / INDEX_FILE, index_bytes(todo))
        for task in todo:
            receipt_path(task.output).unlink(missing_ok=True)
        sync_folder(out)
    except OSError as error:
        raise UsageError(
            f"{out}: expected a folder to write to; found: {error.strerror or error}",
            remedy="make room on the disk or choose another folder",
        ) from None
    return tuple(written)


def _shifted(on_progress: Progress, before: int, total: int) -> Progress:
    return lambda what, done, _: on_progress(what, before + done, total)


def _clear(out: Path, todo: Sequence[ShardTask]) -> None:
    """Remove what an earlier, unfinished rewrite left and this one does not need; refuse foreign weights."""
    here = out.resolve()
    inside = [path for task in todo for path in task.inputs if path.resolve().parent == here]
    if inside:
        raise UsageError(
            f"{out}: expected another folder than the source's; found the source {inside[0].name}"
        )
    names = {task.filename for task in todo}
    hidden = [match for path in out.iterdir() if (match := _OWN.fullmatch(path.name))]
    ours = {match[1] for match in hidden if match[2] == ".receipt.json"}
    present = {p.name for p in out.iterdir() if p.name.endswith((".safetensors", INDEX_FILE))} - names - ours
    index = index_bytes(todo) if len(todo) > 1 else None
    if INDEX_FILE in present and (ours or (out / INDEX_FILE).read_bytes() == index):
        present.discard(INDEX_FILE)
    present = {name for name in present if not name.startswith(".")}
    if present:
        raise UsageError(
            f"{out}: expected no weights of another model; found {', '.join(sorted(present)[:3])}",
            remedy="choose another folder, or remove them if nobody needs them",
        )
    if ours or index is None:
        (out / INDEX_FILE).unlink(missing_ok=True)
    for match in hidden:
        if match[1] not in names:
            (out / match[1]).unlink(missing_ok=True)
        # The data's own temporary file may be locked by a run of this moment; that is found out later.
        if match[1] not in names or match[2] not in (".partial", ".receipt.json"):
            (out / match[0]).unlink(missing_ok=True)


def _check_room(out: Path, todo: Sequence[ShardTask]) -> None:
    """Say at once that the disk is too small, not after an hour."""
    present = sum(task.output.stat().st_size for task in todo if task.output.is_file())
    needed, free = sum(task.size for task in todo) - present, shutil.disk_usage(out).free
    if needed > free:
        raise UsageError(
            f"{out}: expected {needed} free bytes; found {free}", remedy="make room, or choose another disk"
        )
