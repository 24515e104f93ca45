"""What a scored run cannot decide, and where its own account of itself is wrong."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.runners.lm_eval import dataset, identity
from verifier.runners.lm_eval.results import Results
from verifier.runners.lm_eval.tally import Problem, unpack
from verifier.runners.model import Difference, Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run as the worker judged it, with everything it is compared with.

    Attributes:
        reports: the worker's report by task.
        metrics: the harness's numbers.
        results: what the run says about itself; None where it left no results file.
        known: digests of the true problems by task and index; None if none were given.
    """

    reports: Mapping[str, Any]
    metrics: tuple[Metric, ...]
    results: Results | None
    known: Mapping[str, Mapping[int, str]] | None

    def problems(self, task: str) -> Iterator[Problem]:
        """The problems in a task's log; none without a log."""
        return unpack(self.reports[task]["problems"] if task in self.reports else "")

    def docs(self, task: str) -> dict[str, str]:
        """Digest by index of the problems in a task's log."""
        return {str(one.doc_id): one.doc.hex() for one in self.problems(task)}

    def foreign(self, task: str) -> set[int]:
        """Indices of problems in a task's log that are not the given dataset's."""
        if self.known is None or task not in self.reports:
            return set()
        return {int(doc) for doc, sha in self.docs(task).items() if self.known[task].get(int(doc)) != sha}

    def notes(self, fewshot: Mapping[str, int]) -> Iterator[str]:
        """Remarks: prompts with another number of examples than the benchmark's, contradictions left out."""
        for task, report in self.reports.items():
            if report["more"]:
                yield f"{task}: {report['more']} more contradictions are not named"
            found = self.results.fewshot.get(task) if self.results else None
            if found is not None and found != fewshot[task]:
                yield f"{task}: prompts with {found} examples, the benchmark's have {fewshot[task]}"


def limits(judged: Judged, pins: Mapping[str, tuple[str, str | None]]) -> tuple[str, ...]:
    """Why a claim cannot be decided by this score: harness, task version, dataset.

    Args:
        judged: the run.
        pins: version and digest of the problems, by task.
    """
    return (*_versions(judged, pins), *_dataset(judged, pins))


def _versions(judged: Judged, pins: Mapping[str, tuple[str, str | None]]) -> Iterator[str]:
    said = judged.results
    if said is None:
        yield "no results_<time>.json lies beside the log, so that harness and task version are not on record"
        return
    if said.harness != identity.VERSION:
        yield f"the log is of lm-eval {said.harness or '(not stated)'}, the judge is {identity.VERSION}"
    for task in judged.reports:
        found, expected = said.versions.get(task), pins[task][0]
        if found is None or not _equal(found, expected):
            yield f"the log is of {task} version {found or '(not stated)'}, the judge's is {expected}"


def _equal(one: str, other: str) -> bool:
    """Versions are written as numbers or text: 3.0, "3.0", 3."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _dataset(judged: Judged, pins: Mapping[str, tuple[str, str | None]]) -> Iterator[str]:
    unknown = []
    for task in judged.reports:
        if judged.known is not None:
            continue
        pin = pins[task][1]
        if pin is None:
            unknown.append(task)
        elif dataset.digest(judged.docs(task)) != pin:
            yield f"the problems of {task} are not those of the pinned dataset ({pin[:16]}…)"
    if unknown:
        more = " …" if len(unknown) > 3 else ""
        yield (
            f"the log's problems ({', '.join(unknown[:3])}{more}) were not compared"
            " with the dataset: no digest is pinned, and none was given (--dataset)"
        )
    broken = [
        f"{task}/{row[0]}"
        for task, report in judged.reports.items()
        for row in report["differing"]
        if row[1] == "doc_hash"
    ]
    if broken:
        yield f"{len(broken)} line(s) hold another problem than the one they were hashed with ({broken[0]})"


def reported(judged: Judged) -> Iterator[Difference]:
    """Where the results file differs from what the log gives: numbers, standard errors, digest of samples."""
    if judged.results is None:
        return
    for metric in judged.metrics:
        values = judged.results.values.get(metric.task)
        if values is None:
            continue
        for key, found in (
            (str(metric), metric.value),
            (f"{metric.name}_stderr,{metric.filter}", metric.stderr),
        ):
            logged = values.get(key, math.nan)
            if logged != found:
                # Not-a-number stands for what is no number, or is missing; JSON has no word for it.
                odd = isinstance(logged, float) and math.isnan(logged)
                yield Difference(
                    where=metric.task, what=key, logged="no number" if odd else logged, found=found
                )
    for task, report in judged.reports.items():
        logged_hash = judged.results.hashes.get(task)
        if logged_hash is not None and logged_hash != report["hash"]:
            yield Difference(where=task, what="task_hashes", logged=logged_hash, found=report["hash"])
