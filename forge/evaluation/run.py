"""Run a model on a registered benchmark, and score what it answers."""

import time
from pathlib import Path

from forge.evaluation.settings import Evaluation, Settings
from forge.stages.base import Progress, silent
from verifier.errors import EvidenceMissingError, UsageError


def evaluate(
    model: Path,
    benchmark: str,
    out: Path,
    *,
    data: Path | None = None,
    examples: Path | None = None,
    settings: Settings | None = None,
    jobs: int = 1,
    offline: bool = True,
    on_progress: Progress = silent,
) -> Evaluation:
    """Let the benchmark's harness ask a model, keep its log, and score the log.

    Args:
        model: a folder that stock transformers loads (config.json, safetensors, tokenizer).
        benchmark: exact name, or a declared spelling of it.
        out: new or empty folder for the log.
        data: problems in the format of the benchmark's dataset (``local_data.find``; for programs the file
            that evalplus distributes); None for the published dataset.
        examples: problems for the examples in the prompt, where the benchmark wants them from elsewhere.
        settings: how to run it; None for the benchmark's own way on the CPU.
        jobs: how many programs to judge at once.
        offline: whether the pinned dataset of a program benchmark may be fetched.
        on_progress: told what is being done.

    Raises:
        RegistryError: there is no such benchmark.
        UsageError: its harness cannot run a model here; a path or number makes no sense.
        EvidenceMissingError: a package or a dataset is missing.
        AlloyError: see the benchmark's runner.
    """
    from verifier.runners import registry
    from verifier.runners.benchmark import BenchmarkRunner
    from verifier.runners.lm_eval.runner import LmEvalRunner
    from verifier.runners.model import ScoreOptions

    runner, settings = registry.get(benchmark), settings or Settings()
    if not isinstance(runner, LmEvalRunner | BenchmarkRunner):
        raise UsageError(
            f"benchmark {runner.name}: expected one whose harness can run a model here (those of lm-eval and"
            " evalplus); found another",
            remedy="run its own harness, and score its log with alloy score",
        )
    _check(model, out, data, settings)
    if isinstance(runner, BenchmarkRunner) and (examples is not None or settings.fewshot is not None):
        raise UsageError(
            f"benchmark {runner.name}: its prompts hold no examples; leave out examples and fewshot"
        )
    if reason := runner.unavailable():
        raise EvidenceMissingError(f"benchmark {runner.name}: {reason}")
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    if isinstance(runner, LmEvalRunner):
        from forge.evaluation import harness

        samples = harness.ask(
            runner, model, out, data=data, examples=examples, settings=settings, on_progress=on_progress
        )
        dataset = cache_dir = None
    else:
        from forge.evaluation import programs
        from verifier.evidence.store import open_store

        store = open_store(offline)
        dataset, cache_dir = data or store.fetch_dataset(runner.dataset), store.cache.root
        samples = programs.write(runner, model, out, dataset, settings=settings, on_progress=on_progress)
    seconds = time.monotonic() - begin
    score = runner.score(
        samples, ScoreOptions(dataset=dataset, jobs=jobs, cache_dir=cache_dir, on_progress=on_progress)
    )
    return Evaluation(samples=samples, score=score, seconds=seconds)


def _check(model: Path, out: Path, data: Path | None, settings: Settings) -> None:
    if not (model / "config.json").is_file():
        raise UsageError(f"model: expected a folder with config.json; found none at {model}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"out: expected a folder that is new or empty; found {out}", remedy="name another")
    if data is not None and not data.exists():
        raise UsageError(f"data: expected a file or folder; found nothing readable at {data}")
    for name, least in (("limit", 1), ("batch_size", 1), ("max_tokens", 1), ("fewshot", 0)):
        value = getattr(settings, name)
        if value is not None and value < least:
            raise UsageError(f"{name}: expected a number from {least} on; found {value}")
