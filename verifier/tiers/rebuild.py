"""Executing an artifact's recipe again, in a scratch folder: files laid out, base model found, forge run.

The forge is imported here and nowhere else in the verifier, and only when a recipe is really redone.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifier.alloy.parse import get
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.paths import check_relative
from verifier.tiers.context import BASE_FOLDER, Context
from verifier.verdicts import JSON

if TYPE_CHECKING:
    from forge.recipe import Recipe

_ALLOY = "recipe.alloy.json"
EXECUTION = "/results/execution"
_MEMORY_SURGERY = 300e6
"""Bytes of memory that surgery takes, however large the model."""

_MAX_NAME = 64
_MAX_BILLIONS = 10**6


class Origin(Enum):
    """Where the base model came from, which decides what a wrong one means."""

    ARTIFACT = "the artifact's own folder"
    USER = "the folder named by --base"
    HUB = "the local copy of the Hub's repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A recipe that was executed again.

    Attributes:
        folder: the result: weights, configuration, side files.
        document: the executed alloy that the forge wrote.
        origin: where the base model came from.
    """

    folder: Path
    document: Mapping[str, JSON]
    origin: Origin

    @property
    def model_hash(self) -> str:
        """``modelHash`` of the result."""
        return str(get(self.document, "/results/integrity/modelHash"))

    @property
    def files(self) -> dict[str, str]:
        """sha256 of every weights file, by name."""
        listed = get(self.document, "/results/integrity/fileHashes")
        return {f["filename"]: f["sha256"] for f in listed}

    @property
    def determinism(self) -> str:
        """``bytes`` or ``device``."""
        return str(get(self.document, f"{EXECUTION}/determinism"))

    @property
    def environment(self) -> Mapping[str, JSON]:
        """Under which the recipe was redone."""
        found: Mapping[str, JSON] = get(self.document, f"{EXECUTION}/environment")
        return found


def rebuild(ctx: Context, files: list[str], scratch: Path) -> Rebuilt:
    """Execute the recipe again.

    Args:
        ctx: the artifact.
        files: relative paths of the files beside the alloy that the stages name.
        scratch: an empty folder.

    Raises:
        DocumentError: the recipe is impossible, or a path leads out of the artifact.
        EvidenceMissingError: the base model, a file or a package is not at hand; says what would be needed.
        EvidenceMismatchError: a file is not the one that the recipe means.
        AlloyError: the forge refuses for another reason.
    """
    from forge import engine, recipe
    from forge.stages.base import Determinism

    path = _lay_out(ctx, files, scratch / "recipe")
    made = recipe.read(path)
    recipe.check_executable(made)
    recipe.side_files(made)
    base, origin = _base(ctx, made, scratch / BASE_FOLDER)
    exact = engine.determinism(ctx.alloy) is Determinism.BYTES
    out = scratch / "out"
    try:
        alloy = _here(ctx, path, out, base) if exact else _apart(ctx, path, out, base)
    except EvidenceMismatchError as error:
        if origin is Origin.ARTIFACT:
            raise
        raise EvidenceMissingError(
            f"the base model in {origin.value} is not the recipe's: {error}", remedy=needs(ctx)
        ) from error
    return Rebuilt(folder=out, document=json.loads(alloy.read_bytes()), origin=origin)


def _here(ctx: Context, path: Path, out: Path, base: Path) -> Path:
    from forge import replay

    more: dict[str, Any] = {"on_progress": ctx.on_progress} if ctx.on_progress else {}
    return replay.here(path, out, base, seed=_seed(ctx), device="cpu", **more)


def _apart(ctx: Context, path: Path, out: Path, base: Path) -> Path:
    from forge import replay

    recorded = ctx.value(f"{EXECUTION}/environment")
    settings = recorded if isinstance(recorded, Mapping) else {}
    what = f"redoing {ctx.alloy.model.name[:_MAX_NAME]}"
    if ctx.on_progress:
        ctx.on_progress(what, 0, 1)  # there is nothing finer to say of another process
    made = replay.apart(
        path,
        out,
        base,
        seed=_seed(ctx),
        device=_device(recorded),
        recorded=settings,
        seconds=ctx.reforge_seconds,
    )
    if ctx.on_progress:
        ctx.on_progress(what, 1, 1)
    return made


