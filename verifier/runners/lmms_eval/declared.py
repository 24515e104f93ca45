"""The benchmarks of lmms-eval, as data: task, split, size, and the metric that counts.

Names of splits and versions are the definitions' own (lmms-eval 0.7.3). Sizes are those of the published
splits that they name; ChartQA's is 1250 questions written by people and as many generated ones.
"""

from verifier.runners.lmms_eval.runner import LmmsEvalRunner
from verifier.runners.model import DatasetPin

CHARTS = DatasetPin(
    filename="AlloyBenchCharts-v1.jsonl.gz",
    sha256="06c5557856a72d678fba8866f474024b9f39038326828df76f30d4498cdd70cb",
    size=3715,
)
"""The data set of this project's own charts."""

_ALL = (
    LmmsEvalRunner(
        name="mmmu",
        aliases=("MMMU", "mmmu_val", "MMMU-val", "MMMU (val)"),
        task="mmmu_val",
        yaml="mmmu/mmmu_val.yaml",
        folders=("mmmu",),
        version="0.0",
        split="validation",
        size=900,
        kind="mmmu",
        metric="mmmu_acc",
    ),
    LmmsEvalRunner(
        name="chartqa",
        aliases=("ChartQA",),
        task="chartqa",
        yaml="chartqa/chartqa.yaml",
        folders=("chartqa",),
        split="test",
        size=2500,
        kind="chartqa",
        metric="relaxed_overall",
        parts=("relaxed_human_split", "relaxed_augmented_split"),
    ),
    LmmsEvalRunner(
        name="docvqa",
        aliases=("DocVQA", "docvqa_val", "DocVQA-val", "DocVQA (val)"),
        task="docvqa_val",
        yaml="docvqa/docvqa_val.yaml",
        folders=("docvqa",),
        split="validation",
        size=5349,
        kind="docvqa",
        metric="anls",
        mean=True,
    ),
    LmmsEvalRunner(
        name="ai2d",
        aliases=("AI2D",),
        task="ai2d",
        yaml="ai2d/ai2d.yaml",
        folders=("ai2d",),
        split="test",
        size=3088,
        kind="ai2d",
        metric="exact_match",
        filter="flexible-extract",
    ),
    LmmsEvalRunner(
        name="alloybench_charts",
        aliases=("AlloyBench-Charts", "AlloyBenchCharts"),
        task="alloybench_charts",
        yaml="alloybench_charts/alloybench_charts.yaml",
        folders=("chartqa",),
        version="1.0",
        split="test",
        size=24,
        kind="chartqa",
        metric="relaxed_overall",
        parts=("relaxed_human_split", "relaxed_augmented_split"),
        own=True,
        pin=CHARTS,
    ),
)

RUNNERS = {runner.name: runner for runner in _ALL}


def __getattr__(name: str) -> LmmsEvalRunner:
    """Each runner by its benchmark's name, as the registry asks for it."""
    try:
        return RUNNERS[name]
    except KeyError:
        raise AttributeError(name) from None
