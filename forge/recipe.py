"""A recipe that is about to be executed: read, dispatched and checked before anything is written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from forge.families import dispatch, registry
from forge.families.adapter import FamilyAdapter
from forge.families.dispatch import ResolvedStage
from forge.stages import parameters
from verifier.alloy.parse import Alloy, escape, load, walk
from verifier.errors import DocumentError, EvidenceMismatchError, UsageError
from verifier.evidence.hashing import sha256_file
from verifier.evidence.paths import check_relative, inside, is_digest
from verifier.verdicts import JSON

MAX_STAGES = 256
MAX_STATED_BYTES = 10**15
"""No model that a recipe may speak of is larger; beyond it a number is a typing error or an attack."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,126}\Z")
_DATA = ("calibrationCorpus", "calibrationDataset", "corpus", "dataset", "trainingDataset")
_FILE = re.compile(r"[\w@+-][\w./@+-]*\.[A-Za-z0-9]{1,8}\Z")
"""A data set's name that may be a file's: it may as well be prose, or the name of a repository."""

_EXECUTION_FIELDS = frozenset({"executed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFile:
    """A file that a recipe brings along.

    Attributes:
        path: relative to the recipe's folder, and later to the artifact's.
        source: where it lies.
        sha256: 64 hex digits, as found.
        pointer: where the recipe names it.
    """

    path: str
    source: Path
    sha256: str
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe whose stages all have a method and possible parameters.

    Attributes:
        alloy: the document, as it was read.
        folder: where it lies.
        name: names the executed alloy's file.
        adapter: the model family.
        stages: its stages in order, without records of an earlier execution.
    """

    alloy: Alloy
    folder: Path
    name: str
    adapter: FamilyAdapter
    stages: tuple[ResolvedStage, ...]

    @property
    def source(self) -> Mapping[str, JSON]:
        """The alloy's ``source`` object."""
        source: Mapping[str, JSON] = self.alloy.document["source"]
        return source


def read(path: Path) -> Recipe:
    """Read a recipe and refuse it here if it cannot be executed.

    Raises:
        UsageError: no such file.
        DocumentError: not an alloy; a name that is no file name; a stage that nothing can do; a parameter
            that is impossible; ``cycles`` above 1.
        RegistryError: no family for the architecture.
    """
    if path.is_dir():
        from verifier.targets import find_alloy

        path = find_alloy(path)
    if not path.is_file():
        raise UsageError(
            f"recipe: expected an alloy file; found nothing readable at {str(path)[:200]!r}",
            remedy="name an *.alloy.json, or a folder that holds one",
        )
    alloy = load(path)
    return check(alloy, path.resolve().parent)


def check(alloy: Alloy, folder: Path) -> Recipe:
    """The recipe that ``alloy`` is; see :func:`read`.

    Args:
        alloy: the document.
        folder: where its side files lie.
    """
    document, name = alloy.document, alloy.model.name
    if not _NAME.match(name):
        raise DocumentError(
            f"name: expected letters, digits and any of ' ._+-', since it names a file; found {name!r:.100}",
            pointer="/name",
        )
    _check_size(document)
    stages = document["stages"]
    bare = [{k: v for k, v in stage.items() if k not in _EXECUTION_FIELDS} for stage in stages]
    resolved = dispatch.resolve({**document, "stages": bare})
    problems = [p for i, stage in enumerate(bare) for p in parameters.check(stage, i, document["source"])]
    if problems:
        raise DocumentError("; ".join(p.message for p in problems[:10]), pointer=problems[0].pointer)
    adapter = registry.get(document["source"]["architecture"])
    return Recipe(alloy=alloy, folder=folder, name=name, adapter=adapter, stages=resolved)


def check_executable(recipe: Recipe) -> None:
    """Refuse what can be planned but not executed.

    Raises:
        DocumentError: ``cycles`` is not 1: what is repeated, and with which selections, is not said.
    """
    cycles = recipe.alloy.document.get("cycles")
    if cycles not in (None, 1) or isinstance(cycles, bool):
        raise DocumentError(
            f"cycles: expected 1; found {cycles!r:.40}",
            pointer="/cycles",
            remedy="write the stages out once for every cycle, each with its own selection file",
        )


def side_files(recipe: Recipe) -> tuple[SideFile, ...]:
    """The files beside the recipe that its stages name by a ``…File`` or ``…Path`` field, each once.

    A name that nothing lies under is left out: a stage may make it.

    Raises:
        DocumentError: a path that leads out of the recipe's folder.
        EvidenceMismatchError: a file that does not have the digest stated beside it.
    """
    found: dict[str, SideFile] = {}
    for pointer, path, stated in _named_files(recipe.alloy.document):
        try:
            check_relative(path)
        except DocumentError as error:
            raise DocumentError(str(error).partition(" (at ")[0], pointer=pointer) from None
        source = inside(recipe.folder, path)
        if source is None:
            raise DocumentError(f"{path!r}: expected a file inside of {recipe.folder}", pointer=pointer)
        if not source.is_file():
            continue
        if path not in found:
            found[path] = SideFile(path=path, source=source, sha256=sha256_file(source), pointer=pointer)
        digest = stated.removeprefix("sha256:") if isinstance(stated, str) else None
        if is_digest(digest) and digest != found[path].sha256:
            raise EvidenceMismatchError(
                f"{path}: expected sha256 {digest}, as stated beside {pointer}; found {found[path].sha256}",
                expected=str(digest),
                found=found[path].sha256,
                source=str(source),
                remedy="put back the file that the recipe means, or correct the digest",
            )
    return tuple(found.values())


def _named_files(document: Mapping[str, JSON]) -> Iterator[tuple[str, str, JSON]]:
    """(pointer, path, stated digest) of every file that a stage names."""
    for i, stage in enumerate(document["stages"]):
        bare = {k: v for k, v in stage.items() if k not in _EXECUTION_FIELDS}
        for pointer, holder in walk(bare, f"/stages/{i}"):
            if not isinstance(holder, dict):
                continue
            for key, value in holder.items():
                stem = next((key[: -len(s)] for s in ("File", "Path") if key.endswith(s)), None)
                if key in _DATA and isinstance(value, str) and _FILE.match(value):
                    stem = key
                if stem and isinstance(value, str):
                    yield f"{pointer}/{escape(key)}", value, holder.get(f"{stem}Sha256")


def _check_size(document: Mapping[str, JSON]) -> None:
    """Refuse numbers that no machine could act on."""
    stages = document["stages"]
    if len(stages) > MAX_STAGES:
        raise DocumentError(f"stages: expected at most {MAX_STAGES}; found {len(stages)}", pointer="/stages")
    for pointer, value in (*walk(stages, "/stages"), *walk(document["source"], "/source")):
        number = isinstance(value, int) and not isinstance(value, bool)
        if number and abs(value) > MAX_STATED_BYTES:
            raise DocumentError(
                f"number: expected at most 10^15; found one of {len(str(value))} digits", pointer=pointer
            )
