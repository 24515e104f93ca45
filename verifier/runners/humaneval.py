"""HumanEval and HumanEval+: one dataset, two scores."""

from verifier.runners.benchmark import BenchmarkRunner
from verifier.runners.model import DatasetPin

DATASET = DatasetPin(
    filename="HumanEvalPlus-v0.1.10.jsonl.gz",
    sha256="272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
    size=925932,
    url="https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz",
)

HUMANEVAL = BenchmarkRunner(
    name="humaneval", aliases=("HumanEval",), problems=164, dataset=DATASET, kind="humaneval", plus=False
)
HUMANEVAL_PLUS = BenchmarkRunner(
    name="humaneval_plus",
    aliases=("humaneval+", "HumanEval+", "humanevalplus", "humaneval-plus"),
    problems=164,
    dataset=DATASET,
    kind="humaneval",
    plus=True,
)
