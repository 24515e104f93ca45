"""Which tensor goes into which file, and the files as tasks that do not know of each other.

The rule is that of transformers (``huggingface_hub.split_torch_state_dict_into_shards``): in the order of the
plans, a file is closed when the next tensor would carry it over the limit; a tensor above the limit gets a
file of its own at that place, while the file before it stays open. The split is a function of the plans'
names, sizes and order alone.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forge.tensors.documents import SINGLE_FILE
from forge.tensors.header import check_plans, header_bytes, in_file_order, tensor_bytes
from forge.tensors.plan import TensorPlan
from forge.tensors.sources import paths_of
from verifier.errors import UsageError

DEFAULT_SHARD_BYTES = 50 * 10**9
"""As in transformers 5 (``save_pretrained(max_shard_size="50GB")``)."""

DEFAULT_METADATA: Mapping[str, str] = {"format": "pt"}
"""What transformers writes and asks for when it loads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """One file of the result. Everything that writing it depends on is in here; it can be pickled.

    Attributes:
        out: folder of the result.
        filename: name of the file in it.
        plans: its tensors, in the order in which they lie in the file.
        metadata: sorted ``__metadata__`` entries; None for none.
    """

    out: Path
    filename: str
    plans: tuple[TensorPlan, ...]
    metadata: tuple[tuple[str, str], ...] | None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that it reads, sorted."""
        return paths_of(piece for plan in self.plans for piece in plan.pieces)

    @property
    def output(self) -> Path:
        """The file that it writes."""
        return self.out / self.filename

    @property
    def header(self) -> bytes:
        """What stands in front of the data."""
        return header_bytes(self.plans, None if self.metadata is None else dict(self.metadata))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header) + sum(tensor_bytes(plan) for plan in self.plans)


def tasks(
    plans: Iterable[TensorPlan],
    out: Path,
    *,
    max_shard_bytes: int | None = None,
    shards: int | None = None,
    metadata: Mapping[str, str] | None = DEFAULT_METADATA,
) -> tuple[ShardTask, ...]:
    """Split a model into independent tasks, one a file.

    Args:
        plans: the tensors of the result; their order decides which file each goes into.
        out: folder of the result.
        max_shard_bytes: limit of a file's tensors, :data:`DEFAULT_SHARD_BYTES` if neither limit is given.
        shards: how many files instead; consecutive tensors, as even as their sizes allow.
        metadata: for the header of each file; None for none.

    Raises:
        UsageError: both limits, a limit that makes no sense, or plans that cannot become files.
    """
    plans = tuple(plans)
    check_plans(plans)
    if max_shard_bytes is not None and shards is not None:
        raise UsageError("shards: expected a limit or a number of files; found both")
    if shards is not None:
        groups = _evenly(plans, shards)
    else:
        groups = _greedily(plans, DEFAULT_SHARD_BYTES if max_shard_bytes is None else max_shard_bytes)
    entries = None if metadata is None else tuple(sorted(metadata.items()))
    return tuple(
        ShardTask(out=out, filename=name, plans=in_file_order(group), metadata=entries)
        for name, group in zip(_filenames(len(groups)), groups, strict=True)
    )


def index_bytes(all_tasks: Sequence[ShardTask]) -> bytes:
    """``model.safetensors.index.json`` as transformers 5 writes it.

    ``total_parameters`` counts the elements of all tensors. transformers counts the model's parameters, which
    is less where a checkpoint holds buffers and more or less where it is quantised.
    """
    plans = [plan for task in all_tasks for plan in task.plans]
    index = {
        "metadata": {
            "total_parameters": sum(math.prod(plan.shape) for plan in plans),
            "total_size": sum(tensor_bytes(plan) for plan in plans),
        },
        "weight_map": {plan.name: task.filename for task in all_tasks for plan in task.plans},
    }
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()


def _greedily(plans: Sequence[TensorPlan], limit: int) -> list[list[TensorPlan]]:
    if limit < 1:
        raise UsageError(f"shard size: expected at least 1 byte; found {limit}")
    groups: list[list[TensorPlan]] = []
    current: list[TensorPlan] = []
    size = 0
    for plan in plans:
        added = tensor_bytes(plan)
        if added > limit:
            groups.append([plan])
            continue
        if size + added > limit:
            groups.append(current)
            current, size = [], 0
        current.append(plan)
        size += added
    return [*groups, current] if current else groups


def _evenly(plans: Sequence[TensorPlan], count: int) -> list[list[TensorPlan]]:
    """Close file k (from 1) once k/count of all bytes are placed, but leave a tensor for each later file."""
    if not 1 <= count <= len(plans):
        raise UsageError(f"shards: expected 1 to {len(plans)}, the number of tensors; found {count}")
    total = sum(tensor_bytes(plan) for plan in plans)
    groups: list[list[TensorPlan]] = [[]]
    placed = 0
    for i, plan in enumerate(plans):
        groups[-1].append(plan)
        placed += tensor_bytes(plan)
        left, wanted = len(plans) - i - 1, count - len(groups)
        if wanted and (left == wanted or placed * count >= total * len(groups)):
            groups.append([])
    return groups


def _filenames(count: int) -> list[str]:
    if count == 1:
        return [SINGLE_FILE]
    return [f"model-{i:05d}-of-{count:05d}.safetensors" for i in range(1, count + 1)]
