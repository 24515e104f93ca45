"""What a stage on the language side must leave alone, taken down before it and compared bit for bit after it.

Guarded are a family's towers (vision, audio, speech), the rows of special tokens in the embedding and in an
untied output head, and the configuration keys that name these tokens or describe the towers. Tensors are
digested as streams, so memory does not grow with the model.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from forge.families.adapter import FamilyAdapter
from forge.families.language import at
from forge.tensors.model import ModelFolder, TensorRef
from verifier.errors import DocumentError, GuardError, UsageError
from verifier.verdicts import JSON

TOKEN_TENSORS = (
    "model.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "thinker.model.embed_tokens.weight",
    "lm_head.weight",
    "thinker.lm_head.weight",
)
"""Names under which checkpoints of the known families keep tensors with one row per token of the text."""

_CHUNK = 4 << 20
_REMEDY = "the stage is wrong, or the family declares too much as guarded; nothing was kept of its result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What was there before a stage.

    Attributes:
        architecture: of the family that declared it.
        prefixes: of guarded tensors; no new tensor may appear below them.
        tensors: guarded tensor -> sha256 over dtype, shape and bytes.
        rows: (tensor, token id) -> sha256 over dtype, row length and bytes.
        config: dotted path of a key -> its value; a key that is absent is not in here, but in ``absent``.
        absent: dotted paths of guarded keys that the configuration did not have.
        without_row: token ids beyond the end of the embedding, which have no row to guard.
        size: guarded bytes.
    """

    architecture: str
    prefixes: tuple[str, ...]
    tensors: Mapping[str, str]
    rows: Mapping[tuple[str, int], str]
    config: Mapping[str, JSON]
    absent: tuple[str, ...]
    without_row: tuple[int, ...] = ()
    size: int = 0

    def summary(self) -> dict[str, JSON]:
        """Counts, for the record of a stage."""
        return {
            "tensors": len(self.tensors),
            "tokenRows": len(self.rows),
            "tokensWithoutRow": list(self.without_row),
            "configKeys": sorted(self.config),
            "bytes": self.size,
        }


def build(adapter: FamilyAdapter, model: ModelFolder) -> Guard:
    """Digest everything in ``model`` that ``adapter`` declares as guarded; empty for most families.

    Raises:
        DocumentError: a key that should name a token does not, or a family with special tokens has no
            embedding under a known name.
    """
    config, absent = _keys(adapter, model.config)
    tokens = _token_ids(adapter, config)
    tensors = {n: _digest(ref) for n, ref in sorted(model.tensors.items()) if n.startswith(adapter.guarded)}
    rows: dict[tuple[str, int], str] = {}
    size = sum(model.tensors[n].size for n in tensors)
    tables = [t for n in TOKEN_TENSORS if (t := model.tensors.get(n)) and len(t.shape) == 2]
    if tokens and not tables:
        raise DocumentError(
            f"{model.root}: expected an embedding named {', '.join(TOKEN_TENSORS)}; found none",
            remedy="add the name to TOKEN_TENSORS in forge/families/guard.py",
        )
    for table in tables if tokens else ():
        for token in tokens:
            if token < table.shape[0]:
                rows[(table.name, token)] = _row_digest(table, token)
                size += table.size // table.shape[0]
    return Guard(
        architecture=adapter.architecture,
        prefixes=adapter.guarded,
        tensors=tensors,
        rows=rows,
        config=config,
        absent=absent,
        without_row=tuple(t for t in tokens if all(t >= table.shape[0] for table in tables)),
        size=size,
    )


def verify(guard: Guard, model: ModelFolder) -> None:
    """Compare ``model`` with what was taken down; returns only if all of it is the same, bit for bit.

    Raises:
        GuardError: names the first configuration key, tensor or row that differs, is missing or is new.
    """
    _verify_config(guard, model.config)
    new = sorted(n for n in model.tensors if n.startswith(guard.prefixes) and n not in guard.tensors)
    if guard.prefixes and new:
        raise _violation(guard, f"tensor {new[0]}", "no new tensor there", "one", culprit=new[0])
    for name, digest in guard.tensors.items():
        ref = model.tensors.get(name)
        found = "no such tensor" if ref is None else _digest(ref)
        if found != digest:
            raise _violation(guard, f"tensor {name}", digest, found, culprit=name)
    for (name, token), digest in guard.rows.items():
        ref = model.tensors.get(name)
        there = ref is not None and token < ref.shape[0]
        found = _row_digest(ref, token) if ref is not None and there else "no such row"
        if found != digest:
            culprit = f"{name}[{token}]"
            raise _violation(guard, f"row of special token {token} in {name}", digest, found, culprit=culprit)


