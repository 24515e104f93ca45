"""Executes a recipe: a base model and an alloy in, a folder with weights and the executed alloy out.

1. read and check the recipe, find the base model;
2. run the stages one after another in ``OUT/.forge``, each with its guard and its load check, and write a
   journal after each (``forge.running``);
3. put the last model, the side files, the executed alloy and the report into OUT; remove ``.forge``.

Nothing here knows a model family or a stage by name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from forge import environment, executed, planning, recipe, reporting, running, source, workdir
from forge.folders import digest_of, files_of, is_weights, place, write_atomically
from forge.options import ForgeOptions
from forge.planning import ForgePlan
from forge.recipe import Recipe, SideFile
from forge.reporting import REPORT
from forge.source import Base
from forge.stages import bodies
from forge.stages.base import Determinism, FinalContext
from forge.workdir import Journal, WorkDir
from verifier.alloy.parse import Alloy, load
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

__all__ = ["REPORT", "ForgeOptions", "ForgePlan", "ForgeResult", "determinism", "forge", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeResult:
    """A finished forge.

    Attributes:
        out: the result's folder.
        alloy: the executed alloy's file.
        model_hash: ``sha256:`` and 64 hex digits.
        files: ``{"filename", "sha256", "size"}`` of every weights file, sorted by filename.
        determinism: on which machines the executed alloy, replayed, gives these bytes again.
        stages: what was recorded of each stage, as in ``forge-report.json``.
        report: the report's file.
    """

    out: Path
    alloy: Path
    model_hash: str
    files: tuple[Mapping[str, JSON], ...]
    determinism: Determinism
    stages: tuple[Mapping[str, JSON], ...]
    report: Path


def forge(recipe_path: Path, out: Path, *, options: ForgeOptions | None = None) -> ForgeResult:
    """Execute a recipe.

    Args:
        recipe_path: an alloy file, or a folder that holds exactly one.
        out: the result's folder; must not exist, unless the options say to resume.
        options: how.

    Raises:
        UsageError: an argument makes no sense; the folder is there already.
        DocumentError: the recipe or the base model is not what its format says.
        RegistryError: a family, stage or method is unknown.
        EvidenceMissingError: the base model, a side file or an optional package is not here.
        EvidenceMismatchError: a file is not the one that the recipe means.
        GuardError: a stage changed what must stay.
        LoadCheckError: a stage's result does not load, or computes what is not a number.
    """
    options = options or ForgeOptions()
    out = out.absolute()  # stages hand paths to programs that work in other folders
    made = recipe.read(recipe_path)
    recipe.check_executable(made)
    carried = recipe.side_files(made)
    when = executed.completed_at(options.completed_at)
    location = source.locate(made, options.base)
    _keep_apart(out, location.folder)
    if options.resume and _is_finished(out):
        return _finished(made, out)
    work = workdir.prepare(out, resume=options.resume)
    with workdir.locked(work):
        try:
            base = source.obtain(made, location, offline=options.offline, on_progress=options.on_progress)
            return _run(made, carried, base, work, options, when)
        except BaseException:
            _forget_empty(work)
            raise


def plan(recipe_path: Path, options: ForgeOptions | None = None) -> ForgePlan:
    """What :func:`forge` would do; reads headers at most, writes nothing and asks nobody.

    Raises:
        UsageError, DocumentError, RegistryError, EvidenceMissingError, EvidenceMismatchError: as ``forge``.
    """
    options = options or ForgeOptions()
    made = recipe.read(recipe_path)
    recipe.side_files(made)
    return planning.plan(made, options)


def determinism(alloy: Alloy, *, replay: bool = True) -> Determinism:
    """On which machines ``alloy`` gives the same bytes, told from the document alone.

    Args:
        alloy: a recipe, executed or not.
        replay: recorded selections are used where there are some.
    """
    return planning.determinism(alloy, replay=replay)


def _run(
    made: Recipe,
    carried: tuple[SideFile, ...],
    base: Base,
    work: WorkDir,
    options: ForgeOptions,
    when: str,
) -> ForgeResult:
    journal = workdir.load(work, _identity(made, carried, base, options))
    brought = {side.path: side.sha256 for side in carried}
    if not journal.assembled:
        workdir.tidy(work, journal.entries, brought)
        running.bring_along(work, carried, journal.entries)
        workdir.save(work, journal)
        journal = running.run_stages(made, base, work, journal, options)
        _assemble(made, base, work, journal, options, when, brought)
        workdir.save(work, replace(journal, assembled=True))
    _finals(made, work.out, options)
    workdir.finish(work)
    return _finished(made, work.out)


def _finals(made: Recipe, out: Path, options: ForgeOptions) -> None:
    """Let stages do what they do with a complete result, and add it to the report."""
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    document = load(out / report["alloy"]["file"]).document
    done: dict[str, JSON] = {}
    for stage in made.stages:
        final = bodies.final(stage.method)
        if final is None or options.replay:
            continue
        context = FinalContext(
            out=out,
            files=tuple(report["artifactFiles"]),
            document=document,
            index=stage.index,
            upload=options.upload,
            on_progress=options.on_progress,
        )
        done[f"{stage.index} {stage.stage_type}"] = dict(final(context))
    if done:
        write_atomically(out / REPORT, reporting.encode({**report, "finals": done}))


def _identity(
    made: Recipe, carried: tuple[SideFile, ...], base: Base, options: ForgeOptions
) -> dict[str, str]:
    """What an interrupted run must have been of, to be resumed."""
    return {
        "recipe": made.alloy.sha256,
        "side files": digest_of({side.path: side.sha256 for side in carried}),
        "base model": digest_of(dict(base.digests)),
        "seed": str(options.seed),
        "device": options.device,
        "replay": str(options.replay),
        "load check": str(options.load_check),
        "version": environment.version(),
    }


def _assemble(
    made: Recipe,
    base: Base,
    work: WorkDir,
    journal: Journal,
    options: ForgeOptions,
    when: str,
    brought: Mapping[str, str],
) -> None:
    """Put everything into the out folder; done again from the start if it was interrupted."""
    out, last = work.out, next((e for e in reversed(journal.entries) if e.model is not None), None)
    model = base.folder if last is None else work.model(last.index)
    digests = {**(base.digests if last is None else last.model or {})}
    side = {**brought, **workdir.files_after(journal.entries)}
    own = {*digests, f"{made.name}.alloy.json", REPORT}
    clash = sorted(own & set(side))
    if clash:
        raise DocumentError(f"side files: expected names that the result does not use; found {clash[0]!r}")
    # The user's own base is copied: a result that shared its bytes would change with it.
    for path in digests:
        place(model / path, out / path, link=last is not None)
    for path in side:
        place(work.artifact / path, out / path, link=True)
    files = [
        {"filename": path, "sha256": digest, "size": (out / path).stat().st_size}
        for path, digest in sorted({**digests, **side}.items())
        if is_weights(path)
    ]
    outcome = executed.Outcome(
        files=files,
        side_files={p: d for p, d in side.items() if not is_weights(p)},
        parameters=running.count_parameters(model),
        environment=running.environment_of(journal.entries, options),
    )
    data = executed.compose(
        made, base, journal.entries, outcome, seed=options.seed, when=when, portable=options.portable
    )
    alloy = out / f"{made.name}.alloy.json"
    write_atomically(alloy, data)
    artifact = sorted({*digests, *side, alloy.name})
    report = reporting.document(made, base, journal, outcome, options, alloy)
    write_atomically(out / REPORT, reporting.encode({**report, "artifactFiles": artifact}))


def _result(out: Path, alloy: Path, report: Mapping[str, JSON]) -> ForgeResult:
    return ForgeResult(
        out=out,
        alloy=alloy,
        model_hash=report["modelHash"],
        files=tuple(report["fileHashes"]),
        determinism=Determinism(report["determinism"]),
        stages=tuple(report["stages"]),
        report=out / REPORT,
    )


def _is_finished(out: Path) -> bool:
    return (out / REPORT).is_file() and not (out / workdir.FOLDER / "journal.json").is_file()


def _finished(made: Recipe, out: Path) -> ForgeResult:
    """The result of a run that had only its work folder left to remove.

    Raises:
        UsageError: it was made from another recipe, or is damaged.
    """
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
        same, alloy = report["recipe"]["sha256"] == made.alloy.sha256, out / report["alloy"]["file"]
        result = _result(out, alloy, report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{out / REPORT}: expected a report of this version; found {error!r:.100}") from None
    if not same:
        raise UsageError(
            f"--resume: expected the result of this recipe in {out}; found that of another one",
            remedy="name another folder",
        )
    left = out / workdir.FOLDER
    if left.is_dir() and not any(left.iterdir()):
        left.rmdir()
    return result


def _keep_apart(out: Path, base: Path) -> None:
    """Refuse to write into what is read, and to read what is written."""
    target, origin = out.resolve(), base.resolve()
    if target == origin or target.is_relative_to(origin) or origin.is_relative_to(target):
        raise UsageError(
            f"--out: expected a folder apart from the base model's; found {out} and {base}",
            remedy="name a folder elsewhere",
        )


def _forget_empty(work: WorkDir) -> None:
    """Leave nothing behind of a run that has not finished a single stage's preparation."""
    if work.journal.is_file() or any(p.name != workdir.FOLDER for p in work.out.iterdir()):
        return
    if work.root.is_dir() and not files_of(work.root):
        from forge.folders import remove

        remove(work.root)
        work.out.rmdir()
