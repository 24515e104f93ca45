"""What a scored log cannot decide, and where its own account of itself is wrong."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.runners.lmms_eval import harness, identity
from verifier.runners.lmms_eval.results import Results
from verifier.runners.model import Difference, Metric
from verifier.verdicts import JSON

_CLOSE = 1e-12
"""Sums of the same numbers in another order differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A log as the worker judged it, with everything it is compared with.

    Attributes:
        task: name of its task.
        size: number of the benchmark's problems.
        own: the task is defined by this project, at one version.
        found: the worker's report.
        results: what the run says about itself; None where it left no results file.
    """

    task: str
    size: int
    own: bool
    found: Mapping[str, Any]
    results: Results | None

    @property
    def known(self) -> bool:
        """Whether the problems were compared with a dataset."""
        return self.found["datasetSize"] is not None

    @property
    def same_prompts(self) -> bool:
        """Whether every prompt is one that the task's definition makes of the dataset's problem."""
        return self.known and not self.found["otherPrompts"]

    def changed(self, fields: tuple[str, ...]) -> list[str]:
        """Fields in which the logged definition is not the judge's."""
        if self.results is None or self.results.config is None:
            return []
        logged, defined = harness.named(self.results.config), self.found["defined"]
        return [name for name in fields if not _same(name, logged.get(name), defined.get(name))]


def _same(name: str, logged: JSON, defined: JSON) -> bool:
    if name == "num_fewshot":
        return (logged or 0) == (defined or 0)
    if name == "lmms_eval_specific_kwargs" and isinstance(logged, dict) and isinstance(defined, dict):
        # The harness puts the chosen variant's entries beside the variants.
        return all(logged.get(key) == value for key, value in defined.items())
    return bool(logged == defined)


def limits(scored: Scored) -> tuple[str, ...]:
    """Why a claim cannot be decided by this score: definition, harness, dataset."""
    return (*_definition(scored), *_harness(scored), *_dataset(scored))


def _definition(scored: Scored) -> Iterator[str]:
    said, task = scored.results, scored.task
    if said is None or said.config is None:
        if not scored.same_prompts:
            yield (
                "no <time>_results.json with the task's definition lies beside the log, so that it is not"
                " on record which version of the task was run"
            )
        return
    if said.version != scored.found["version"]:
        yield (
            f"the log is of {task} version {said.version or '(not stated)'},"
            f" the judge's is {scored.found['version']}"
        )
    fields = tuple(
        name for name in harness.DEFINING if not (scored.known and name in ("dataset_path", "dataset_name"))
    )
    if changed := scored.changed(fields):
        yield (
            f"the log's definition of {task} is not that of lmms-eval {identity.VERSION}:"
            f" {', '.join(changed)}"
        )


def _harness(scored: Scored) -> Iterator[str]:
    """lmms-eval logs no release of itself; a log of another one may honestly have other values."""
    if others := scored.found["otherFormat"]:
        yield f"{others} line(s) lack token_counts, which lmms-eval {identity.VERSION} logs: another release"
    other = {row[0] for row in scored.found["differing"]}
    if other and not scored.own:
        yield (
            f"{len(other)} problem(s) are logged with other values than lmms-eval {identity.VERSION} gives,"
            " and the log names no release: it may be of another one"
        )


def _dataset(scored: Scored) -> Iterator[str]:
    if not scored.known:
        yield (
            f"the log's problems ({scored.task}) were not compared with the dataset:"
            " no digest is pinned, and none was given (--dataset)"
        )
    elif scored.found["datasetSize"] != scored.size:
        yield (
            f"the given dataset has {scored.found['datasetSize']} problems, the benchmark has {scored.size}"
        )
    original = scored.results.original if scored.results else None
    if original is not None and original != scored.size:
        yield f"the run's dataset had {original} problems, the benchmark has {scored.size}"


def notes(scored: Scored) -> Iterator[str]:
    """Remarks that decide nothing: how it was run, and what the log cannot tell."""
    if changed := scored.changed(harness.CONDITIONS):
        yield f"{scored.task} was not run as lmms-eval {identity.VERSION} defines it: {', '.join(changed)}"
    if scored.results is not None:
        yield (
            f"lmms-eval writes no release of itself into its results (found {scored.results.build!r});"
            " the task's definition in them was compared"
        )
    others = scored.found["otherPrompts"] if scored.known else []
    if others:
        yield f"{len(others)} prompt(s) are none that the task's definition makes of the problem"
    open_ = sum(row[1] is None for row in scored.found["status"].values())
    if open_:
        yield (
            f"{open_} outcome(s) are undecided; the metrics take for them what the log says that was guessed"
        )


def reported(scored: Scored, metrics: tuple[Metric, ...]) -> Iterator[Difference]:
    """Where the results file differs from what the log gives: numbers, standard errors, number of samples."""
    said = scored.results
    if said is None:
        return
    clt = {row[0]: row[4] for row in scored.found["metrics"] if not row[6]}
    for metric in metrics:
        if metric.task != scored.task:
            continue
        for key, found in (
            (str(metric), metric.value),
            (f"{metric.name}_stderr,{metric.filter}", metric.stderr),
            (f"{metric.name}_stderr_clt,{metric.filter}", clt[metric.name]),
        ):
            logged = said.values.get(key, math.nan)
            if not _close(logged, found):
                odd = isinstance(logged, float) and math.isnan(logged)
                yield Difference(
                    where=scored.task, what=key, logged="no number" if odd else logged, found=found
                )
    if said.hash is not None and said.hash != scored.found["hash"]:
        yield Difference(where=scored.task, what="task_hashes", logged=said.hash, found=scored.found["hash"])


def _close(logged: float | None, found: float | None) -> bool:
    if logged is None or found is None:
        return logged is found
    return math.isclose(logged, found, rel_tol=_CLOSE, abs_tol=0.0)