def needs(ctx: Context) -> str:
    """What redoing the recipe would take: the command that fetches the base, bytes, and memory.

    Everything is told from the document alone; nobody is asked.
    """
    from forge.stages import traits

    source, stages = ctx.alloy.model.source, ctx.value("/stages")
    size, weight = _size(ctx)
    loads = any(
        traits.of(str(stage.get("type"))).loads_model and traits.decides_bytes(stages, i)
        for i, stage in enumerate(stages)
    )
    memory = int(size * 1.3) if loads else _MEMORY_SURGERY
    at = f" --revision {source.revision}" if source.revision else ""
    return (
        f"hf download {source.base_model[:200]}{at} --local-dir FOLDER ({weight}; the result takes up to as"
        f" much again; {'at least ' if loads else ''}{_shown(memory)} of memory), then: alloy verify …"
        " --tier 2 --base FOLDER"
    )


def _size(ctx: Context) -> tuple[float, str]:
    """Bytes of the base, by its stated parameter count or by what came out of it, and how that was told."""
    count = ctx.alloy.model.source.total_params_b
    if count is not None and 0 < count < _MAX_BILLIONS:
        size = float(count) * 2e9
        return size, f"about {_shown(size)} at 16 bits a parameter"
    listed = [(f["filename"], f.get("size") or 0) for f in ctx.value("/results/integrity/fileHashes") or ()]
    tensors = sum(n for name, n in listed if str(name).endswith(".safetensors"))
    size = tensors or max((n for _, n in listed), default=0)
    return size, f"size not stated, at least the {_shown(size)} of the attested weights"


def _shown(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _lay_out(ctx: Context, files: list[str], folder: Path) -> Path:
    """The alloy and its side files; a file that is not at hand is left out, and missed only if it is used."""
    from forge.folders import place

    folder.mkdir()
    for path in dict.fromkeys(files):
        check_relative(path)
        try:
            local = ctx.files.open(path)
        except EvidenceMissingError:
            continue
        place(local, folder / path, link=True)
    (folder / _ALLOY).write_bytes(ctx.alloy.data)
    return folder / _ALLOY


def _base(ctx: Context, made: "Recipe", folder: Path) -> tuple[Path, Origin]:
    """The base model: the user's, the artifact's own, or a local copy of the Hub's repository."""
    from forge import source

    if ctx.base is not None:
        return ctx.base, Origin.USER
    paths = ctx.files.below(BASE_FOLDER)
    if any(path.endswith(".safetensors") for path in paths):
        _collect(paths, ctx.files.open, folder.parent)
        return folder, Origin.ARTIFACT
    location = source.locate(made, None)
    if location.present:
        return location.folder, Origin.HUB
    snapshot = _snapshot(location.repo, location.revision)
    if snapshot is not None:
        # Hub caches hold links; the forge reads plain files alone.
        names = [p.relative_to(snapshot).as_posix() for p in snapshot.rglob("*") if p.is_file()]
        _collect(
            (f"{BASE_FOLDER}/{n}" for n in names), lambda p: snapshot / p.partition("/")[2], folder.parent
        )
        return folder, Origin.HUB
    raise EvidenceMissingError(
        f"the base model {ctx.alloy.model.source.base_model[:200]} is not at hand", remedy=needs(ctx)
    )


def _collect(paths: Any, find: Callable[[str], Path], root: Path) -> None:
    from forge.folders import place

    for path in paths:
        place(find(path).resolve(), root / path, link=True)


def _snapshot(repo: str | None, revision: str | None) -> Path | None:
    """A complete snapshot in huggingface_hub's own cache; nothing is downloaded."""
    if repo is None:
        return None
    home = os.environ.get("HF_HOME") or Path("~/.cache/huggingface")
    root = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    folder = root / f"models--{repo.replace('/', '--')}"
    reference = folder / "refs" / (revision or "main")
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    if not commit or "/" in commit or not (folder / "snapshots" / commit / "config.json").is_file():
        return None
    from forge.tensors.model import open_model
    from verifier.errors import DocumentError

    try:
        open_model(folder / "snapshots" / commit)
    except DocumentError:
        return None  # a part of it was never fetched
    return folder / "snapshots" / commit


def _seed(ctx: Context) -> int:
    seed = ctx.value(f"{EXECUTION}/seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**63 else 0


def _device(recorded: JSON) -> str:
    named = get(recorded, "/device/type") if isinstance(recorded, Mapping) else None
    return named if isinstance(named, str) and named.replace(":", "").isalnum() else "cpu"
