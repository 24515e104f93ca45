"""Score logs of lm-evaluation-harness again, against the harness's own post-processing of the same samples.

The harness evaluates prepared answers to made-up problems in GSM8K's format, five examples a prompt. Its own
post-processing is what it does from the last answer on: filters, metrics, aggregation, records, both files
written. Scoring again is ``runner.score`` on these files, the judge's process and its imports included; the
part of that from the first line on is given too. Processor seconds stand beside the clock's: other load adds
little to them. Goals: at most 1.2 times the harness's time for 10,000 samples, and memory that does not grow
with the log: a log five times as large repeats the lines under other indices.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from _measure import report

from verifier.runners.model import ScoreOptions

ROOT = Path(__file__).resolve().parents[1]
WORDS = ("apples", "pears", "boxes", "wagons", "ladders", "candles", "rivers", "letters", "windows")


def problem(number: int) -> dict[str, str]:
    """A problem as GSM8K has them, about as long as one of its."""
    a, b, what = 7 + number % 61, 3 + number % 17, WORDS[number % len(WORDS)]
    question = (
        f"A yard holds {a} {what} in each of its {b} rows, and number {number} on the list must count them. "
        f"On the first day a third of the rows is counted twice by mistake, and nobody is told of it until "
        f"the evening, when the rows are counted once more. How many {what} does the yard hold in all?"
    )
    steps = (
        f"There are {b} rows of {a} {what}.\nTogether that makes {a}*{b} = <<{a}*{b}={a * b}>>{a * b} {what}."
    )
    return {"question": question, "answer": f"{steps}\n#### {a * b}"}


def answer(number: int) -> str:
    """A prepared answer: most are right, some in a form that one filter alone understands, some wrong."""
    right = problem(number)["answer"]
    if number % 7 == 3:
        return right.replace("#### ", "So the answer is ")
    return right[:-1] + "x" if number % 5 == 2 else right


def harness(folder: Path, count: int) -> None:
    """Let the harness evaluate prepared answers and write its files; print seconds after the last answer."""
    import datasets
    import lm_eval
    from lm_eval.api.model import LM
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    answered = [0.0, 0.0]

    class Prepared(LM):  # type: ignore[misc]
        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            found = [answer(request.doc_id) for request in requests]
            answered[:] = time.perf_counter(), time.process_time()
            return found

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            raise NotImplementedError

    rows = datasets.Dataset.from_list([problem(i) for i in range(count)])
    made = datasets.DatasetDict({"test": rows, "train": rows.select(range(min(count, 100)))})
    datasets.load_dataset = lambda *_, **__: made
    tasks = Path(lm_eval.__file__).parent / "tasks" / "gsm8k"
    manager = TaskManager(include_path=[str(tasks)], include_defaults=False)
    tracker = EvaluationTracker(output_path=str(folder))
    found = lm_eval.simple_evaluate(
        model=Prepared(), tasks=["gsm8k"], log_samples=True, evaluation_tracker=tracker, task_manager=manager
    )
    assert found is not None
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    tracker.save_results_samples(task_name="gsm8k", samples=samples["gsm8k"])
    seconds, cpu = time.perf_counter() - answered[0], time.process_time() - answered[1]
    print(json.dumps({"seconds": seconds, "cpu": cpu}))


def score(folder: Path, count: int) -> None:
    """Score the log of a folder; print seconds in all and of the lines, and memory of the judge's process."""
    from verifier.runners.lm_eval.declared import RUNNERS

    runner = RUNNERS["gsm8k"]
    whole = replace(runner, tasks=(replace(runner.tasks[0], size=count),))
    ticks: list[float] = []
    began, began_cpu = time.perf_counter(), time.process_time()
    result = whole.score(
        folder, ScoreOptions(on_progress=lambda what, done, total: ticks.append(time.perf_counter()))
    )
    ended = time.perf_counter()
    unit = 1 if sys.platform == "darwin" else 1024
    judge, caller = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "seconds": ended - began,
        "seconds of lines": ended - ticks[0],
        "cpu": judge.ru_utime + judge.ru_stime + time.process_time() - began_cpu,
        "judge MiB": judge.ru_maxrss * unit / 2**20,
        "caller MiB": caller.ru_maxrss * unit / 2**20,
    }
    print(json.dumps(found | {"passed": result.passed, "differing": len(result.differing)}))


def enlarged(log: Path, folder: Path, count: int, times: int) -> None:
    """A log with every line several times, under other indices, in the harness's order."""
    folder.mkdir()
    with (folder / log.name).open("w", encoding="utf-8") as out:
        for name in ("strict-match", "flexible-extract"):
            for i in range(times):
                out.writelines(_shifted(log, f'"filter": "{name}"', i * count))


def _shifted(log: Path, wanted: str, by: int) -> Iterator[str]:
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if wanted in line:
                start, comma, rest = line.removeprefix('{"doc_id": ').partition(",")
                yield '{"doc_id": ' + str(int(start) + by) + comma + rest


def child(*arguments: Any) -> dict[str, Any]:
    """This file in a process of its own, so that memory and imports are its own."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how much larger the larger log is")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--harness", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--score", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for which, act in (("harness", harness), ("score", score)):
        if given := getattr(arguments, which):
            act(Path(given[0]), int(given[1]))
            return
    count, times = arguments.samples, arguments.times
    with tempfile.TemporaryDirectory(prefix="alloy-bench-") as scratch:
        root = Path(scratch)
        theirs = [child("--harness", root / str(i), count) for i in range(arguments.runs)]
        (log,) = (root / "0").glob("*/samples_*.jsonl")
        ours = [child("--score", log.parent, count) for _ in range(arguments.runs)]
        enlarged(log, root / "larger", count, times)
        larger = child("--score", root / "larger", count * times)
        sizes = [file.stat().st_size / 2**20 for file in (log, root / "larger" / log.name)]
    best = {key: min(one[key] for one in theirs) for key in ("seconds", "cpu")}
    mine = {key: min(one[key] for one in ours) for key in ours[0]}
    report(
        {
            "samples": count,
            "log MiB": sizes,
            "harness": theirs,
            "ours": ours,
            "ours, larger log": larger,
            "ratio of seconds": mine["seconds"] / best["seconds"],
            "ratio of seconds, lines alone": mine["seconds of lines"] / best["seconds"],
            "ratio of processor seconds": mine["cpu"] / best["cpu"],
            f"ratio of the judge's memory, log {times} times as large": larger["judge MiB"]
            / mine["judge MiB"],
        }
    )


if __name__ == "__main__":
    main()
