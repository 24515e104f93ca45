"""Doing one shard task: temporary file, digest on the way, flushed to the disk, renamed; once.

A finished file leaves a receipt beside it, a hidden JSON file with its digest and the digest of the task: its
plan, and identity of every source (path, inode, size, times). When the same task is run again and receipt and
sources are as before, the file is read and digested, not written; if its bytes are those of the receipt, it
stands, otherwise it is written anew. So no digest is ever reported for bytes that this run has not seen. What
is trusted is that a source with the same inode, size, modification and change time has the same bytes.

The receipt is made durable before the file gets its name: a name that no receipt speaks of is not this
module's work, and is never replaced unless the task makes the very same bytes.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from forge.stages.base import Progress, silent
from forge.tensors.durable import sync_folder, write_atomically
from forge.tensors.pieces import emit
from forge.tensors.plan import WrittenFile
from forge.tensors.shards import ShardTask
from forge.tensors.sources import Sources, identify, ranges_of
from forge.tensors.writer import BUFFER_BYTES, Sink
from verifier.errors import UsageError
from verifier.evidence.hashing import sha256_file

_RECEIPT = "alloy-shard/1"
_PROGRESS_BYTES = 4 * 1024 * 1024


def receipt_path(output: Path) -> Path:
    """Where the receipt of a file lies."""
    return output.with_name(f".{output.name}.receipt.json")


def partial_path(output: Path) -> Path:
    """Where a file lies while it is being written."""
    return output.with_name(f".{output.name}.partial")


def run_task(task: ShardTask, on_progress: Progress = silent) -> WrittenFile:
    """Write one file of a rewrite, or find that it is written already.

    Depends on nothing but the task and its inputs, so that tasks can run in any order and on any machine that
    sees the same files. Two runs of one task exclude each other.

    Args:
        task: what to write; its folder must exist.
        on_progress: told the file's name, bytes done and bytes in all.

    Raises:
        UsageError: a source is missing, unreadable, too short or changes; the disk is full; another process
            writes the same file; a file of this name with other contents is there. It then is as before.
    """
    digest = _task_digest(task)
    receipt = _read_receipt(task.output)
    size = task.size
    if receipt is not None and receipt["task"] == digest and _size(task.output) == receipt["size"]:
        found = _digest(task.output, size, on_progress)
        if found == receipt["sha256"]:
            _drop_partial(task.output)
            return WrittenFile(filename=task.filename, sha256=found, size=size)
    foreign = receipt is None and os.path.lexists(task.output)
    if foreign and not _could_be(task):
        raise _foreign(task.output)
    try:
        return _write(task, digest, size, foreign, on_progress)
    except OSError as error:
        raise UsageError(
            f"{task.output}: expected to write {size} bytes; found: {error.strerror or error}",
            remedy="make room on the disk or choose another folder, then run again; finished files are kept",
        ) from None


def _write(task: ShardTask, digest: str, size: int, foreign: bool, on_progress: Progress) -> WrittenFile:
    with _partial(task.output) as (partial, descriptor):
        sha256, written = _fill(task, descriptor, size, on_progress)
        # Not earlier, beside the writing: a flush holds up writes to the same file (measured: half as fast).
        os.fsync(descriptor)
        if _task_digest(task) != digest:
            raise UsageError(
                f"{task.filename}: expected sources that do not change; found one changed in the meantime",
                remedy="run again when nothing writes to the source model",
            )
        if foreign and sha256_file(task.output) != sha256:
            raise _foreign(task.output)
        record = {"schema": _RECEIPT, "task": digest, "sha256": sha256, "size": written}
        write_atomically(receipt_path(task.output), json.dumps(record).encode())
        partial.replace(task.output)
    sync_folder(task.out)
    return WrittenFile(filename=task.filename, sha256=sha256, size=written)


def _fill(task: ShardTask, descriptor: int, size: int, on_progress: Progress) -> tuple[str, int]:
    expected = ranges_of(piece for plan in task.plans for piece in plan.pieces)
    with Sources(expected) as sources, Sink(descriptor, _meter(task.filename, size, on_progress)) as sink:
        _send(task.header, sink)
        for plan in task.plans:
            for piece in plan.pieces:
                emit(piece, sources, sink)
        return sink.finish()


def _send(data: bytes, sink: Sink) -> None:
    done = 0
    while done < len(data):
        view = sink.room()[: len(data) - done]
        view[:] = data[done : done + len(view)]
        sink.advance(len(view))
        done += len(view)


def _meter(what: str, total: int, on_progress: Progress) -> Callable[[int], None]:
    done = told = 0

    def add(count: int) -> None:
        nonlocal done, told
        done += count
        if done - told >= _PROGRESS_BYTES or done == total:
            on_progress(what, done, total)
            told = done

    return add


@contextmanager
def _partial(output: Path) -> Iterator[tuple[Path, int]]:
    """The empty temporary file of ``output``, locked; gone afterwards unless it was renamed."""
    path = partial_path(output)
    descriptor = _claim(path)
    try:
        yield path, descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _drop_partial(output: Path) -> None:
    """Remove what a run left that was killed when a file of the same bytes stood there already."""
    path = partial_path(output)
    if path.exists():
        descriptor = _claim(path)
        path.unlink()
        os.close(descriptor)


def _claim(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have renamed or removed it in between; then it is not ours to empty.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise UsageError(
                f"{path}: expected to write alone; found another process that writes it",
                remedy="wait for it to end",
            ) from None
        os.close(descriptor)


def _task_digest(task: ShardTask) -> str:
    """Digest of everything that the file's bytes follow from."""
    digest = hashlib.sha256(repr((_RECEIPT, task.filename, task.metadata)).encode())
    for path in task.inputs:
        digest.update(json.dumps(asdict(identify(path))).encode())
    for plan in task.plans:
        digest.update(repr(plan).encode())
    return digest.hexdigest()


def _read_receipt(output: Path) -> dict[str, str | int] | None:
    try:
        receipt = json.loads(receipt_path(output).read_bytes()[:4096])
    except (OSError, ValueError, RecursionError):
        return None
    kinds = {"schema": str, "task": str, "sha256": str, "size": int}
    sound = isinstance(receipt, dict) and all(isinstance(receipt.get(k), kind) for k, kind in kinds.items())
    return receipt if sound and receipt["schema"] == _RECEIPT else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _could_be(task: ShardTask) -> bool:
    """Whether the file that is there has the size and the header that the task will write."""
    header = task.header
    if _size(task.output) != task.size:
        return False
    with task.output.open("rb") as file:
        return file.read(len(header)) == header


def _digest(path: Path, total: int, on_progress: Progress) -> str:
    digest, add = hashlib.sha256(), _meter(path.name, total, on_progress)
    buffer = memoryview(bytearray(8 * BUFFER_BYTES))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                add(count)
    except OSError:
        return ""
    return digest.hexdigest()


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path}: expected no weights of something else; found a file that this rewrite did not make",
        remedy="choose another folder, or remove the file if nobody needs it",
    )
