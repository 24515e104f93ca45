"""Runs the stages of a recipe, each between its guard and its load check, and keeps the journal."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from forge import environment, loadcheck, workdir
from forge.families import guard
from forge.families.dispatch import ResolvedStage
from forge.folders import digest_of, digests_of, files_of, place, remove
from forge.options import ForgeOptions
from forge.recipe import Recipe, SideFile
from forge.source import Base
from forge.stages import bodies, traits
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import open_model
from forge.tensors.run import receipt_path
from forge.workdir import Entry, Journal, WorkDir
from verifier.errors import AlloyError, DocumentError, EvidenceMissingError
from verifier.evidence.paths import check_relative
from verifier.verdicts import JSON

REPLAYED = "not run: in a replay the bytes themselves are compared"
PASSED_OVER = "not run: in a replay only what decides the weights is executed"
LEFT_OUT = "not run: not asked for"


def bring_along(work: WorkDir, carried: tuple[SideFile, ...], entries: tuple[Entry, ...]) -> None:
    """Copy the recipe's side files into the artifact; what a finished stage has replaced stays."""
    made = workdir.files_after(entries)
    for side in carried:
        if side.path not in made:
            place(side.source, work.artifact / side.path, link=False)


def run_stages(recipe: Recipe, base: Base, work: WorkDir, journal: Journal, options: ForgeOptions) -> Journal:
    """Run every stage that is not in the journal yet; returns the journal with all of them.

    Raises:
        AlloyError: a stage, its guard or its load check failed; the journal keeps the stages before it.
    """
    for stage in recipe.stages[len(journal.entries) :]:
        if options.replay and not _decides_bytes(recipe, stage):
            entry = _passed_over(base, journal, stage, options)
        else:
            entry = _run_stage(recipe, base, work, journal, stage, options)
        before = _current(base, work, journal.entries)
        journal = replace(journal, entries=(*journal.entries, entry))
        workdir.save(work, journal)
        if entry.model is not None and before != base.folder:
            remove(before)  # no later stage reads it
    return journal


def _decides_bytes(recipe: Recipe, stage: ResolvedStage) -> bool:
    return traits.decides_bytes(recipe.alloy.document["stages"], stage.index)


def _passed_over(base: Base, journal: Journal, stage: ResolvedStage, options: ForgeOptions) -> Entry:
    """The entry of a stage that a replay need not execute."""
    return Entry(
        index=stage.index,
        stage_type=stage.stage_type,
        method=stage.method,
        input_digest=_input_digest(base, journal),
        parameters_digest=_parameters_digest(stage, options),
        model=None,
        files={},
        determinism=Determinism.BYTES.value,
        record={"replay": PASSED_OVER},
        fields={},
        measured={},
        load_check=None,
        guard=None,
    )


def _parameters_digest(stage: ResolvedStage, options: ForgeOptions) -> str:
    return digest_of([dict(stage.parameters), options.seed, options.device, options.replay])


def _current(base: Base, work: WorkDir, entries: tuple[Entry, ...]) -> Path:
    made = [e.index for e in entries if e.model is not None]
    return work.model(made[-1]) if made else base.folder


def _context(
    recipe: Recipe,
    base: Base,
    work: WorkDir,
    journal: Journal,
    stage: ResolvedStage,
    options: ForgeOptions,
) -> StageContext:
    return StageContext(
        index=stage.index,
        method=stage.method,
        parameters=stage.parameters,
        adapter=recipe.adapter,
        source_facts=recipe.source,
        model=_current(base, work, journal.entries),
        out=work.model(stage.index),
        base=base.folder,
        artifact=work.artifact,
        recipe=recipe.folder,
        replay=options.replay,
        seed=options.seed,
        device=options.device,
        on_progress=options.on_progress,
        upload=options.upload,
    )


def _run_stage(
    recipe: Recipe,
    base: Base,
    work: WorkDir,
    journal: Journal,
    stage: ResolvedStage,
    options: ForgeOptions,
) -> Entry:
    begin = time.monotonic()
    context = _context(recipe, base, work, journal, stage, options)
    keep_finished_shards(context.out)
    work.artifact.mkdir(exist_ok=True)
    watch = guard.build(recipe.adapter, open_model(context.model))
    result = bodies.get(stage.method)(context)
    written, files = _collect(context, result, _digests(base, journal.entries))
    checked: JSON = None
    if result.model is not None:
        guard.verify(watch, open_model(context.out))
        checked = _load_check(context, options)
    return Entry(
        index=stage.index,
        stage_type=stage.stage_type,
        method=stage.method,
        input_digest=_input_digest(base, journal),
        parameters_digest=_parameters_digest(stage, options),
        model=written,
        files=files,
        determinism=result.determinism.value,
        record=dict(result.record),
        fields=dict(result.fields),
        measured=dict(result.measured),
        load_check=checked,
        guard=watch.summary() if result.model is not None and watch.size else None,
        seconds=round(time.monotonic() - begin, 3),
        environment=_decisive(result, options),
    )


