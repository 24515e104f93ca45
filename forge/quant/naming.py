"""Names of quantised outputs, and putting them into the artifact's folder."""

import re
from collections.abc import Mapping
from pathlib import Path

from forge.stages.base import StageContext
from forge.stages.vocabulary import QUANT_TYPES
from verifier.errors import DocumentError, UsageError
from verifier.evidence.hashing import hash_folder, sha256_file
from verifier.verdicts import JSON

FOLDER = "quant"
MAX_NAME = 64

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def model_name(source: Mapping[str, JSON]) -> str:
    """A file name for the model, from the last part of ``source.baseModel``.

    The alloy is a stranger's: what is not a letter, digit, dot, dash or underscore becomes a dash, and
    no name starts with a dot or a dash.
    """
    stated = source.get("baseModel")
    last = re.split(r"[/\\]", stated.rstrip("/\\"))[-1] if isinstance(stated, str) else ""
    return _ODD.sub("-", last).lstrip(".-")[:MAX_NAME].rstrip(".-") or "model"


def asked_types(context: StageContext, quant_format: str) -> tuple[str, ...]:
    """The stage's ``quantTypes``.

    Raises:
        DocumentError: there are none, one is unknown to the format, or one is listed twice.
    """
    asked = context.parameters.get("quantTypes")
    known = QUANT_TYPES[quant_format]
    pointer, subject = f"/stages/{context.index}/quantTypes", f"stage {context.index}: quantTypes"
    if not isinstance(asked, list | tuple) or not asked:
        raise DocumentError(
            f"{subject}: expected at least one of {', '.join(known)}; found {asked!r}",
            pointer=pointer,
            remedy="name the types to make",
        )
    for name in asked:
        if name not in known or list(asked).count(name) > 1:
            raise DocumentError(
                f"{subject}: expected each once, of {', '.join(known)}; found {name!r}",
                pointer=pointer,
            )
    return tuple(str(name) for name in asked)


def install_file(made: Path, artifact: Path, relative: str) -> dict[str, JSON]:
    """Move a finished file to its place in the artifact, in one step.

    ``made`` lies on the same file system. A file with the same bytes may already be there.

    Returns:
        Its ``file``, ``sha256`` and ``size``.

    Raises:
        UsageError: another file has the name.
    """
    target = artifact / relative
    digest, size = sha256_file(made), made.stat().st_size
    if target.is_symlink() or target.exists():
        if target.is_symlink() or not target.is_file() or sha256_file(target) != digest:
            raise _taken(relative)
        made.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        made.replace(target)
    return {"file": relative, "sha256": digest, "size": size}


def install_folder(made: Path, artifact: Path, relative: str) -> list[JSON]:
    """Move a finished folder of files to its place in the artifact.

    Returns:
        ``file``, ``sha256`` and ``size`` of each file, by name.

    Raises:
        UsageError: another folder has the name.
    """
    target = artifact / relative
    files = describe_folder(made)
    if target.is_symlink() or target.exists():
        if target.is_symlink() or not target.is_dir() or describe_folder(target) != files:
            raise _taken(relative)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        made.rename(target)
    return [{**entry, "file": f"{relative}/{entry['file']}"} for entry in files]


def describe_folder(root: Path) -> list[dict[str, JSON]]:
    """``file``, ``sha256`` and ``size`` of every regular file below ``root``, by name."""
    found = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    return [
        {"file": p.relative_to(root).as_posix(), "sha256": sha256_file(p), "size": p.stat().st_size}
        for p in found
    ]


def input_digest(model: Path) -> dict[str, JSON]:
    """What an output is made from: the digest of the weights, and those of all other files (by name)."""
    weights = hash_folder(model)
    counted = {entry["filename"] for entry in weights["fileHashes"]}
    others = [entry for entry in describe_folder(model) if entry["file"] not in counted]
    return {
        "modelHash": weights["modelHash"],
        "otherFiles": {str(entry["file"]): entry["sha256"] for entry in others},
    }


def _taken(relative: str) -> UsageError:
    return UsageError(
        f"{relative}: expected no file of that name, or the same bytes; found another one",
        remedy="let one stage make each type, or forge into a fresh folder",
    )
