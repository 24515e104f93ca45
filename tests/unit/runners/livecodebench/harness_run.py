"""Let LiveCodeBench itself judge programs and write its logs, as a process of its own and without a sandbox.

Its custom evaluator runs as it is. What is replaced has no part in judging: the dataset's download, which is
here a file, and two words of a service's client, for prompts, which its newer versions lack.

Usage: harness_run.py DATASET SECONDS PROGRAMS...
"""

import json
import resource
import sys
import types
from pathlib import Path
from typing import Any

import datasets

client: Any = types.ModuleType("anthropic")
client.HUMAN_PROMPT, client.AI_PROMPT = "Human:", "Assistant:"
sys.modules["anthropic"] = client

from livecodebench.benchmarks import code_generation  # noqa: E402
from livecodebench.runner import custom_evaluator  # noqa: E402


def main() -> None:
    dataset, seconds, *files = sys.argv[1:]
    # Linux's usual limit, whatever it is where this test runs: deep recursions crash at it.
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    lines = Path(dataset).read_text(encoding="utf-8").splitlines()
    local = datasets.Dataset.from_list([json.loads(line) for line in lines])
    code_generation.load_dataset = lambda *_, **__: local
    for programs in files:
        sys.argv = ["custom_evaluator", "--custom_output_file", programs, "--timeout", seconds]
        sys.argv += ["--num_process_evaluate", "2"]
        custom_evaluator.main()


if __name__ == "__main__":
    main()
