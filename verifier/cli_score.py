"""``alloy score``: one samples file, judged without any alloy around it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from verifier.cli_common import (
    OK,
    Subparsers,
    add_check_options,
    add_command,
    check_writable,
    progress,
    write_output,
)
from verifier.errors import EvidenceMismatchError, UsageError
from verifier.report.text import clean, encode
from verifier.verdicts import JSON

if TYPE_CHECKING:
    from verifier.runners.model import DatasetPin, ScoreResult


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``score`` to the command line."""
    parser = add_command(
        subparsers,
        "score",
        run_score,
        description=(
            "Score samples of a benchmark again: a file of programs (JSON lines with task_id and solution\n"
            "or completion), evalplus's folder of them (HumanEval_0/0.py), the log of the benchmark's own\n"
            "harness (lm-evaluation-harness, lmms-eval, LiveCodeBench, SWE-bench, aider: a file, a run's\n"
            "folder, or a ZIP file of it), transcripts as JSON lines, or a log of inspect (.eval, .json).\n"
            "A program counts as passed if the official judge passes it and the isolated judge confirms\n"
            "that; any other answer counts if the harness's own functions say so."
        ),
        examples=(
            "alloy score samples.jsonl --benchmark humaneval_plus",
            "alloy score samples.jsonl --benchmark mbpp+ --json scores.json",
            "alloy score samples_gsm8k_2026-01-01T00-00-00.jsonl --benchmark gsm8k",
            "alloy score run/ --benchmark bbh",
            "alloy score log.eval --benchmark mmlu_pro",
            "alloy score student.jsonl --against base.jsonl --benchmark humaneval",
        ),
    )
    parser.add_argument("samples", type=Path, metavar="SAMPLES", help="the samples file, or a run's folder")
    parser.add_argument("--benchmark", required=True, metavar="NAME", help="which benchmark it answers")
    parser.add_argument(
        "--against", type=Path, metavar="SAMPLES", help="samples of another model, to compare with"
    )
    parser.add_argument("--json", metavar="FILE", help="write per-problem results (- for standard output)")
    parser.add_argument("--dataset", type=Path, metavar="PATH", help="the benchmark's dataset")
    add_check_options(parser)


