"""A tiny artifact on disk for front-end tests: an alloy that agrees with itself, and its weights."""

import hashlib
import json
from pathlib import Path

from verifier.evidence.hashing import model_hash

WEIGHTS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
"""A safetensors file without tensors."""


def document(name="tiny", **changes):
    """The alloy as a Python value; ``changes`` are set at dotted paths such as ``results__score``."""
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    file = {"filename": "model.safetensors", "sha256": digest, "size": len(WEIGHTS)}
    alloy = {
        "name": name,
        "version": "1.0.0",
        "source": {"baseModel": "example/base", "architecture": "qwen2"},
        "stages": [{"type": "prune", "strategy": "magnitude", "level": 0.3}],
        "cycles": 1,
        "results": {
            "baselinePerplexity": 4.0,
            "finalPerplexity": 3.0,
            "improvementPct": 25.0,
            "integrity": {
                "trustLevel": "self-attested",
                "fileHashes": [file],
                "modelHash": model_hash([file]),
            },
        },
    }
    for path, new in changes.items():
        *parents, last = path.split("__")
        where = alloy
        for parent in parents:
            where = where[parent]
        where[last] = new
    return alloy


def make(folder: Path, name="tiny", **changes):
    """Write the artifact into ``folder`` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(name, **changes), indent=1)
    (folder / f"{name}.alloy.json").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    return folder
