"""What the training stages share: corpus, tokenizer, model, teacher, and what may not change."""

import gc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge import loading
from forge.corpus import Corpus, read_corpus
from forge.stages.base import StageContext
from forge.training import data
from forge.training.data import Tokens
from forge.training.loop import Pin
from forge.training.settings import PRECISIONS, Settings
from verifier.errors import EvidenceMissingError, UsageError
from verifier.verdicts import JSON

BASE = ("base", "source")
"""What ``teacher`` may say for the unchanged source model, besides the source's own name."""
TEACHERS: Mapping[str, tuple[str, int]] = {
    "fp32": ("float32", 16),
    "bf16": ("bfloat16", 16),
    "fp16": ("float16", 16),
    "bnb-8bit": ("bfloat16", 8),
    "bnb-4bit": ("bfloat16", 4),
}
"""``teacherPrecision`` -> dtype and bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Training data, ready to use.

    Attributes:
        corpus: texts and digest.
        name: the path that the alloy names.
        windows: token windows.
        pad: id for padding.
    """

    corpus: Corpus
    name: str
    windows: Sequence[Tokens]
    pad: int

    def record(self) -> dict[str, JSON]:
        """For the executed alloy."""
        return {
            "dataset": self.name,
            "datasetSha256": self.corpus.sha256,
            "examples": len(self.corpus.texts),
            "windows": len(self.windows),
        }


def dataset(context: StageContext) -> tuple[str, Corpus]:
    """The corpus that the stage trains on: a JSONL file beside the recipe, never fetched.

    Raises:
        UsageError: the stage names none.
        EvidenceMissingError: it is not there.
        EvidenceMismatchError: it is another one than ``datasetSha256`` says.
    """
    p = context.parameters
    name = p.get("datasetFile") or p.get("dataset") or p.get("calibrationDataset")
    if not isinstance(name, str):
        raise UsageError(
            f"stage {context.index}: dataset: expected the path of a JSONL file; found {name!r}",
            remedy="put the training texts beside the recipe and name the file in dataset",
        )
    stated = p.get("datasetSha256")
    return name, read_corpus(
        context.find(name),
        field=str(p.get("textField") or "text"),
        expected_sha256=stated if isinstance(stated, str) else None,
    )


def material(context: StageContext, model: Any, length: int) -> Material:
    """The stage's data as windows for ``model``; errors as :func:`dataset` and :func:`data.encode`."""
    name, corpus = dataset(context)
    tokenizer = loading.load_tokenizer(context.model)
    encoded = data.encode(corpus.texts, tokenizer, model.get_input_embeddings().weight.shape[0])
    return Material(
        corpus=corpus,
        name=name,
        windows=data.windows(encoded, length),
        pad=loading.pad_token(tokenizer),
    )


def positions(folder: Path) -> int:
    """The longest sequence that the model in ``folder`` takes; unbounded if its configuration is silent."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 1 else 1 << 30


def teacher(context: StageContext, how: Settings) -> Any:
    """The teacher, loaded and frozen; None for a loss that needs none.

    Raises:
        UsageError: the loss needs one and the stage names none, or an unknown ``teacherPrecision``.
        EvidenceMissingError: it is not the source model, and no such folder is beside the recipe.
    """
    if how.loss == "cross_entropy":
        return None
    precision = context.parameters.get("teacherPrecision") or how.precision
    if precision not in TEACHERS:
        raise UsageError(
            f"stage {context.index}: teacherPrecision: expected one of {', '.join(TEACHERS)}; "
            f"found {precision!r}"
        )
    dtype, bits = TEACHERS[str(precision)]
    model = loading.load_model(
        teacher_folder(context), device=context.device, dtype=dtype, bits=bits, experts="eager"
    )
    return model.requires_grad_(False)


def teacher_folder(context: StageContext) -> Path:
    """Where the teacher lies; errors as :func:`teacher`."""
    name = context.parameters.get("teacher")
    if not isinstance(name, str):
        raise UsageError(f"stage {context.index}: teacher: expected a model; found {name!r}")
    if name in (*BASE, context.source_facts.get("baseModel")):
        return context.base
    relative = Path(name)
    if not relative.is_absolute() and ".." not in relative.parts and (context.recipe / relative).is_dir():
        return context.recipe / relative
    raise EvidenceMissingError(
        f"stage {context.index}: teacher: expected the source model "
        f"({context.source_facts.get('baseModel')}) or a folder beside the recipe; found {name!r}",
        remedy=f"put the model into {context.recipe / 'teacher'} and name it 'teacher'",
    )


def check_pair(student: Any, guide: Any) -> None:
    """Refuse a teacher that cannot guide this student.

    Raises:
        UsageError: another vocabulary.
    """
    if guide is None:
        return
    sizes = [m.get_input_embeddings().weight.shape[0] for m in (student, guide)]
    if sizes[0] != sizes[1]:
        raise UsageError(f"teacher: expected the student's vocabulary of {sizes[0]}; found {sizes[1]}")


def student_dtype(how: Settings, *, full: bool) -> str:
    """Dtype of the student's weights: float32 if all of them are trained, else the precision's own."""
    return "float32" if full else PRECISIONS[how.precision]


def dead(weight: Any) -> tuple[Any, Any]:
    """Which rows and which columns of a matrix are zero throughout: two boolean vectors.

    Pruning in pad mode leaves heads as such rows (query, key, value) and columns (output). They must stay
    zero: a head that training brought back to life would be a head that the record calls removed. The rule
    looks at the weights, so that it holds for every way in which zeros came there.
    """
    zero = weight == 0
    return zero.all(dim=1), zero.all(dim=0)


def keep_zero(parameter: Any, rows: Any, columns: Any) -> Pin:
    """Put ``rows`` and ``columns`` of ``parameter`` back to zero; vectors as from :func:`dead`, or None."""
    import torch

    def pin() -> None:
        with torch.no_grad():
            if rows is not None:
                parameter[rows] = 0
            if columns is not None:
                parameter[:, columns] = 0

    pin()
    return pin


def keep_rows(parameter: Any, rows: Sequence[int]) -> Pin:
    """Put ``rows`` of ``parameter`` back to what they are now."""
    import torch

    index = torch.tensor(list(rows), device=parameter.device)
    values = parameter.detach()[index].clone()

    def pin() -> None:
        with torch.no_grad():
            parameter[index] = values

    return pin


def share(part: int, whole: int) -> float:
    """Per cent, to three decimals."""
    return round(100 * part / whole, 3) if whole else math.nan


def release() -> None:
    """Give memory of models that are not needed any more back before the next one is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
