"""Stage eval with ``run``: the forged model writes a benchmark's programs, which are scored and kept."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from forge.engine import ForgeOptions, forge
from verifier.cli import main
from verifier.errors import DocumentError
from verifier.runners import registry


def recipe(folder: Path, *benchmarks: dict[str, Any], **parameters: Any) -> Path:
    folder.mkdir(exist_ok=True)
    document = {
        "name": "tiny",
        "source": {"baseModel": "someone/tiny", "architecture": "llama"},
        "stages": [{"type": "eval", "benchmarks": list(benchmarks), **parameters}],
        "results": {},
    }
    path = folder / "tiny.alloy.json"
    path.write_text(json.dumps(document))
    return path


def test_programs_are_scored_and_lie_beside_the_alloy(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := registry.get("alloybench").unavailable():
        pytest.skip(reason)
    path = recipe(
        tmp_path / "recipe", {"name": "alloybench", "run": True, "maxTokens": 4}, compareToBase=True
    )
    result = forge(path, tmp_path / "out", options=ForgeOptions(base=model, offline=True, load_check=False))
    document = json.loads(result.alloy.read_text())
    (found,) = document["results"]["benchmarks"]
    assert (found["score"], found["baseScore"], found["delta"]) == (0.0, 0.0, 0.0)
    for key, digest in (("samplesPath", "resultHash"), ("baseSamplesPath", "baseResultHash")):
        data = (result.out / found[key]).read_bytes()
        assert found[digest] == "sha256:" + hashlib.sha256(data).hexdigest()
        assert len(data.splitlines()) == 16
    # What the forge says of its own model is a claim like any other, and can be verified.
    capsys.readouterr()
    main(["verify", str(result.out), "--tier", "4", "--offline", "--json", "-"])
    (artifact,) = json.loads(capsys.readouterr().out)["artifacts"]
    verdicts = {claim["id"]: claim["verdict"] for claim in artifact["claims"]}
    assert verdicts
    assert set(verdicts.values()) == {"VERIFIED"}, artifact["claims"]


def test_what_is_not_run_is_said(model: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path / "recipe", {"name": "gsm8k", "run": True})
    result = forge(path, tmp_path / "out", options=ForgeOptions(base=model, offline=True, load_check=False))
    (record,) = json.loads(result.alloy.read_text())["stages"][0]["executed"]["record"]["benchmarks"]
    assert "use alloy evaluate" in record["notRun"]
    both = recipe(tmp_path / "both", {"name": "alloybench", "run": True, "samplesPath": "s.jsonl"})
    with pytest.raises(DocumentError, match="expected either run or samplesPath"):
        forge(both, tmp_path / "other", options=ForgeOptions(base=model, offline=True, load_check=False))