def run_score(args: argparse.Namespace) -> int:
    """Run ``alloy score``; 0 whatever the score is.

    Raises:
        UsageError: no such file, or the benchmark cannot be run here.
        RegistryError: unknown benchmark.
        EvidenceMismatchError: the dataset given is not the pinned one.
        JudgeError: the judge broke.
        SandboxError: too few sandbox layers work here.
    """
    from verifier.evidence.store import open_store
    from verifier.runners import registry
    from verifier.runners.model import ScoreOptions

    registry.get(args.benchmark)  # an unknown name is told before a missing file
    files = [args.samples] + ([args.against] if args.against else [])
    for path in files:
        if not path.exists():
            raise UsageError(f"samples: expected a file, found nothing readable at {clean(path)}")
    runner = registry.for_samples(args.benchmark, args.samples)
    if missing := runner.unavailable():
        raise UsageError(f"benchmark {runner.name} cannot be run here: {missing}")
    check_writable(args.json)
    store = open_store(args.offline)
    dataset: Path | None = args.dataset
    if dataset is not None:
        _check_given(dataset, runner.dataset)
    elif runner.dataset is not None:
        dataset = store.fetch_dataset(runner.dataset)
    with progress(quiet=args.json == "-") as on_progress:
        options = ScoreOptions(
            dataset=dataset,
            jobs=args.jobs,
            cache_dir=store.cache.root,
            unsafe_no_sandbox=args.unsafe_no_sandbox,
            on_progress=on_progress,
        )
        results = [runner.score(path, options) for path in files]
    _tell(results, sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        write_output(args.json, "".join(encode(whole_document(results), indent=1)) + "\n")
    return OK


def _tell(results: Sequence["ScoreResult"], out: TextIO) -> None:
    """Print each score with its precision, then comparison and notes."""
    from verifier.report import score

    for number, result in enumerate(results):
        print(("against " if number else "") + sentence(result), file=out)
        if said := score.precision(result):
            print(f"  {said}", file=out)
    if len(results) == 2:
        for line in score.told(score.against(*results)):
            print(line, file=out)
    for note in score.notes(results):
        print(clean(f"{note.severity.value}: {' and '.join(note.who)}: {note.message}", 2000), file=out)


def whole_document(results: Sequence["ScoreResult"]) -> dict[str, JSON]:
    """Return one score, or one with the score that it is compared with, as JSON values."""
    from verifier.report import score

    found = document(results[0])
    found["remarks"] = [
        {"code": n.code, "severity": n.severity.value, "who": n.who, "message": n.message, "count": n.count}
        for n in score.notes(results)
    ]
    if len(results) == 2:
        found["against"] = document(results[1])
        found["comparison"] = score.comparison(score.against(*results))
    return found


def document(result: "ScoreResult") -> dict[str, JSON]:
    """Return a score as JSON values; ``passed`` counts confirmed problems."""
    from verifier.report.score import interval

    found: dict[str, JSON] = {
        "benchmark": result.benchmark,
        "judge": result.judge,
        "passed": result.passed,
        "total": result.total,
        result.metric: result.value(),
        "answered": result.answered,
        "undecided": result.undecided,
        "samplesSha256": result.samples_sha256,
        "missing": result.missing,
        "extra": result.extra,
        "duplicate": result.duplicate,
        "notes": result.notes,
        "tasks": {
            task: {
                "official": r.official,
                "isolated": r.isolated,
                "confirmed": r.confirmed,
                "loadSensitive": r.load_sensitive,
                "fixed": r.fixed,
                "note": r.note,
            }
            for task, r in result.tasks.items()
        },
    }
    return found | {
        "interval": interval(result),
        "metrics": [
            {
                "task": metric.task,
                "name": metric.name,
                "filter": metric.filter,
                "value": metric.value,
                "stderr": metric.stderr,
                "n": metric.n,
                "whole": metric.whole,
                "full": metric.full,
            }
            for metric in result.metrics
        ],
        "differing": [
            {"where": one.where, "what": one.what, "logged": one.logged, "found": one.found}
            for one in result.differing
        ],
        "limits": result.limits,
    }


def sentence(result: "ScoreResult") -> str:
    """Return the score in one sentence, never as a percentage where the file is partial."""
    name = clean(result.benchmark)
    open_ = f", {result.undecided} undecided on this machine" if result.undecided else ""
    score = result.value()
    if score is not None and result.headline is not None:
        return f"{name}: {result.metric} {100 * score:.2f} over {result.total} problems{_also(result)}"
    if score is not None:
        return (
            f"{name}: {result.passed} of {result.total} problems confirmed,"
            f" {result.metric} {100 * score:.1f}{_also(result)}"
        )
    if result.answered < result.total:
        return (
            f"{name}: {result.passed} of {result.answered} answered problems confirmed{open_}; "
            f"the file answers {result.answered} of {result.total} problems,"
            f" so there is no {result.metric}{_also(result)}"
        )
    return (
        f"{name}: {result.passed} of {result.total} problems confirmed{open_},"
        f" so there is no {result.metric}{_also(result)}"
    )


def _also(result: "ScoreResult") -> str:
    """Warnings that belong to the sentence: the log contradicts itself, or cannot decide a claim."""
    said = [f"; warning: {reason}" for reason in result.limits]
    if result.differing:
        first = result.differing[0]
        said.insert(
            0,
            f"; warning: the log contradicts its own samples in {len(result.differing)} place(s),"
            f" first {first.where} {first.what}: logged {first.logged}, found {first.found}",
        )
    return clean("".join(said), 4000)


def _check_given(path: Path, pin: "DatasetPin | None") -> None:
    from verifier.evidence.hashing import sha256_file

    if not path.exists():
        raise UsageError(f"dataset: expected a file or folder, found nothing readable at {clean(path)}")
    if pin is None:
        return
    if not path.is_file():
        raise UsageError(f"dataset: expected the file {pin.filename}, found a folder at {clean(path)}")
    found = sha256_file(path)
    if found != pin.sha256:
        raise EvidenceMismatchError(
            f"dataset {clean(path)}: expected sha256 {pin.sha256} ({pin.filename}), found {found}",
            expected=pin.sha256,
            found=found,
            source=str(path),
            remedy="Another dataset gives another benchmark; leave --dataset out to fetch the pinned one.",
        )
