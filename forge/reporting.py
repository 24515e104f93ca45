"""The run's own report: what the executed alloy says, and what belongs to this machine and this run alone."""

import json
from collections.abc import Mapping
from pathlib import Path

from forge import executed
from forge.options import ForgeOptions
from forge.recipe import Recipe
from forge.source import Base
from forge.workdir import Entry, Journal
from verifier.evidence.hashing import model_hash, sha256_file
from verifier.verdicts import JSON

REPORT = "forge-report.json"
SCHEMA = "alloy-forge-report/1"


def document(
    made: Recipe, base: Base, journal: Journal, outcome: executed.Outcome, options: ForgeOptions, alloy: Path
) -> dict[str, JSON]:
    """The report as JSON values; ``artifactFiles`` and ``finals`` are for the engine to add."""
    return {
        "schema": SCHEMA,
        "recipe": {"name": made.name, "sha256": made.alloy.sha256},
        "alloy": {"file": alloy.name, "sha256": sha256_file(alloy)},
        "base": {"folder": str(base.folder), "repo": base.repo, "revision": base.revision},
        "modelHash": model_hash(outcome.files),
        "fileHashes": list(outcome.files),
        "determinism": executed.determinism_of(journal.entries).value,
        "replay": options.replay,
        "seed": options.seed,
        "environment": outcome.environment,
        "stages": [_stage(entry) for entry in journal.entries],
    }


def encode(report: Mapping[str, JSON]) -> bytes:
    """The report's bytes."""
    return (json.dumps(report, indent=1, default=str) + "\n").encode()


def _stage(entry: Entry) -> dict[str, JSON]:
    return {
        "index": entry.index,
        "type": entry.stage_type,
        "method": entry.method,
        "determinism": entry.determinism,
        "changedModel": entry.model is not None,
        "loadCheck": entry.load_check,
        "guard": entry.guard,
        "files": dict(entry.files),
        "record": dict(entry.record),
        "measured": dict(entry.measured),
        "seconds": entry.seconds,
    }
