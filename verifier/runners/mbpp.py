"""MBPP and MBPP+ as evalplus has them: the problems of MBPP+ v0.2.0, with base inputs alone or with all."""

from verifier.runners.benchmark import BenchmarkRunner
from verifier.runners.model import DatasetPin

DATASET = DatasetPin(
    filename="MbppPlus-v0.2.0.jsonl.gz",
    sha256="af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63",
    size=336032,
    url="https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz",
)

MBPP = BenchmarkRunner(name="mbpp", aliases=("MBPP",), problems=378, dataset=DATASET, kind="mbpp", plus=False)
MBPP_PLUS = BenchmarkRunner(
    name="mbpp_plus",
    aliases=("mbpp+", "MBPP+", "mbppplus", "mbpp-plus"),
    problems=378,
    dataset=DATASET,
    kind="mbpp",
    plus=True,
)
