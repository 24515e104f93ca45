"""How a model is run on a benchmark, and what comes out."""

from dataclasses import dataclass
from pathlib import Path

from verifier.runners.model import ScoreResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is run.

    Attributes:
        limit: how many problems of each task at most, the first ones; None for all.
        seed: of every random choice; None for the harness's own seeds.
        device: ``cpu`` or a torch device.
        dtype: ``float32``, ``bfloat16``, ``float16``, or ``auto`` for what the checkpoint says.
        batch_size: how many requests the model is given at once.
        chat: whether prompts go through the model's chat template; None for the harness's own way: lm-eval
            asks without it, evalplus with it where the model has one.
        max_tokens: how many tokens an answer may have; None for what the benchmark says.
        fewshot: how many examples stand in the prompt; None for what the benchmark says.
    """

    limit: int | None = None
    seed: int | None = None
    device: str = "cpu"
    dtype: str = "auto"
    batch_size: int = 1
    chat: bool | None = None
    max_tokens: int | None = None
    fewshot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A model's answers, and their score.

    Attributes:
        samples: what to score again: the harness's log folder, or a samples file.
        score: the score, by the same code as that of any published log.
        seconds: wall time of loading and asking the model, without scoring.
    """

    samples: Path
    score: ScoreResult
    seconds: float