def _decisive(result: StageResult, options: ForgeOptions) -> dict[str, JSON]:
    """The settings of torch and device, if they decided the stage's bytes; with the flags that it set."""
    if result.determinism is Determinism.BYTES:
        return {}
    found = environment.describe(options.device, floats=True)
    flags = result.record.get("determinism")
    if isinstance(flags, Mapping):
        found["determinism"] = dict(flags)
    return {name: found[name] for name in ("determinism", "device", "torch", "variables") if name in found}


def environment_of(entries: tuple[Entry, ...], options: ForgeOptions) -> dict[str, JSON]:
    """The environment of the whole run: what decided bytes is as it was when it did."""
    found = environment.describe(options.device)
    for entry in entries:
        found |= entry.environment
    return dict(sorted(found.items()))


def _input_digest(base: Base, journal: Journal) -> str:
    return digest_of([dict(base.digests), *(e.digest for e in journal.entries)])


def _digests(base: Base, entries: tuple[Entry, ...]) -> Mapping[str, str]:
    """Digests of the files of the model as it is now."""
    return next((e.model for e in reversed(entries) if e.model is not None), base.digests)


def _collect(
    context: StageContext, result: StageResult, before: Mapping[str, str]
) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Digests of what a stage wrote: the model's files, and its side files.

    A file is read for its digest only if that is not known: from the rewrite that made it, or because it is
    the very file of the model before, linked.

    Raises:
        DocumentError: it did not write what it says, or outside of its folders.
    """
    what = f"stage {context.index} ({context.method})"
    if result.model is not None and result.model.resolve() != context.out.resolve():
        raise DocumentError(f"{what}: expected its model in {context.out.name}; found {result.model}")
    for path in result.files:
        if not (context.artifact / check_relative(path)).is_file():
            raise DocumentError(f"{what}: expected the side file {path!r} that it names; found none")
    side = digests_of(context.artifact, result.files, context.on_progress)
    if result.model is None:
        return None, side
    paths = files_of(context.out)
    sizes = {path: (context.out / path).stat().st_size for path in paths}
    known = {w.filename: w.sha256 for w in result.written if sizes.get(w.filename) == w.size}
    known |= {path: before[path] for path in paths if path in before and _is_same(context, path)}
    rest = digests_of(context.out, [p for p in paths if p not in known], context.on_progress)
    return {path: known[path] if path in known else rest[path] for path in paths}, side


def _is_same(context: StageContext, path: str) -> bool:
    old = context.model / path
    return old.is_file() and old.samefile(context.out / path)


def keep_finished_shards(out: Path) -> None:
    """Clear what a killed run left of a stage's model, but for files that its rewrite had finished.

    These have receipts, by which the rewrite knows them again; see ``forge.tensors.run``.
    """
    if not out.is_dir():
        remove(out)
        return
    receipts = {receipt_path(path): path for path in out.glob("*.safetensors")}
    kept = {p for receipt, path in receipts.items() if receipt.is_file() for p in (receipt, path)}
    for path in out.iterdir():
        if path not in kept:
            remove(path)
    if not kept:
        remove(out)


def _load_check(context: StageContext, options: ForgeOptions) -> JSON:
    """The load check of a stage's model, or why it was not run.

    Raises:
        LoadCheckError: it failed.
        EvidenceMissingError: it was insisted on and cannot be run.
    """
    if options.load_check is False:
        return LEFT_OUT
    if options.replay and options.load_check is None:
        return REPLAYED
    reason = loadcheck.unavailable() or loadcheck.too_large(context.out, context.device)
    if reason is not None:
        if options.load_check:
            raise EvidenceMissingError(
                f"load check: expected to run it; found {reason.removeprefix('not run: ')}",
                remedy="pip install 'alloy-verifier[forge]', or leave the load check to another machine",
            )
        return reason
    context.on_progress(f"load check after stage {context.index}", 0, 1)
    what = f"stage {context.index} ({context.method})"
    found = loadcheck.check(context.out, device=context.device, reference=context.model, what=what)
    context.on_progress(f"load check after stage {context.index}", 1, 1)
    return found


def count_parameters(model: Path) -> int | None:
    """Elements of all tensors; None where packed integers stand for weights."""
    try:
        folder = open_model(model)
    except AlloyError:
        return None
    if any(_is_packed(ref.dtype) for ref in folder.tensors.values()):
        return None
    return sum(math.prod(ref.shape) for ref in folder.tensors.values())


def _is_packed(dtype: str) -> bool:
    return dtype.startswith(("I", "U"))
