"""How long the command line takes to answer, as a process.

Goals: ``alloy --help`` in 0.25 s, importing no numpy, torch or evalplus; ``alloy verify --tier 1`` over the
whole published catalog in 1 s (set ALLOY_MIRROR to where its alloys are, or fetch them first).
"""

import argparse
import sys

from _measure import median, must, report, run, tool

HEAVY = ("numpy", "torch", "transformers", "evalplus", "huggingface_hub", "requests", "rich", "msgspec")
OK_OR_REFUTED = (0, 1)


def heavy_imports() -> list[str]:
    """Which heavy packages ``alloy --help`` imports, by Python's own list of imports."""
    told = must(run([sys.executable, "-X", "importtime", tool("alloy"), "--help"])).output
    names = {
        line.rsplit("|", 1)[-1].strip().split(".")[0] for line in told.splitlines() if "import time:" in line
    }
    if "verifier" not in names:
        raise SystemExit("expected Python's list of imports to name verifier")
    return sorted(names.intersection(HEAVY))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each command (default: 7)")
    args = parser.parse_args()
    verify = [tool("alloy"), "verify", "--catalog", "published", "--tier", "1", "--offline"]
    verified = [must(run(verify), codes=OK_OR_REFUTED) for _ in range(args.rounds)]
    report(
        {
            "python -c pass": median([must(run([sys.executable, "-c", "pass"])) for _ in range(args.rounds)]),
            "alloy --help": median([must(run([tool("alloy"), "--help"])) for _ in range(args.rounds)]),
            "heavy imports of alloy --help": heavy_imports(),
            "alloy verify --tier 1": median(verified),
            "its summary": verified[-1].output.strip().splitlines()[-1],
        }
    )


if __name__ == "__main__":
    main()