def allowed_targets(
    adapter: FamilyAdapter, module_names: Iterable[str], wanted: Iterable[str]
) -> tuple[str, ...]:
    """The modules that a low-rank adapter may train.

    Args:
        adapter: the family.
        module_names: full dotted names of the loaded model's linear modules.
        wanted: full names, or last parts of names (``q_proj``, ``self_attn.q_proj``).

    Returns:
        Full names in the order of ``module_names``: those that end in a wanted name and lie in no guarded
        tower. Passing full names on keeps a tower's ``q_proj`` apart from the language model's.

    Raises:
        GuardError: a wanted name fits guarded modules alone.
        UsageError: a wanted name fits no module at all.
    """
    names, targets = tuple(module_names), tuple(wanted)
    allowed: set[str] = set()
    for target in targets:
        fitting = [n for n in names if n == target or n.endswith("." + target)]
        if not fitting:
            raise UsageError(
                f"{adapter.architecture}: target module {target!r}: expected the end of a module's name; "
                f"found no such module",
                remedy=f"correct targetModules; the family's own choice is {', '.join(adapter.lora_targets)}",
            )
        free = [n for n in fitting if not f"{n}.".startswith(adapter.guarded)]
        if not free:
            raise GuardError(
                f"{adapter.architecture}: target module {target!r}: expected one of the language model; "
                f"found only guarded ones, such as {fitting[0]}",
                culprit=fitting[0],
                remedy="leave it out of targetModules",
            )
        allowed.update(free)
    return tuple(n for n in names if n in allowed)


def _verify_config(guard: Guard, config: Mapping[str, JSON]) -> None:
    for key, value in guard.config.items():
        if not _has(config, key):
            raise _violation(guard, f"config.json: {key}", repr(value), "no such key", culprit=key)
        found = at(config, tuple(key.split(".")))
        if not _same(found, value):
            raise _violation(guard, f"config.json: {key}", repr(value), repr(found), culprit=key)
    for key in guard.absent:
        if _has(config, key):
            found = at(config, tuple(key.split(".")))
            raise _violation(guard, f"config.json: {key}", "no such key", repr(found), culprit=key)


def _violation(guard: Guard, what: str, expected: str, found: str, *, culprit: str) -> GuardError:
    message = f"{guard.architecture}: {what}: expected it untouched ({expected:.200}); found {found:.200}"
    return GuardError(message, culprit=culprit, remedy=_REMEDY)


def _keys(adapter: FamilyAdapter, config: Mapping[str, JSON]) -> tuple[dict[str, JSON], tuple[str, ...]]:
    declared = (*adapter.guarded_tokens, *adapter.guarded_config)
    present = {k: at(config, tuple(k.split("."))) for k in declared if _has(config, k)}
    return present, tuple(k for k in declared if k not in present)


def _has(config: Mapping[str, JSON], dotted: str) -> bool:
    *path, last = dotted.split(".")
    parent = at(config, tuple(path))
    return isinstance(parent, Mapping) and last in parent


def _same(a: JSON, b: JSON) -> bool:
    # 1, 1.0 and True are equal to Python and different in a file
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


def _token_ids(adapter: FamilyAdapter, config: Mapping[str, JSON]) -> tuple[int, ...]:
    ids: set[int] = set()
    for key in adapter.guarded_tokens:
        value = config.get(key)
        for token in value if isinstance(value, list) else [value]:
            if token is None:
                continue
            if isinstance(token, bool) or not isinstance(token, int) or token < 0:
                raise DocumentError(
                    f"config.json: {key}: expected a token id; found {token!r}",
                    pointer="/" + key.replace(".", "/"),
                )
            ids.add(token)
    return tuple(sorted(ids))


def _digest(ref: TensorRef) -> str:
    digest = hashlib.sha256(f"{ref.dtype}{list(ref.shape)}".encode())
    for block in _blocks(ref, ref.offset, ref.size):
        digest.update(block)
    return digest.hexdigest()


def _row_digest(ref: TensorRef, row: int) -> str:
    step = ref.size // ref.shape[0]
    digest = hashlib.sha256(f"{ref.dtype}{list(ref.shape[1:])}".encode())
    for block in _blocks(ref, ref.offset + row * step, step):
        digest.update(block)
    return digest.hexdigest()


def _blocks(ref: TensorRef, offset: int, size: int) -> Iterator[bytes]:
    with ref.path.open("rb", buffering=0) as file:
        file.seek(offset)
        while size > 0:
            block = file.read(min(size, _CHUNK))
            if not block:
                raise DocumentError(f"{ref.path}: expected the bytes of {ref.name}; found the file shorter")
            size -= len(block)
            yield block
