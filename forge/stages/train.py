"""Stage train: every parameter of the language model, or those that the alloy names, trained on a corpus.

Weights are held in float32 while they are trained and rounded once, to the dtype that they have on disk,
when they are written. Guarded towers and the rows of special tokens stay as they are, and so do rows and
columns of matrices that are zero (heads removed in pad mode) unless ``keepPruned`` is false.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forge import loading
from forge.families import guard
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import ModelFolder, TensorRef, open_model, open_weights, read
from forge.training import merge, stage
from forge.training.determinism import deterministic
from forge.training.loop import Pin, train
from forge.training.settings import settings
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON


def run(context: StageContext) -> StageResult:
    """Train and write.

    ``targetModules`` limits the training to parameters of modules whose names end so; without it everything
    outside of guarded parts is trained.

    Raises:
        EvidenceMissingError: a package, the data set, the tokenizer or the teacher is missing.
        EvidenceMismatchError: another data set than the recipe pins.
        UsageError: parameters that cannot be right; the loss is no number any more.
        DocumentError: transformers would write other tensors than the checkpoint has.
    """
    stage.dataset(context)  # before anything is loaded
    loading.need("torch", "transformers")
    folder = open_model(context.model)
    how = settings(context.parameters, device=context.device, positions=stage.positions(context.model))
    with deterministic(context.seed, context.device) as determinism:
        model = loading.load_model(
            context.model, device=context.device, dtype=stage.student_dtype(how, full=True), experts="eager"
        )
        guide = stage.teacher(context, how)
        stage.check_pair(model, guide)
        material = stage.material(context, model, how.sequence_length)
        names = _choose(context, model)
        pins = _pins(context, folder, model)
        if how.checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
        done = train(
            model,
            material.windows,
            how,
            pad=material.pad,
            seed=context.seed,
            device=context.device,
            teacher=guide,
            pins=pins,
            on_progress=context.on_progress,
        )
    record: dict[str, JSON] = {
        **material.record(),
        **how.record(done.steps),
        **done.record(),
        "trainedParameters": len(names),
        "trainableParamsPct": stage.share(sum(n for n, on in sizes if on), sum(n for n, _ in sizes)),
        "keptZeroOrSpecial": len(pins),
        "determinism": determinism,
    }
    scratch = context.out.parent / f".{context.out.name}.trained"
    try:
        model.cpu().save_pretrained(scratch, max_shard_size="1000GB")
        merge.write(folder, _changed(folder, scratch), context.out, context.on_progress)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    stage.release()
    return StageResult(
        record=record,
        determinism=Determinism.DEVICE,
        model=context.out,
        fields={"datasetSha256": material.corpus.sha256},
    )


def _choose(context: StageContext, model: Any) -> list[str]:
    """Switch gradients on for what is trained and off for the rest; names in memory of the former."""
    named = context.parameters.get("targetModules")
    wanted = tuple(str(n) for n in named) if isinstance(named, list | tuple) else None
    guarded = context.adapter.guarded
    chosen = []
    for name, parameter in model.named_parameters():
        module = name.rpartition(".")[0]
        fits = wanted is None or any(t in (module, name) or f".{module}".endswith(f".{t}") for t in wanted)
        on = fits and not name.startswith(guarded) and parameter.is_floating_point()
        parameter.requires_grad_(on)
        if on:
            chosen.append(name)
    if not chosen:
        raise UsageError(
            f"stage {context.index}: targetModules: expected names of modules outside of guarded parts; "
            f"found {wanted}"
        )
    return chosen


def _pins(context: StageContext, folder: ModelFolder, model: Any) -> list[Pin]:
    import torch

    pins = []
    if context.parameters.get("keepPruned") is not False:
        for module in model.modules():
            if isinstance(module, torch.nn.Linear) and module.weight.requires_grad:
                rows, columns = (d if bool(d.any()) else None for d in stage.dead(module.weight.detach()))
                if rows is not None or columns is not None:
                    pins.append(stage.keep_zero(module.weight, rows, columns))
    special = sorted({row for _, row in guard.build(context.adapter, folder).rows})
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        if special and module is not None and module.weight.requires_grad:
            pins.append(stage.keep_rows(module.weight, special))
    return pins


def _changed(folder: ModelFolder, scratch: Path) -> Iterator[merge.Changed]:
    """The tensors that training changed, in the source's dtypes.

    A tensor that transformers leaves out when it saves (the second of two tied ones) follows the one that it
    was equal to; one that it does not know at all stays as it is.
    """
    _, saved, _ = open_weights(scratch)
    foreign = sorted(set(saved) - set(folder.tensors))
    if foreign:
        raise DocumentError(
            f"trained model: expected the checkpoint's tensor names; found {foreign[0]}",
            remedy="this version of transformers writes the family otherwise; train an adapter (stage lora)",
        )
    left_out = [ref for name, ref in folder.tensors.items() if name not in saved]
    for name, new in saved.items():
        ref = folder.tensors[name]
        data = _rounded(ref, new)
        old = read(ref)
        if data == old:
            continue
        yield merge.Changed(name=name, data=data)
        for twin in left_out:
            if (twin.dtype, twin.shape) == (ref.dtype, ref.shape) and read(twin) == old:
                yield merge.Changed(name=twin.name, data=data)


def _rounded(ref: TensorRef, new: TensorRef) -> bytes:
    if new.shape != ref.shape:
        raise DocumentError(f"{ref.name}: expected shape {ref.shape}; found {new.shape}")
    if ref.dtype == new.dtype or ref.dtype not in merge.DTYPES:
        return read(new) if ref.dtype == new.dtype else read(ref)
    return merge.as_bytes(ref, merge.as_torch(new))
