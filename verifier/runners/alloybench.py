"""AlloyBench and AlloyBench+: sixteen small problems that ship with this project."""

from verifier.runners.benchmark import BenchmarkRunner
from verifier.runners.model import DatasetPin

DATASET = DatasetPin(
    filename="AlloyBench-v1.jsonl.gz",
    sha256="ea08186f955d8947636d2fa4da8b02e33ffffd7449d035869eb248da8d5716a0",
    size=8282,
)

ALLOYBENCH = BenchmarkRunner(
    name="alloybench", aliases=("AlloyBench",), problems=16, dataset=DATASET, kind="humaneval", plus=False
)
ALLOYBENCH_PLUS = BenchmarkRunner(
    name="alloybench_plus",
    aliases=("alloybench+", "AlloyBench+"),
    problems=16,
    dataset=DATASET,
    kind="humaneval",
    plus=True,
)
