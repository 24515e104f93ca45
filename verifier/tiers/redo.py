"""What a recipe lacks to be redone: the first thing that its publisher would have to add.

A recipe that this project's forge executed carries everything in its own record. Another program's recipe
can be redone where nothing is left to that program: surgery with a published selection, configuration,
packaging. What a program chose, trained or rounded by itself can only be redone by that program.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.alloy.parse import get
from verifier.tiers.recipe import hex_digest
from verifier.verdicts import JSON

RUNNER = "alloy forge"
"""``results.integrity.code.runner`` of what this project's own forge made."""

_OWN = "forge."
"""Start of an ``implementation`` that is this project's own."""

DATA_FIELDS = ("calibrationCorpus", "calibrationDataset", "dataset", "trainingDataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that a recipe does not say.

    Attributes:
        code: stable kebab-case name.
        pointer: where it would stand.
        message: what is missing, in one clause.
        remedy: what the publisher has to add.
    """

    code: str
    pointer: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Recipe:
    document: Mapping[str, JSON]

    @property
    def stages(self) -> Sequence[Mapping[str, JSON]]:
        found: Sequence[Mapping[str, JSON]] = self.document["stages"]
        return found

    def own(self, index: int) -> bool:
        """Whether this project's forge did the stage."""
        stage = self.stages[index]
        implementation = stage.get("implementation")
        return get(self.document, "/results/integrity/code/runner") == RUNNER or (
            isinstance(implementation, str) and implementation.startswith(_OWN)
        )

    def digest(self, index: int, name: str) -> str | None:
        """The digest of the data that a field names, from beside it or from the list of data sets."""
        stage = self.stages[index]
        listed = get(self.document, "/results/integrity/datasets") or []
        stated = [stage.get(f"{name}Sha256"), stage.get("datasetSha256")]
        stated += [d.get("hash") for d in listed if isinstance(d, dict) and d.get("name") == stage[name]]
        return next((d for d in map(hex_digest, stated) if d), None)


def first_gap(document: Mapping[str, JSON]) -> Gap | None:
    """The first thing that is missing, in the order of the stages; None if the recipe can be redone.

    Args:
        document: an alloy with a list of stages.
    """
    recipe = _Recipe(document)
    for index, stage in enumerate(recipe.stages):
        check = _CHECKS.get(str(stage.get("type")))
        for gap in check(recipe, index) if check else ():
            return gap
    if document.get("cycles") not in (None, 1):
        return Gap(
            code="cycles-not-written-out",
            pointer="/cycles",
            message=f"the stages are repeated {document['cycles']} times, but what differs between the rounds"
            " is not said",
            remedy="write the stages out, once for every round",
        )
    return None


def _where(index: int, stage: Mapping[str, JSON]) -> str:
    return f"stage {index} ({stage.get('type')})"


def _choice(recipe: _Recipe, index: int) -> Iterator[Gap]:
    """What is removed must be recorded, or have been chosen by a program that is at hand."""
    stage = recipe.stages[index]
    if isinstance(stage.get("selectionFile"), str):
        return
    if not recipe.own(index):
        yield Gap(
            code="selection-not-published",
            pointer=f"/stages/{index}/selectionFile",
            message=f"which parts {_where(index, stage)} removed is not published",
            remedy="publish the selection and name it in selectionFile, with selectionSha256",
        )
    yield from _data(recipe, index, required=False)


def _profile(recipe: _Recipe, index: int) -> Iterator[Gap]:
    """A profile matters only where no later stage has a recorded selection."""
    later = [s for s in recipe.stages[index + 1 :] if s.get("type") == "expert-prune"]
    if not all(isinstance(s.get("selectionFile"), str) for s in later):
        yield from _data(recipe, index, required=True)


def _training(recipe: _Recipe, index: int) -> Iterator[Gap]:
    stage = recipe.stages[index]
    yield from _data(recipe, index, required=True)
    code = get(recipe.document, "/results/integrity/code")
    named = isinstance(code, dict) and code.get("runner") and (code.get("version") or code.get("commit"))
    if not recipe.own(index) and not named:
        yield Gap(
            code="program-not-named",
            pointer=f"/stages/{index}/implementation",
            message=f"which program did {_where(index, stage)}, in which version, is not said",
            remedy="name the program and its version in results.integrity.code",
        )


def _data(recipe: _Recipe, index: int, *, required: bool) -> Iterator[Gap]:
    stage = recipe.stages[index]
    names = [name for name in DATA_FIELDS if isinstance(stage.get(name), str)]
    files = [name for name in DATA_FIELDS if isinstance(stage.get(f"{name}File"), str)]
    if required and not names and not files:
        yield Gap(
            code="data-not-named",
            pointer=f"/stages/{index}",
            message=f"the data of {_where(index, stage)} are not named",
            remedy="name the data set, with the sha256 of the file that was used",
        )
    for name in names:
        if recipe.digest(index, name) is None:
            yield Gap(
                code="data-without-digest",
                pointer=f"/stages/{index}/{name}",
                message=f"the data of {_where(index, stage)}, {str(stage[name])[:60]!r}, have no digest",
                remedy=f"state the sha256 of the file that was used in {name}Sha256",
            )


def _quantisation(recipe: _Recipe, index: int) -> Iterator[Gap]:
    stage = recipe.stages[index]
    if not recipe.own(index) and not any(stage.get(k) for k in ("toolVersion", "toolCommit")):
        yield Gap(
            code="tool-without-version",
            pointer=f"/stages/{index}/toolVersion",
            message=f"the version of the program that did {_where(index, stage)} is not said",
            remedy="state toolVersion, and the importance matrix if one was used",
        )


_CHECKS: Mapping[str, Callable[[_Recipe, int], Iterator[Gap]]] = {
    "prune": _choice,
    "expert-prune": _choice,
    "compact": _choice,
    "expert-activation-profile": _profile,
    "train": _training,
    "lora": _training,
    "quant": _quantisation,
}
"""Stage type -> what it needs; the others follow from their parameters alone."""
