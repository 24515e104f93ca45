"""Runs lmms-eval itself, offline, on small datasets, and lets it write its own logs.

``python -m tests.unit.runners.lmms_eval_logs.harness_run FOLDER [DEFINITIONS]`` makes three runs:
``FOLDER/scripted``, where prepared answers are given as the harness's library is called by a program;
``FOLDER/command``, the same answers with the arguments of its command line, which strips ``<think>`` blocks;
and ``FOLDER/random``, a model of random text. DEFINITIONS is a folder with further tasks and their datasets.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

TAGS = '[["<think>", "</think>"], ["<analysis>", "</analysis>"]]'


def model(which: str) -> Any:
    from lmms_eval.api.model import lmms

    from tests.unit.runners.lmms_eval_logs import rows

    prepared, rng = rows.answers(), random.Random(7)

    class Canned(lmms):
        """Answers that are written down, or random ones, these as a model of chats gives them."""

        is_simple = which != "random"

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [self._answer(request.args[4], request.args[3]) for request in requests]

        def _answer(self, task: str, doc_id: int) -> str:
            if which == "random" or task not in prepared:
                return "".join(rng.choice("ABCD (.)1250% \nNoyes") for _ in range(rng.randint(1, 9)))
            answer = prepared[task][doc_id]
            return f"<think>Is it A? B?</think>\n{answer} \n" if which == "command" and doc_id % 2 else answer

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            raise NotImplementedError

    return Canned()


def main(folder: Path, definitions: Path | None = None) -> None:
    # Pictures are not decoded; a torchvision of another build than torch would keep transformers from
    # loading.
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    import datasets
    import lmms_eval
    from lmms_eval.tasks import TaskManager

    datasets.load_dataset = _loader(datasets.load_dataset)
    tasks = Path(lmms_eval.__file__).parent / "tasks"
    # Some folders of tasks instead of all of them.
    paths = [str(tasks / part) for part in ("chartqa", "docvqa", "mmmu", "ai2d")]
    names = ["chartqa", "docvqa_val", "mmmu_val", "ai2d"]
    if definitions is not None:
        paths.append(str(definitions))
        names += sorted(path.stem for path in definitions.glob("*.yaml"))
    manager = TaskManager(include_path=paths, include_defaults=False)
    for which in ("scripted", "command", "random"):
        _evaluate(folder / which, which, names, manager)


def _loader(load: Any) -> Any:
    import datasets
    from PIL import Image

    from tests.unit.runners.lmms_eval_logs.rows import rows

    made, square = rows(), Image.new("RGB", (2, 2))
    known = {"ChartQA": "chartqa", "DocVQA": "docvqa_val", "MMMU": "mmmu_val", "ai2d": "ai2d"}

    def load_dataset(path: str, name: str | None = None, **more: Any) -> Any:
        if path == "json":
            return load(path, name, **more)
        split, problems = made[known[path.removeprefix("lmms-lab-encoder/")]]
        pictures = ("image_1", "image_2") if path.endswith("MMMU") else ("image",)
        table = datasets.Dataset.from_list([row | dict.fromkeys(pictures, square) for row in problems])
        for picture in pictures:
            table = table.cast_column(picture, datasets.Image())
        return datasets.DatasetDict({split: table})

    return load_dataset


def _evaluate(folder: Path, which: str, tasks: list[str], manager: Any) -> None:
    from lmms_eval import evaluator
    from lmms_eval.loggers import EvaluationTracker
    from lmms_eval.utils import get_datetime_str

    # For datasets that are fetched by several processes; it wants a filelock older than the newest.
    evaluator._enable_reentrant_filelocks._patched = True
    time = get_datetime_str()
    tracker = EvaluationTracker(output_path=str(folder))
    said = argparse.Namespace(reasoning_tags=TAGS, process_with_media=False)
    found = evaluator.simple_evaluate(
        model=model(which),
        model_args="pretrained=canned",
        tasks=tasks,
        log_samples=True,
        evaluation_tracker=tracker,
        task_manager=manager,
        datetime_str=time,
        process_docs_parallel=1,
        cli_args=said if which == "command" else None,
    )
    assert found is not None
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples, datetime_str=time)
    for task in found["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    json.dumps(found["results"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
