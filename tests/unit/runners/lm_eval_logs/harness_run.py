"""Runs lm-evaluation-harness itself, offline, on small datasets, and lets it write its own log.

``python -m tests.unit.runners.lm_eval_logs.harness_run FOLDER`` evaluates two models: in ``FOLDER/random`` a
tiny transformer with random weights on CPU; in ``FOLDER/scripted`` one that gives prepared answers, right and
wrong ones, since a random transformer never solves a problem of text.
"""

import json
import sys
from pathlib import Path
from typing import Any

TASKS = {
    "random": (
        "leaderboard_ifeval",
        "leaderboard_bbh",
        "leaderboard_math_hard",
        "leaderboard_gpqa",
        "leaderboard_mmlu_pro",
        "leaderboard_musr",
        "gsm8k",
        "aime24",
    ),
    "scripted": ("leaderboard_ifeval", "leaderboard_math_hard", "gsm8k", "aime24", "alloybench_words"),
}
WORDS = {
    "alloybench_words_sums": {3: "loose", 4: "wrong", 12: "wrong", 20: "loose"},
    "alloybench_words_counts": {2: "wrong", 9: "loose"},
}
"""What is not answered rightly in AlloyBench-Words."""
ANSWERS = {
    "Ann has": "She has 3 + 4 = 7.\n#### 7",
    "Käfer": "Das sind $1,200 cm — weit! #### 1200",
    "A coat": "The price was 80",
    "10 birds": "#### 3",
    "七个": "答案是五十六 #### 五十六",
    "odd primes": "3+5+7 = $15$",
    "Find $2^": "So \\boxed{255}",
    "divisors": "Seven of them: \\boxed{8}",
    "Solve $2x": "Final Answer: The final answer is $5$. I hope it is correct.",
    "0.5$ as": "That is $\\frac{2}{4}$",
    "interval": "\\boxed{(2,5)}",
    "without commas": "No comma here",
    "two sentences": "**One sentence.** Then another. All is done.",
    "small letters": "this is written in small letters and it is plain english text",
    "SHOUTED": "nothing of that kind",
    "Deutsch": "Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter und den Wald.",
}


def scripted() -> Any:
    from lm_eval.api.model import LM

    from forge.reference.bench import words

    texts = {
        problem.question: problem.text(WORDS[task].get(i, "right"))
        for task, problems in words.TASKS.items()
        for i, problem in enumerate(problems)
    }

    class Scripted(LM):
        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            return [self._answer(request.args[0]) for request in requests]

        def _answer(self, prompt: str) -> str:
            # The question is last; examples come before it.
            at = {prompt.rfind(key): answer for key, answer in {**ANSWERS, **texts}.items()}
            return at[max(at)]

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            raise NotImplementedError

    return Scripted()


def random_transformer() -> Any:
    # Pictures are not needed; a torchvision of another build than torch would keep transformers from loading.
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    from lm_eval.models.huggingface import HFLM

    from tests.unit.forge import byte_model

    model, tokenizer = byte_model.build()
    return HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=16, max_length=256, device="cpu")


def main(folder: Path) -> None:
    import datasets
    import lm_eval
    from lm_eval.tasks import TaskManager

    from verifier.runners.lm_eval import identity, sentences

    sentences.prepare()
    tasks = Path(lm_eval.__file__).parent / "tasks"
    datasets.load_dataset = _loader(datasets.load_dataset, folder / "data", tasks)
    # Some folders of tasks instead of all 14,000 files.
    paths = [str(tasks / part) for part in ("leaderboard", "gsm8k", "aime")] + [identity.own("")]
    manager = TaskManager(include_path=paths, include_defaults=False)
    for which, make in (("random", random_transformer), ("scripted", scripted)):
        _evaluate(folder / which, make(), TASKS[which], manager)


def _loader(load: Any, scratch: Path, tasks: Path) -> Any:
    from tests.unit.runners.lm_eval_logs import rows

    def load_dataset(path: str, name: str | None = None, **_: Any) -> Any:
        # From files, so that what a task makes of them is cached as it is for a published dataset: GPQA's
        # choices are shuffled each time that nothing is cached.
        made = rows.rows(path, name, tasks)
        home = scratch / f"{path}-{name}".replace("/", "-")
        home.mkdir(parents=True, exist_ok=True)
        files = {split: str(home / f"{split}.jsonl") for split in made}
        for split, file in files.items():
            Path(file).write_text("".join(json.dumps(row) + "\n" for row in made[split]), encoding="utf-8")
        return load("json", data_files=files, cache_dir=str(scratch / "cache"))

    return load_dataset


def _evaluate(folder: Path, model: Any, tasks: tuple[str, ...], manager: Any) -> None:
    import lm_eval
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(folder))
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=list(tasks),
        log_samples=True,
        gen_kwargs="max_gen_toks=16",
        evaluation_tracker=tracker,
        task_manager=manager,
    )
    assert found is not None
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    for task in found["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
