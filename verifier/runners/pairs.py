"""Kept results, one small file for each (judge, problem, solution): the same pair is executed once."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from verifier.runners.samples import Sample
from verifier.runners.schedule import SuiteResult
from verifier.runners.truth import canonical, write_atomically


class Pairs:
    """Results under one judge identity.

    Args:
        root: folder of all results; None to keep nothing.
        judge_digest: digest of the judge's identity.
    """

    def __init__(self, root: Path | None, judge_digest: str) -> None:
        self._folder = root / judge_digest[:32] if root else None

    def _path(self, folder: Path, sample: Sample) -> Path:
        name = hashlib.sha256(canonical([sample.task_id, sample.code])).hexdigest()
        return folder / name[:2] / f"{name}.json"

    def get(self, sample: Sample) -> dict[str, SuiteResult] | None:
        """The kept result; None if there is none, or its digest does not fit."""
        if self._folder is None:
            return None
        path = self._path(self._folder, sample)
        try:
            record = json.loads(path.read_bytes())
            if record["digest"] != _digest(path.stem, record["suites"]):
                return None
            return {name: SuiteResult(**fields) for name, fields in record["suites"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, sample: Sample, results: dict[str, SuiteResult]) -> None:
        """Keep a result; what is undecided is not kept, since the next run may decide it."""
        if self._folder is None or any(result.confirmed is None for result in results.values()):
            return
        path = self._path(self._folder, sample)
        suites = {name: asdict(result) for name, result in results.items()}
        record = {"suites": suites, "digest": _digest(path.stem, suites)}
        write_atomically(path, canonical(record))


def _digest(name: str, suites: object) -> str:
    return hashlib.sha256(name.encode() + canonical(suites)).hexdigest()
