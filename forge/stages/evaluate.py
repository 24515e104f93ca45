"""Stage eval: perplexity on a named corpus; scores of samples beside the recipe, or of the model's programs.

A benchmark that nothing can be measured for is recorded as not run, with the reason; no number is made up.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forge.stages.base import Determinism, StageContext, StageResult
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.hashing import sha256_file
from verifier.verdicts import JSON

PERPLEXITY = "perplexity"
STRIDE, MAX_LENGTH, BATCH = 512, 1024, 1
"""Tokens, tokens and windows at a time, where the benchmark does not say."""
MAX_TOKENS = 768
"""Tokens of a program, where the benchmark does not say; evalplus's own limit."""

_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """One benchmark: what goes into ``results.benchmarks``, into ``results`` itself and into the record.

    ``files`` are side files that it wrote.
    """

    record: Mapping[str, JSON]
    benchmark: Mapping[str, JSON] | None = None
    results: Mapping[str, JSON] | None = None
    files: tuple[str, ...] = ()


def run(context: StageContext) -> StageResult:
    """Measure what can be measured.

    Parameters of the stage: ``benchmarks``, each with a ``name``. ``perplexity`` takes ``corpusFile`` (JSON
    lines), ``corpusSha256``, ``stride``, ``maxLength`` and ``batchSize``; a benchmark of the verifier's
    registry takes ``samplesPath`` and ``baseSamplesPath``; if its answers are programs, ``run`` lets the
    model write them here (``maxTokens`` of each). ``compareToBase`` measures the source model, too.

    Raises:
        EvidenceMissingError: a corpus or an optional package is missing.
        EvidenceMismatchError: a corpus or samples file is not the one stated.
        DocumentError: a number that makes no sense.
    """
    records: list[Mapping[str, JSON]] = []
    benchmarks: list[Mapping[str, JSON]] = []
    results: dict[str, JSON] = {}
    files: list[str] = []
    for i, benchmark in enumerate(context.parameters["benchmarks"]):
        context.on_progress("benchmarks", i, len(context.parameters["benchmarks"]))
        measure = _perplexity if benchmark["name"] == PERPLEXITY else _scores
        measured = measure(context, i, benchmark)
        records.append({"name": benchmark["name"], **measured.record})
        results |= measured.results or {}
        files += measured.files
        if measured.benchmark is not None:
            benchmarks.append({"name": benchmark["name"], **measured.benchmark})
    if benchmarks:
        results["benchmarks"] = benchmarks
    return StageResult(
        record={"benchmarks": records, **_threshold(context, benchmarks)},
        determinism=Determinism.DEVICE if results or files else Determinism.BYTES,
        files=tuple(files),
        measured=results,
    )


def _perplexity(context: StageContext, index: int, benchmark: Mapping[str, JSON]) -> _Measured:
    named = benchmark.get("corpusFile")
    if not isinstance(named, str):
        return _Measured(record={"notRun": "the benchmark names no corpusFile"})
    from forge.perplexity import perplexity

    corpus = context.find(named)
    digest = _checked(corpus, benchmark.get("corpusSha256"), f"stage {context.index}: {named}")
    field = benchmark.get("textField", "text")

    def measure(model: Path) -> dict[str, JSON]:
        return perplexity(
            model,
            corpus,
            stride=_count(context, index, benchmark, "stride", STRIDE),
            max_length=_count(context, index, benchmark, "maxLength", MAX_LENGTH),
            batch_size=_count(context, index, benchmark, "batchSize", BATCH),
            device=context.device,
            field=str(field),
            on_progress=context.on_progress,
        )

    found = measure(context.model)
    results: dict[str, JSON] = {"finalPerplexity": round(float(found["perplexity"]), _DIGITS)}
    record: dict[str, JSON] = {"corpus": named, "corpusSha256": digest, "final": dict(found)}
    if context.parameters.get("compareToBase"):
        before = measure(context.base)
        baseline = round(float(before["perplexity"]), _DIGITS)
        results["baselinePerplexity"] = baseline
        gain = 100 * (baseline - results["finalPerplexity"]) / baseline
        results["improvementPct"] = round(gain, 2)
        record["base"] = dict(before)
    return _Measured(record=record, results=results)


def _scores(context: StageContext, index: int, benchmark: Mapping[str, JSON]) -> _Measured:
    from verifier.runners import registry

    runner = registry.find(str(benchmark["name"]))
    if runner is None:
        return _Measured(record={"notRun": f"no runner: known are {', '.join(registry.names())}"})
    if benchmark.get("run") is True:
        return _programs(context, index, benchmark)
    if not isinstance(benchmark.get("samplesPath"), str):
        return _Measured(record={"notRun": "no samplesPath: answers are made elsewhere, and scored here"})
    if reason := runner.unavailable():
        return _Measured(record={"notRun": reason})
    entry: dict[str, JSON] = {"metric": "pass@1"}
    record: dict[str, JSON] = {}
    sides = [("samplesPath", "score", "resultHash", "samplesSha256")]
    if isinstance(benchmark.get("baseSamplesPath"), str):
        sides.append(("baseSamplesPath", "baseScore", "baseResultHash", "baseSamplesSha256"))
    for path, score, digest, stated in sides:
        samples = context.find(benchmark[path])
        found = _checked(samples, benchmark.get(stated), f"stage {context.index}: {benchmark[path]}")
        value, why = _score(context, str(benchmark["name"]), samples)
        record[score] = why
        if value is None:
            return _Measured(record={"notRun": why})
        entry |= {score: value, path: benchmark[path], digest: f"sha256:{found}"}
    if "baseScore" in entry:
        entry["delta"] = round(entry["score"] - entry["baseScore"], 2)
    return _Measured(record=record, benchmark=entry)


