"""Which method does what an alloy's stages say: ordered, total, and without torch."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forge.families import registry
from forge.families.adapter import FamilyAdapter
from forge.stages.kinds import KINDS, StageKind
from forge.stages.kinds import names as stage_names
from verifier.errors import DocumentError, RegistryError

_PROSE = frozenset({"type", "notes", "_note", "rationale", "comment"})
"""Fields of a stage that no method takes as a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedStage:
    """A stage and the method that does it.

    Attributes:
        index: position in ``stages``.
        stage_type: the stage's ``type``.
        adapter: architecture of the family adapter.
        method: name of the method.
        parameters: the stage's fields without its type and its prose.
    """

    index: int
    stage_type: str
    adapter: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A stage that nothing here can do, and why.

    Attributes:
        index: position in ``stages``.
        code: stable kebab-case name of the reason.
        pointer: JSON pointer to the culprit.
        expected: what would have been accepted.
        found: what stands there.
        message: one sentence.
        remedy: what to do.
    """

    index: int
    code: str
    pointer: str
    expected: str
    found: str
    message: str
    remedy: str


def resolve(alloy: Mapping[str, Any]) -> tuple[ResolvedStage, ...]:
    """The stages of ``alloy`` in order, each with its adapter, method and parameters.

    Raises:
        DocumentError: source, architecture or stages are missing or of a wrong type, or a stage is
            refused; the message names every refused stage, the pointer the first one.
        RegistryError: no family is registered for the architecture.
    """
    architecture = _architecture(alloy)
    registry.get(architecture)
    results = [resolve_stage(architecture, i, stage) for i, stage in enumerate(_stages(alloy))]
    refused = [r for r in results if isinstance(r, Refusal)]
    if refused:
        raise DocumentError(
            "; ".join(r.message for r in refused), pointer=refused[0].pointer, remedy=refused[0].remedy
        )
    return tuple(r for r in results if isinstance(r, ResolvedStage))


def resolve_stage(architecture: str, index: int, stage: Mapping[str, Any]) -> ResolvedStage | Refusal:
    """What does ``stage`` for ``architecture``, or why nothing does. Never raises on bad input."""
    try:
        adapter = registry.get(architecture)
    except RegistryError as error:
        return Refusal(
            index=index,
            code="unknown-architecture",
            pointer="/source/architecture",
            expected=f"one of {', '.join(registry.names())}",
            found=repr(architecture),
            message=str(error),
            remedy=error.remedy,
        )
    return resolve_with(adapter, index, stage)


def resolve_with(adapter: FamilyAdapter, index: int, stage: Mapping[str, Any]) -> ResolvedStage | Refusal:
    """What does ``stage`` under the given adapter, or why nothing does.

    The steps: the type is known; its variant is known to anyone; the family declares a method for it,
    or the stage works alike in every family.
    """
    kind = KINDS.get(stage["type"]) if isinstance(stage.get("type"), str) else None
    if kind is None:
        return _unknown_type(index, stage.get("type"))
    key = kind.key(stage)
    method = adapter.methods.get(key)
    if method is None and not kind.needs_family:
        method = kind.shared.get(key.partition("/")[2])
    if method is None:
        return _refuse(adapter, kind, key, index)
    parameters = {k: v for k, v in stage.items() if k not in _PROSE}
    return ResolvedStage(
        index=index,
        stage_type=kind.name,
        adapter=adapter.architecture,
        method=method,
        parameters=parameters,
    )


def _unknown_type(index: int, found: object) -> Refusal:
    known = ", ".join(stage_names())
    close = difflib.get_close_matches(found, stage_names(), n=2) if isinstance(found, str) else []
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return Refusal(
        index=index,
        code="unknown-stage-type",
        pointer=f"/stages/{index}/type",
        expected=f"one of {known}",
        found=repr(found),
        message=f"stage {index}: type: expected one of {known}; found {found!r}{hint}",
        remedy="correct the type, or add the stage as docs/extending.md says",
    )


def _refuse(adapter: FamilyAdapter, kind: StageKind, key: str, index: int) -> Refusal:
    options = _options(adapter, kind)
    where = f"/stages/{index}/{kind.variant_field if options else 'type'}"
    if not kind.needs_family or options:
        code, expected = "unsupported-variant", f"one of {', '.join(options)}"
        reason = f"no method for {key!r}"
    else:
        code, expected = "unsupported-stage", f"a stage that {adapter.architecture} can do"
        reason = _why_not(adapter, kind)
    return Refusal(
        index=index,
        code=code,
        pointer=where,
        expected=expected,
        found=repr(key),
        message=f"stage {index}: {adapter.architecture}: expected {expected}; found {key!r} ({reason})",
        remedy=f"declare the method in forge/families/{adapter.architecture}.py, or correct the stage",
    )


def _options(adapter: FamilyAdapter, kind: StageKind) -> tuple[str, ...]:
    if not kind.needs_family:
        return tuple(sorted(kind.shared))
    declared: Sequence[str] = [k for k in adapter.methods if k.partition("/")[0] == kind.name]
    return tuple(sorted(k.partition("/")[2] for k in declared))


def _why_not(adapter: FamilyAdapter, kind: StageKind) -> str:
    if kind.name.startswith("expert-") and not adapter.is_moe:
        return "a dense family has no experts"
    if kind.name == "modality" and not adapter.guarded:
        return "a language-only family declares no way to take another modality in"
    return f"the family declares no method that {kind.summary}"


def _architecture(alloy: Mapping[str, Any]) -> str:
    source = alloy.get("source")
    if not isinstance(source, Mapping):
        raise DocumentError(f"source: expected an object; found {type(source).__name__}", pointer="/source")
    architecture = source.get("architecture")
    if not isinstance(architecture, str):
        raise DocumentError(
            f"architecture: expected a string; found {architecture!r}", pointer="/source/architecture"
        )
    return architecture


def _stages(alloy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    stages = alloy.get("stages")
    if not isinstance(stages, list | tuple) or not stages:
        raise DocumentError(
            f"stages: expected a list with at least one stage; found {stages!r}", pointer="/stages"
        )
    for i, stage in enumerate(stages):
        if not isinstance(stage, Mapping):
            raise DocumentError(
                f"stage {i}: expected an object; found {type(stage).__name__}", pointer=f"/stages/{i}"
            )
    return stages
