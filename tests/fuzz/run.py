"""The fuzzer: ``python -m tests.fuzz.run --minutes 10``.

Prints one line per finding with the command that replays it, and a table at the end; exits 1 if anything was
found. A case that uses more than 10 s of processor time, or 300 s of wall time, counts as a hang.
"""

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.targets import TARGETS, Workbench, case

CPU_LIMIT = 10
WALL_LIMIT = 300


class Hang(BaseException):
    """A case took too long; not an Exception, so that nothing swallows it."""


def _hang(*_: object) -> None:
    raise Hang


def _one(bench: Workbench, target: str, seed: str) -> str:
    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT)
    signal.setitimer(signal.ITIMER_REAL, WALL_LIMIT)
    try:
        return case(bench, target, seed)
    except Hang:
        print(f"HANG  python -m tests.fuzz.run --target {target} --case {seed}", flush=True)
        print(traceback.format_exc(limit=-6), flush=True)
        return "hang"
    except Exception:
        print(f"FOUND python -m tests.fuzz.run --target {target} --case {seed}", flush=True)
        print(traceback.format_exc(limit=-4), flush=True)
        return "finding"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long to run (default: 1)")
    parser.add_argument("--seed", default="0", help="start of every case's seed (default: 0)")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only these")
    parser.add_argument("--case", help="replay one case of --target by its seed")
    return parser.parse_args()


def main() -> int:
    """Run the fuzzer; return 1 if it found something."""
    args = _arguments()
    signal.signal(signal.SIGPROF, _hang)
    signal.signal(signal.SIGALRM, _hang)
    targets = args.target or list(TARGETS)
    counts: dict[str, Counter[str]] = {t: Counter() for t in targets}
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="alloy-fuzz-") as scratch:
        bench = Workbench(scratch=Path(scratch))
        if args.case is not None:
            print(_one(bench, targets[0], args.case))
            return 0
        end, number = time.monotonic() + 60 * args.minutes, 0
        while time.monotonic() < end:
            # The target that has had the least time so far is next: each gets its share.
            target = min(targets, key=lambda t: spent[t])
            began = time.process_time()
            counts[target][_one(bench, target, f"{args.seed}-{number}")] += 1
            spent[target] += time.process_time() - began + 1e-4
            number += 1
    print(f"{'target':<10}{'cases':>9}{'accepted':>10}{'refused':>9}{'findings':>10}{'hangs':>7}")
    for target, seen in counts.items():
        row = (sum(seen.values()), seen["accepted"], seen["refused"], seen["finding"], seen["hang"])
        print(f"{target:<10}{row[0]:>9}{row[1]:>10}{row[2]:>9}{row[3]:>10}{row[4]:>7}")
    return int(any(seen["finding"] or seen["hang"] for seen in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