def _programs(context: StageContext, index: int, benchmark: Mapping[str, JSON]) -> _Measured:
    """Let the model write the benchmark's programs, and the base model if it is compared; score them.

    Logs of text benchmarks are named by the time of their run, so that a resumed forge would not end with the
    same files: ``alloy evaluate`` makes them from the result.
    """
    from verifier.runners import registry
    from verifier.runners.benchmark import BenchmarkRunner

    name = str(benchmark["name"])
    runner = registry.get(name)
    if "samplesPath" in benchmark:
        raise DocumentError(
            f"stage {context.index}: {name}: expected either run or samplesPath; found both",
            pointer=f"/stages/{context.index}/benchmarks/{index}",
        )
    if not isinstance(runner, BenchmarkRunner):
        return _Measured(record={"notRun": "only programs are made by this stage; use alloy evaluate"})
    if reason := runner.unavailable():
        return _Measured(record={"notRun": reason})
    entry: dict[str, JSON] = {"metric": "pass@1"}
    record: dict[str, JSON] = {}
    files: list[str] = []
    sides = [("student", context.model, "samplesPath", "score", "resultHash")]
    if context.parameters.get("compareToBase"):
        sides.append(("base", context.base, "baseSamplesPath", "baseScore", "baseResultHash"))
    for who, model, path, score, digest in sides:
        relative = f"samples/{context.index}-{index}-{who}"
        samples, value, why = _written(context, index, benchmark, model, relative)
        record[score] = why
        if samples is None or value is None:
            return _Measured(record={"notRun": why})
        files += [f"{relative}/{file.name}" for file in sorted(samples.parent.iterdir())]
        entry |= {score: value, path: f"{relative}/{samples.name}", digest: f"sha256:{sha256_file(samples)}"}
    if "baseScore" in entry:
        entry["delta"] = round(entry["score"] - entry["baseScore"], 2)
    return _Measured(record=record, benchmark=entry, files=tuple(files))


def _written(
    context: StageContext, index: int, benchmark: Mapping[str, JSON], model: Path, relative: str
) -> tuple[Path | None, float | None, str]:
    """The samples file that a model wrote, its pass@1 in percent, and one sentence about it."""
    from forge.evaluation.run import evaluate
    from forge.evaluation.settings import Settings

    out = context.artifact / relative
    shutil.rmtree(out, ignore_errors=True)  # of an interrupted run
    settings = Settings(
        seed=context.seed,
        device=context.device,
        max_tokens=_count(context, index, benchmark, "maxTokens", MAX_TOKENS),
    )
    try:
        done = evaluate(
            model, str(benchmark["name"]), out, settings=settings, on_progress=context.on_progress
        )
    except EvidenceMissingError as error:
        return None, None, f"{error}. {error.remedy}".strip()
    share = done.score.value()
    said = f"{done.score.passed} of {done.score.total} problems solved, judge {done.score.judge}"
    return done.samples, None if share is None else round(100 * share, 2), said


def _score(context: StageContext, name: str, samples: Path) -> tuple[float | None, str]:
    """pass@1 in percent, and one sentence about it; None if there is no score."""
    from verifier.evidence.store import open_store
    from verifier.runners import registry
    from verifier.runners.model import ScoreOptions

    runner, store = registry.get(name), open_store(True)
    try:
        result = runner.score(
            samples,
            ScoreOptions(
                dataset=store.fetch_dataset(runner.dataset) if runner.dataset else None,
                jobs=1,
                cache_dir=store.cache.root,
                unsafe_no_sandbox=False,
                on_progress=context.on_progress,
            ),
        )
    except EvidenceMismatchError:
        raise
    except AlloyError as error:
        return None, f"{error}. {error.remedy}".strip()
    share = result.value()
    said = f"{result.passed} of {result.total} problems solved, judge {result.judge}"
    return (None, f"no pass@1: {said}") if share is None else (round(100 * share, 2), said)


def _threshold(context: StageContext, benchmarks: list[Mapping[str, JSON]]) -> dict[str, JSON]:
    least = context.parameters.get("passingThreshold")
    if least is None or not benchmarks:
        return {}
    return {"passingThreshold": float(least), "reached": all(b["score"] >= float(least) for b in benchmarks)}


def _count(context: StageContext, index: int, benchmark: Mapping[str, JSON], name: str, default: int) -> int:
    value = benchmark.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 24:
        raise DocumentError(
            f"stage {context.index}: {name}: expected a number of tokens from 1 on; found {value!r:.40}",
            pointer=f"/stages/{context.index}/benchmarks/{index}/{name}",
        )
    return value


def _checked(path: Path, stated: JSON, what: str) -> str:
    found = sha256_file(path)
    expected = stated.removeprefix("sha256:") if isinstance(stated, str) else found
    if expected != found:
        raise EvidenceMismatchError(
            f"{what}: expected sha256 {expected}; found {found}",
            expected=expected,
            found=found,
            source=str(path),
            remedy="put back the file that the recipe means",
        )
    return found
