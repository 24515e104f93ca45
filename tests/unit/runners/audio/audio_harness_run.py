"""Runs lmms-eval itself, offline, on small datasets, and lets it write its own logs.

``python -m tests.unit.runners.audio.audio_harness_run FOLDER``
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.unit.runners.audio import spoken


def model() -> Any:
    from lmms_eval.api.model import lmms

    class Canned(lmms):
        """Answers that are written down."""

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [spoken.pairs(request.args[4])[request.args[3]][1] for request in requests]

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            raise NotImplementedError

    return Canned()


def main(folder: Path) -> None:
    # A torchvision of another build than torch would keep transformers from loading.
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    import datasets
    import lmms_eval
    from lmms_eval import evaluator
    from lmms_eval.loggers import EvaluationTracker
    from lmms_eval.tasks import TaskManager
    from lmms_eval.utils import get_datetime_str

    made = spoken.rows()

    def load_dataset(path: str, name: str | None = None, **_: Any) -> Any:
        pair = {"en_zh": "covost2_en_zh_test", "zh_en": "covost2_zh_en_test"}
        task = pair.get(str(name), str(name))
        split = "test" if name in pair else task
        return datasets.DatasetDict({split: datasets.Dataset.from_list(made[task])})

    datasets.load_dataset = load_dataset
    # For datasets that are fetched by several processes; it wants a filelock older than the newest.
    evaluator._enable_reentrant_filelocks._patched = True
    tasks = Path(lmms_eval.__file__).parent / "tasks"
    time = get_datetime_str()
    tracker = EvaluationTracker(output_path=str(folder))
    found = evaluator.simple_evaluate(
        model=model(),
        model_args="pretrained=canned",
        tasks=list(made),
        log_samples=True,
        evaluation_tracker=tracker,
        task_manager=TaskManager(
            include_path=[str(tasks / part) for part in ("librispeech", "covost2")], include_defaults=False
        ),
        datetime_str=time,
        process_docs_parallel=1,
    )
    assert found is not None
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples, datetime_str=time)
    for task in found["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    json.dumps(found["results"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
