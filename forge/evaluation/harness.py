"""lm-evaluation-harness asks a model, and writes its own log."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forge import loading
from forge.evaluation import local_data
from forge.evaluation.settings import Settings
from forge.stages.base import Progress
from verifier.errors import EvidenceMissingError, JudgeError
from verifier.runners.lm_eval import identity, sentences
from verifier.runners.lm_eval.runner import LmEvalRunner, LmEvalTask


def ask(
    runner: LmEvalRunner,
    model: Path,
    out: Path,
    *,
    data: Path | None,
    examples: Path | None,
    settings: Settings,
    on_progress: Progress,
) -> Path:
    """Run a model on a benchmark's tasks.

    Args:
        runner: the benchmark.
        model: a folder that stock transformers loads.
        out: folder for the log.
        data, examples: see ``local_data.find``; without data the harness takes the published dataset.
        settings: how to run it.
        on_progress: told how many requests are answered.

    Returns:
        The folder with ``samples_<task>_<time>.jsonl`` and ``results_<time>.json``.

    Raises:
        EvidenceMissingError: a package or the dataset is missing.
        UsageError, DocumentError: the data or the model's folder cannot be read.
        JudgeError: the harness broke.
    """
    loading.need("torch", "transformers")
    rows = local_data.find(data, [task.name for task in runner.tasks], examples) if data else {}
    if runner.sentences:
        sentences.prepare()
    with tempfile.TemporaryDirectory(prefix="alloy-evaluate-") as scratch, _quiet():
        on_progress("loading the problems", 0, 0)
        _seed(settings)
        asked = _tasks(runner, rows, settings, Path(scratch))
        on_progress("loading the model", 0, 0)
        lm = _model(model, settings, on_progress)
        return _run(asked, lm, model.resolve().name, out, settings)


def _seed(settings: Settings) -> None:
    """Seed what the harness seeds before it loads tasks: gpqa shuffles its choices while it is loaded."""
    import random

    import numpy as np
    from lm_eval.evaluator import DEFAULT_OTHER_SEED, DEFAULT_RANDOM_SEED
    from lm_eval.utils import set_torch_seed

    chosen = settings.seed
    random.seed(DEFAULT_RANDOM_SEED if chosen is None else chosen)
    np.random.seed(DEFAULT_OTHER_SEED if chosen is None else chosen)
    set_torch_seed(DEFAULT_OTHER_SEED if chosen is None else chosen)


def _tasks(
    runner: LmEvalRunner, rows: Mapping[str, local_data.Rows], settings: Settings, scratch: Path
) -> list[Any]:
    """The harness's tasks, or the group around them, as ``simple_evaluate`` takes them."""
    from lm_eval.api.group import Group
    from lm_eval.config.group import GroupConfig
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    wanted = [task for task in runner.tasks if not rows or task.name in rows]
    manager = TaskManager(include_defaults=False)
    specs = [_spec(task, rows.get(task.name), settings, scratch) for task in wanted]
    try:
        made: list[Any] = list(manager.load(specs)["tasks"].values())
    except Exception as error:  # whatever fetching or reading a dataset raises
        said = f"{type(error).__name__}: {error}"[:300]
        if rows:
            raise EvidenceMissingError(
                f"benchmark {runner.name}: expected problems in the format of its dataset, found {said}",
                remedy="each line is one row of the published dataset, with all of its columns",
            ) from error
        raise EvidenceMissingError(
            f"benchmark {runner.name}: its dataset could not be had: {said}",
            remedy="go online, or name a local copy with --data",
        ) from error
    if runner.group is None:
        return made
    fields = GroupConfig.__dataclass_fields__
    config = load_yaml(identity.task_file(runner.group))
    group = Group.from_config(GroupConfig(**{key: config[key] for key in config if key in fields}))
    for task in made:
        group.add(task)
    return [group]


def _spec(
    task: LmEvalTask, rows: local_data.Rows | None, settings: Settings, scratch: Path
) -> dict[str, Any]:
    """The task's definition, with what is to be otherwise."""
    from lm_eval.tasks._yaml_loader import load_yaml

    # A definition is loaded from its declared path: to index all 14,000 takes longer than a small run.
    spec: dict[str, Any] = load_yaml(identity.task_file(task.yaml), resolve_func=True)
    fewshot = task.fewshot if settings.fewshot is None else settings.fewshot
    spec["num_fewshot"] = fewshot
    if rows is not None:
        files = local_data.splits(rows, spec, fewshot)
        # The harness keeps what a task makes of its problems beside them; two runs must not share it.
        kwargs = {"data_files": files, "cache_dir": str(scratch / task.name)}
        spec |= {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": kwargs}
    return spec


def _model(folder: Path, settings: Settings, on_progress: Progress) -> Any:
    model = loading.load_model(folder, device=settings.device, dtype=settings.dtype)
    tokenizer = loading.load_tokenizer(folder)
    from lm_eval.models.huggingface import HFLM

    class Watched(HFLM):  # type: ignore[misc]
        """The harness's model, which tells how many requests it has answered."""

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            with _told(self, "answers", len(requests), on_progress):
                found: list[str] = super().generate_until(requests, disable_tqdm=True)
            return found

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> Any:
            return super().loglikelihood(requests, disable_tqdm=True)

        def _loglikelihood_tokens(self, requests: list[Any], *args: Any, **kwargs: Any) -> Any:
            with _told(self, "choices", len(requests), on_progress):
                return super()._loglikelihood_tokens(requests, *args, **kwargs | {"disable_tqdm": True})

    return Watched(
        pretrained=model, tokenizer=tokenizer, batch_size=settings.batch_size, device=settings.device
    )


@contextmanager
def _told(lm: Any, what: str, total: int, on_progress: Progress) -> Iterator[None]:
    """Count answers by the hook through which the harness caches them."""
    before, done = lm.cache_hook, 0

    class Hook:
        def add_partial(self, *args: Any) -> None:
            nonlocal done
            done += 1
            on_progress(what, min(done, total), total)
            before.add_partial(*args)

    on_progress(what, 0, total)
    lm.set_cache_hook(Hook())
    try:
        yield
    finally:
        lm.set_cache_hook(before)


def _run(tasks: list[Any], lm: Any, name: str, out: Path, settings: Settings) -> Path:
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    seeds: dict[str, int] = {}
    if settings.seed is not None:
        names = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")
        seeds = dict.fromkeys(names, settings.seed)
    tracker = EvaluationTracker(output_path=str(out))
    try:
        found = lm_eval.simple_evaluate(
            model=lm,
            model_args={"pretrained": name},  # for the record, and for the name of the log's folder
            tasks=tasks,
            batch_size=settings.batch_size,
            device=settings.device,
            limit=settings.limit,
            apply_chat_template=bool(settings.chat),
            gen_kwargs={"max_gen_toks": settings.max_tokens} if settings.max_tokens else None,
            log_samples=True,
            evaluation_tracker=tracker,
            task_manager=TaskManager(include_defaults=False),
            **seeds,
        )
    except Exception as error:  # whatever the harness or the model raises
        raise JudgeError(f"the harness broke: {type(error).__name__}: {error}"[:1000]) from error
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    for task in found["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    written = sorted(out.glob("**/results_*.json"))
    if not written:
        raise JudgeError(f"expected a log in {out}, found none: the harness could not write it")
    return written[-1].parent


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the harness's advice; errors still come."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
