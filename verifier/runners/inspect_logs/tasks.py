"""Which of inspect_evals' tasks stand for which benchmark, and who judges them there.

Sizes are ``dataset_samples`` in the package's own ``eval.yaml`` (musr: all three domains; a log holds one).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectTask:
    """One task of inspect_evals.

    Attributes:
        benchmark: this project's name of the benchmark.
        task: the task's name, without the package's.
        size: how many problems it has.
        scorer: name of its scorer, as logs state it.
        entry: ``module:function`` that makes the scorer.
        options: arguments of that function.
        metric: the metric that counts.
        choice: whether the answer is read by the solver for multiple choice, before the scorer sees it.
    """

    benchmark: str
    task: str
    size: int
    scorer: str
    entry: str
    options: Mapping[str, JSON] = field(default_factory=dict)
    metric: str = "accuracy"
    choice: bool = False


def _choice(benchmark: str, size: int) -> InspectTask:
    return InspectTask(
        benchmark=benchmark,
        task=benchmark,
        size=size,
        scorer="choice",
        entry="inspect_ai.scorer:choice",
        choice=True,
    )


TASKS = {
    task.benchmark: task
    for task in (
        InspectTask(
            benchmark="gsm8k",
            task="gsm8k",
            size=1319,
            scorer="match",
            entry="inspect_ai.scorer:match",
            options={"numeric": True},
        ),
        InspectTask(
            benchmark="aime_2024",
            task="aime2024",
            size=30,
            scorer="aime_scorer",
            entry="inspect_evals.utils.aime_common:aime_scorer",
        ),
        InspectTask(
            benchmark="bbh",
            task="bbh",
            size=6509,
            scorer="bbh_scorer",
            entry="inspect_evals.bbh.bbh:bbh_scorer",
            metric="all",
            choice=True,
        ),
        _choice("mmlu_pro", 12032),
        _choice("gpqa_diamond", 198),
        _choice("musr", 756),
    )
}

PROGRAMS = {"humaneval": "HumanEval/{}", "mbpp": "Mbpp/{}"}
"""Tasks whose answers are programs -> evalplus's name of a problem."""

REASONS = {
    "ifeval": "inspect judges it by the package instruction_following_eval, which is not on PyPI",
}
"""Benchmarks that inspect_evals has, and why their logs are not scored again."""


def short(task: str) -> str:
    """A task's name without its package: ``inspect_evals/gsm8k`` -> ``gsm8k``."""
    return task.rpartition("/")[2]
