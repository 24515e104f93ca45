"""Score a log of LiveCodeBench with both judges, against the harness's ``codegen_metrics`` on the same set.

Programs are copies of the small contest's that solve their problem, each with a comment of its own, so that
each is executed; none waits for a time limit, since that would measure the limit. Each side is a whole
process with the same number of workers; ours includes the sandbox's start, both judges, and the counting.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import Measured, median, must, report, run, tool

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.unit.runners.livecodebench import contest_problems as contest  # noqa: E402
from verifier.runners.livecodebench import dataset as problems_file  # noqa: E402

_THEIRS = """
import json, sys
from livecodebench.evaluation.compute_code_generation_metrics import codegen_metrics
problems, programs, workers = json.load(open(sys.argv[1]))
metrics, _, _ = codegen_metrics(problems, programs, num_process_evaluate=workers)
json.dump(metrics["pass@1"], open(sys.argv[2], "w"))
"""


def write(folder: Path, copies: int, jobs: int) -> tuple[Path, Path, Path]:
    """Write the dataset, the log, and what the harness's function is given."""
    dataset = contest.write_dataset(folder / "test6.jsonl")
    programs = {
        question: [f"{codes[0]}\n# copy {number}\n" for number in range(copies)]
        for question, codes in sorted(contest.PROGRAMS.items())
    }
    log = contest.write(folder / "samples.json", contest.custom(programs))
    problems = problems_file.load(dataset)
    samples = [{"input_output": problems.tests(name).as_the_harness_has_them()} for name in programs]
    theirs = contest.write(folder / "theirs.json", [samples, list(programs.values()), jobs])
    return dataset, log, theirs


def ours(dataset: Path, log: Path, folder: Path, jobs: int) -> tuple[Measured, float]:
    """``alloy score`` with an empty cache."""
    cache, out = folder / "cache", folder / "score.json"
    shutil.rmtree(cache, ignore_errors=True)
    command = [tool("alloy"), "score", log, "--benchmark", "livecodebench_v6", "--dataset", dataset]
    command += ["-j", str(jobs), "--json", out, "--offline"]
    measured = must(run(command, env={"ALLOY_CACHE": str(cache)}))
    found: dict[str, Any] = json.loads(out.read_text())
    return measured, found["metrics"][0]["value"]


def official(theirs: Path, folder: Path) -> tuple[Measured, float]:
    """``codegen_metrics`` itself."""
    out = folder / "metrics.json"
    measured = must(run([sys.executable, "-c", _THEIRS, theirs, out]))
    return measured, json.loads(out.read_text())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=10, help="programs a problem (default: 10)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="workers of either side (default: cores)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each side runs, in turn (default: 3)"
    )
    args = parser.parse_args()
    mine: list[Measured] = []
    harness: list[Measured] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset, log, theirs = write(folder, args.copies, args.jobs)
        for _ in range(args.rounds):
            measured, value = ours(dataset, log, folder, args.jobs)
            their_measured, their_value = official(theirs, folder)
            if value != their_value:
                raise SystemExit(f"expected the harness's pass@1 {their_value}, found {value}")
            mine.append(measured)
            harness.append(their_measured)
    one, other = median(mine), median(harness)
    report(
        {
            "programs": args.copies * len(contest.PROBLEMS),
            "alloy": one,
            "codegen_metrics": other,
            "ratio": one.seconds / other.seconds,
        }
    )


if __name__ == "__main__":
    main()
