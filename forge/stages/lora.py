"""Stage lora: a low-rank adapter (Hu et al., "LoRA", 2021), trained alone or against a teacher, then merged.

Trained with peft, merged here: each target's new weight is computed in float32 from its bytes on disk and
rounded once to its dtype; every other tensor keeps its bytes. Rows and columns that are zero in the given
weights (heads removed in pad mode) stay zero during the training and in the result, unless ``keepPruned`` is
false.
"""

import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forge import loading
from forge.families import guard
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import ModelFolder, open_model
from forge.training import merge, stage
from forge.training.determinism import deterministic
from forge.training.loop import Pin, train
from forge.training.settings import Settings, number, settings
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

RANK = 16
ADAPTERS = "adapters"
"""Folder for adapters that are not merged."""
_NAME = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Size and place of the adapter.

    Attributes:
        rank, alpha, dropout: as in the paper; updates are scaled by alpha / rank.
        targets: full module names in memory -> name of the weight on disk.
    """

    rank: int
    alpha: float
    dropout: float
    targets: Mapping[str, str]


def run(context: StageContext) -> StageResult:
    """Train and merge.

    Parameters that the alloy leaves open: rank 16, alpha twice the rank, no dropout, the family's own target
    modules, and :func:`forge.training.settings.settings`' defaults. All are recorded.

    Raises:
        EvidenceMissingError: a package, the data set, the tokenizer or the teacher is missing.
        EvidenceMismatchError: another data set than the recipe pins.
        GuardError: a target lies in a guarded part.
        UsageError: parameters that cannot be right; the loss is no number any more.
    """
    stage.dataset(context)  # before anything is loaded
    loading.need("torch", "transformers", "peft")
    folder = open_model(context.model)
    how = settings(context.parameters, device=context.device, positions=stage.positions(context.model))
    bits = _bits(context)
    with deterministic(context.seed, context.device) as determinism:
        model = loading.load_model(
            context.model,
            device=context.device,
            dtype=stage.student_dtype(how, full=False),
            bits=bits,
            experts="eager",
        )
        guide = stage.teacher(context, how)
        stage.check_pair(model, guide)
        material = stage.material(context, model, how.sequence_length)
        shape = _shape(context, folder, model)
        if bits == 16:
            _check_loaded(folder, model, shape)
        wrapped = _wrap(model, shape, how, bits)
        pins = _pins(context, folder, wrapped, shape)
        sizes = [(p.numel(), p.requires_grad) for p in wrapped.parameters()]
        done = train(
            wrapped,
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
        "rank": shape.rank,
        "alpha": shape.alpha,
        "dropout": shape.dropout,
        "targets": sorted(shape.targets.values()),
        "trainableParamsPct": stage.share(sum(n for n, on in sizes if on), sum(n for n, _ in sizes)),
        "loadedBits": bits,
        "keptZero": len(pins),
        "determinism": determinism,
    }
    fields: dict[str, JSON] = {"datasetSha256": material.corpus.sha256}
    if not _merged(context.parameters):
        return _unmerged(context, wrapped, record, fields)
    merge.write(folder, _deltas(folder, wrapped, shape), context.out, context.on_progress)
    del wrapped, model, guide
    stage.release()
    return StageResult(record=record, determinism=Determinism.DEVICE, model=context.out, fields=fields)


def _shape(context: StageContext, folder: ModelFolder, model: Any) -> Shape:
    p = context.parameters
    rank = int(number(p, "rank", None) or number(p, "loraRank", None) or RANK)
    alpha = number(p, "alpha", None) or number(p, "loraAlpha", None) or 2.0 * rank
    return Shape(
        rank=rank,
        alpha=alpha,
        dropout=number(p, "dropout", 0.0) or 0.0,
        targets=_targets(context, folder, model),
    )


def _targets(context: StageContext, folder: ModelFolder, model: Any) -> dict[str, str]:
    """The modules to train: those that the alloy names, else the family's own; guarded ones left out."""
    import torch

    on_disk: dict[str, str] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            shape = (module.out_features, module.in_features)
            stored = merge.disk_name(folder, f"{name}.weight", shape, context.adapter.guarded)
            if stored is not None:
                on_disk[stored.removesuffix(".weight")] = name
    named = context.parameters.get("targetModules")
    if isinstance(named, list | tuple) and named:
        wanted = [str(n) for n in named]
    else:  # a default, not a demand: some members of a family lack some of the modules
        usual = context.adapter.lora_targets
        wanted = [t for t in usual if any(n == t or n.endswith(f".{t}") for n in on_disk)]
        if not wanted:
            raise UsageError(
                f"{context.adapter.architecture}: expected linear modules {', '.join(usual)}; found none",
                remedy="name the modules in targetModules",
            )
    allowed = guard.allowed_targets(context.adapter, on_disk, wanted)
    return {on_disk[name]: f"{name}.weight" for name in allowed}


