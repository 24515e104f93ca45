"""Names of the benchmarks that lmms-eval judges; nothing else is needed to list them."""

NAMES = ("mmmu", "chartqa", "docvqa", "ai2d", "alloybench_charts")
