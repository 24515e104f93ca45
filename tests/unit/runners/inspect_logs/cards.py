"""A card that names a log as the samples of a score."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from verifier.cli import main


def verified(
    folder: Path, benchmark: str, log: Path, capsys: pytest.CaptureFixture[str], score: float = 40.0
) -> list[dict[str, Any]]:
    """What ``alloy verify`` says about the card's claims on scores."""
    item = {"name": benchmark, "score": score, "samplesPath": log.name}
    item["resultHash"] = "sha256:" + hashlib.sha256(log.read_bytes()).hexdigest()
    alloy = {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": {"benchmarks": [item]},
    }
    (folder / "tiny.alloy.json").write_text(json.dumps(alloy))
    main(["verify", str(folder), "--tier", "4", "--offline", "--json", "-"])
    claims: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["artifacts"][0]["claims"]
    return claims
