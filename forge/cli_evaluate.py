"""``alloy evaluate``: run a model on a benchmark, keep the harness's log, and score it."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.cli_common import OK, Subparsers, add_command, check_writable, write_output

if TYPE_CHECKING:
    from forge.evaluation.settings import Evaluation, Settings

_DESCRIPTION = """\
Run a model on a benchmark. Its harness asks the model and writes its own log (lm-evaluation-harness:
samples_<task>_<time>.jsonl and results_<time>.json; evalplus: samples.jsonl); the log is then scored as
alloy score does it. Only models in a local folder are run, by stock transformers, without remote code.

Without --data the harness takes the published dataset, which it downloads; a part of it, or problems of your
own in the same format, can be given as a file of JSON lines."""


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``evaluate`` to the command line."""
    parser = add_command(
        subparsers,
        "evaluate",
        run_evaluate,
        description=_DESCRIPTION,
        examples=(
            "alloy evaluate ./model --benchmark gsm8k --out run",
            "alloy evaluate ./model --benchmark ifeval --data problems.jsonl --out run --limit 10",
            "alloy evaluate ./model --benchmark gsm8k --data test.jsonl --examples train.jsonl --out run",
            "alloy evaluate ./model --benchmark bbh --data folder/ --out run    (folder/<task>.jsonl)",
            "alloy evaluate ./model --benchmark humaneval_plus --out run --device cuda",
            "alloy score run/model --benchmark gsm8k                          score the log again",
        ),
    )
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="the model's folder")
    add("--benchmark", required=True, metavar="NAME", help="which benchmark")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the log; new or empty")
    add(
        "--data",
        type=Path,
        metavar="PATH",
        help="problems: JSON lines in the format of the benchmark's dataset",
    )
    add("--examples", type=Path, metavar="FILE", help="problems for the examples in the prompt")
    add("--limit", type=int, metavar="N", help="the first N problems of each task only")
    add("--fewshot", type=int, metavar="N", help="examples in the prompt (default: the benchmark's)")
    add("--max-tokens", type=int, metavar="N", help="tokens of an answer (default: the benchmark's)")
    add("--seed", type=int, metavar="N", help="of every random choice (default: the harness's own seeds)")
    add("--device", default="cpu", metavar="NAME", help="cpu, cuda, cuda:1 … (default: cpu)")
    add("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"), help="of the weights")
    add("--batch-size", type=int, default=1, metavar="N", help="requests at a time (default: 1)")
    add(
        "--chat",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the model's chat template (default: as the harness does)",
    )
    add("-j", "--jobs", type=int, default=1, metavar="N", help="programs judged at a time (default: 1)")
    add("--offline", action="store_true", help="never ask the Hub; the data must be here")
    add("--json", metavar="FILE", help="write the score (- for standard output)")
    add("-q", "--quiet", action="store_true", help="no progress")


def run_evaluate(args: argparse.Namespace) -> int:
    """Run ``alloy evaluate``; 0 whatever the score is.

    Raises:
        AlloyError: see :func:`forge.evaluation.run.evaluate`.
    """
    import json

    from forge.cli_forge import checked_device
    from forge.cli_progress import progress
    from forge.evaluation.quiet import silence
    from forge.evaluation.run import evaluate
    from forge.stages.base import silent
    from verifier.cli_score import document

    check_writable(args.json)
    silence()
    device = checked_device(args.device)
    if args.offline:
        os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    with progress(args.quiet or args.json == "-") as on_progress:
        done = evaluate(
            args.model,
            args.benchmark,
            args.out,
            data=args.data,
            examples=args.examples,
            settings=_settings(args, device),
            jobs=max(1, args.jobs),
            offline=args.offline,
            on_progress=on_progress or silent,
        )
    if args.json != "-":
        print(text(done))
    if args.json:
        write_output(args.json, json.dumps(document(done.score), indent=1) + "\n")
    return OK


def text(done: "Evaluation") -> str:
    """The evaluation in a few lines."""
    from verifier.cli_score import sentence
    from verifier.report.text import clean

    lines = [sentence(done.score)]
    for metric in done.score.metrics:
        error = "" if metric.stderr is None else f" ± {metric.stderr:.4f}"
        lines.append(f"  {clean(metric.task)} {clean(metric)}: {metric.value:.4f}{error} (n = {metric.n})")
    lines.append(f"log: {clean(done.samples)} ({done.seconds:.0f} s to make)")
    return "\n".join(lines)


def _settings(args: argparse.Namespace, device: str) -> "Settings":
    from forge.evaluation.settings import Settings

    return Settings(
        limit=args.limit,
        seed=args.seed,
        device=device,
        dtype=args.dtype,
        batch_size=args.batch_size,
        chat=args.chat,
        max_tokens=args.max_tokens,
        fewshot=args.fewshot,
    )