def _check_loaded(folder: ModelFolder, model: Any, shape: Shape) -> None:
    for module, stored in shape.targets.items():
        if not merge.same_numbers(folder.tensors[stored], model.get_submodule(module).weight):
            raise DocumentError(
                f"{stored}: expected module {module} to hold its numbers; found others",
                remedy="this version of transformers changes them when loading; leave it out of "
                "targetModules",
            )


def _wrap(model: Any, shape: Shape, how: Settings, bits: int) -> Any:
    with warnings.catch_warnings():
        return _wrapped(model, shape, how, bits)


def _wrapped(model: Any, shape: Shape, how: Settings, bits: int) -> Any:
    # bitsandbytes, which peft imports, warns of kernels that are of no use here; peft asks a deprecated name
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\..*")
    peft: Any = importlib.import_module("peft")

    if bits != 16:
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=how.checkpointing)
    elif how.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    config = peft.LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        lora_dropout=shape.dropout,
        target_modules=list(shape.targets),
        bias="none",
    )
    wrapped = peft.get_peft_model(model, config)
    for parameter in wrapped.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return wrapped


def _pins(context: StageContext, folder: ModelFolder, wrapped: Any, shape: Shape) -> list[Pin]:
    """Zero rows stay zero through B, zero columns through A, since the update is B times A."""
    if context.parameters.get("keepPruned") is False:
        return []
    pins = []
    for module, stored in shape.targets.items():
        rows, columns = stage.dead(merge.as_torch(folder.tensors[stored]))
        layer = wrapped.base_model.model.get_submodule(module)
        for dead, part, is_row in (
            (rows, layer.lora_B["default"].weight, True),
            (columns, layer.lora_A["default"].weight, False),
        ):
            if bool(dead.any()):
                dead = dead.to(part.device)
                pins.append(stage.keep_zero(part, dead if is_row else None, None if is_row else dead))
    return pins


def _deltas(folder: ModelFolder, wrapped: Any, shape: Shape) -> Iterator[merge.Changed]:
    import torch

    for module, stored in shape.targets.items():
        ref = folder.tensors[stored]
        layer = wrapped.base_model.model.get_submodule(module)
        a, b = (part["default"].weight.detach().cpu().float() for part in (layer.lora_A, layer.lora_B))
        with torch.no_grad():
            merged = merge.as_torch(ref).float() + (shape.alpha / shape.rank) * (b @ a)
        yield merge.Changed(name=stored, data=merge.as_bytes(ref, merged))


def _unmerged(
    context: StageContext, wrapped: Any, record: Mapping[str, JSON], fields: Mapping[str, JSON]
) -> StageResult:
    name = context.parameters.get("name")
    safe = name if isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum() else _NAME
    folder = context.artifact / ADAPTERS / f"{context.index}-{safe}"
    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a card without content
    files = tuple(
        sorted(f.relative_to(context.artifact).as_posix() for f in folder.rglob("*") if f.is_file())
    )
    return StageResult(
        record={**record, "adapter": folder.relative_to(context.artifact).as_posix()},
        determinism=Determinism.DEVICE,
        fields=fields,
        files=files,
    )


def _merged(parameters: Mapping[str, JSON]) -> bool:
    return parameters.get("mergeAfter") is not False and parameters.get("mergedAtSave") is not False


def _bits(context: StageContext) -> int:
    p = context.parameters
    if not p.get("quantize"):
        return 16
    bits = int(number(p, "quantizeBits", 4) or 4)
    if bits not in (4, 8):
        raise UsageError(f"stage {context.index}: quantizeBits: expected 4 or 8; found {bits}")
    return bits
