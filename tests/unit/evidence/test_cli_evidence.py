import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from tests.hubserver import HubServer
from verifier.cli import main
from verifier.evidence.cache import Cache
from verifier.evidence.hashing import model_hash
from verifier.runners import registry

MIRROR = os.environ.get("ALLOY_MIRROR")
REPO = "acme/tiny"
SHA = "c" * 40
ALLOY = b'{"name": "tiny"}'
SAMPLES = b'{"task_id": "T/0", "solution": "pass"}\n'
WEIGHTS = b"weights" * 1000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pinned(path: str, data: bytes, role: str) -> dict[str, object]:
    return {"path": path, "sha256": sha256(data), "size": len(data), "role": role}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub_server: HubServer) -> Path:
    """A catalog of one entry whose files lie on the loopback Hub; its cache is empty."""
    entry = {
        "schema": "alloy-lock/1",
        "name": "tiny",
        "repo": REPO,
        "revision": SHA,
        "alloy": {"path": "tiny.alloy.json", "sha256": sha256(ALLOY), "size": len(ALLOY)},
        "files": [pinned("eval/s.jsonl", SAMPLES, "samples"), pinned("model.gguf", WEIGHTS, "weights")],
        "claims": [],
        "reasons": [],
    }
    (tmp_path / "catalog" / "published").mkdir(parents=True)
    (tmp_path / "catalog" / "published" / "tiny.lock.json").write_text(json.dumps(entry))
    files = {"tiny.alloy.json": ALLOY, "eval/s.jsonl": SAMPLES, "model.gguf": WEIGHTS}
    hub_server.add(REPO, files, lfs=("model.gguf",), sha=SHA)
    monkeypatch.setenv("HF_ENDPOINT", hub_server.endpoint)
    monkeypatch.setenv("ALLOY_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALLOY_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blobs(workplace: Path) -> set[str]:
    return {path.name for path in Cache(workplace / "cache").blobs()}


def test_fetch_brings_all_but_the_weights(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch"]) == 0
    assert blobs(workplace) == {sha256(ALLOY), sha256(SAMPLES)}
    assert "everything is at hand" in capsys.readouterr().out
    assert main(["fetch", "tiny", "--weights"]) == 0
    assert sha256(WEIGHTS) in blobs(workplace)


def test_fetch_offline_needs_no_network_once_cached(workplace: Path, hub_server: HubServer) -> None:
    assert main(["fetch", "--offline"]) == 3
    assert main(["fetch"]) == 0
    before = len(hub_server.seen)
    assert main(["fetch", "--offline"]) == 0
    assert len(hub_server.seen) == before


def test_fetch_copies_from_a_mirror(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = workplace / "mirror" / "hub" / REPO
    (folder / "eval").mkdir(parents=True)
    (folder / "tiny.alloy.json").write_bytes(ALLOY)
    (folder / "eval" / "s.jsonl").write_bytes(SAMPLES)
    monkeypatch.setenv("ALLOY_MIRROR", str(workplace / "mirror"))
    assert main(["fetch", "--offline"]) == 0
    assert blobs(workplace) == {sha256(ALLOY), sha256(SAMPLES)}


def test_fetch_brings_the_datasets_that_the_benchmarks_need(
    workplace: Path,
    hub_server: HubServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The pin is that of a registered benchmark; only the address points to the loopback server."""
    alloy = b'{"name": "t", "results": {"benchmarks": [{"name": "humaneval_plus"}, {"name": "unknown"}]}}'
    lock = workplace / "catalog" / "published" / "tiny.lock.json"
    entry = json.loads(lock.read_text())
    entry["alloy"] |= {"sha256": sha256(alloy), "size": len(alloy)}
    lock.write_text(json.dumps(entry))
    hub_server.repos[REPO].files |= {"tiny.alloy.json": alloy, "he.gz": b"not the dataset"}
    pin = registry.get("humaneval_plus").dataset
    moved = dataclasses.replace(pin, url=f"{hub_server.endpoint}/{REPO}/resolve/main/he.gz")
    monkeypatch.setattr("verifier.cli_evidence._datasets", lambda: {"humaneval_plus": moved})
    assert main(["fetch"]) == 3
    assert f"{pin.filename}" in capsys.readouterr().err
    assert hub_server.count("GET", "he.gz") == 1
    if MIRROR is None:
        pytest.skip("the second half needs a mirror of the real datasets (ALLOY_MIRROR)")
    monkeypatch.setenv("ALLOY_MIRROR", MIRROR)
    assert main(["fetch"]) == 0
    assert pin.sha256 in blobs(workplace)


def test_fetch_goes_on_after_a_failure_and_says_what_failed(
    workplace: Path, hub_server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hub_server.repos[REPO].files["tiny.alloy.json"] = b"replaced"
    assert main(["fetch"]) == 3
    shown = capsys.readouterr()
    assert "1 file(s) could not be had" in shown.out
    assert "tiny.alloy.json" in shown.err
    assert "Traceback" not in shown.err
    assert blobs(workplace) == {sha256(SAMPLES)}


def test_fetch_of_an_unknown_entry(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "tinyy"]) == 2
    assert "tiny" in capsys.readouterr().err


def test_cache_verify_finds_and_removes_rot(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch"]) == 0
    assert main(["cache", "verify"]) == 0
    path = Cache(workplace / "cache").path(sha256(SAMPLES))
    path.chmod(0o644)
    path.write_bytes(b"rot")
    capsys.readouterr()
    assert main(["cache", "verify"]) == 1
    assert (
        f"corrupt: {path}: expected sha256 {sha256(SAMPLES)}, found {sha256(b'rot')}"
        in capsys.readouterr().out
    )
    assert main(["cache", "verify", "--remove"]) == 1
    assert main(["cache", "verify"]) == 0


def test_cache_prune_keeps_what_the_catalog_pins(workplace: Path) -> None:
    assert main(["fetch"]) == 0
    Cache(workplace / "cache").put_bytes(b"of a withdrawn entry")
    assert main(["cache", "prune", "--dry-run"]) == 0
    assert len(blobs(workplace)) == 3
    assert main(["cache", "prune"]) == 0
    assert blobs(workplace) == {sha256(ALLOY), sha256(SAMPLES)}
    assert main(["cache", "prune", "--all"]) == 0
    assert blobs(workplace) == set()


def test_hash_of_a_folder_and_of_the_hub_agree(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "w").mkdir()
    (workplace / "w" / "model.gguf").write_bytes(WEIGHTS)
    assert main(["hash", str(workplace / "w")]) == 0
    local = json.loads(capsys.readouterr().out)
    assert local["fileHashes"] == [
        {"filename": "model.gguf", "sha256": sha256(WEIGHTS), "size": len(WEIGHTS)}
    ]
    assert local["modelHash"] == model_hash(local["fileHashes"])
    assert main(["hash", "--hub", REPO, "--json", str(workplace / "out.json")]) == 0
    remote = json.loads((workplace / "out.json").read_text())
    assert (remote["repository"], remote["revision"]) == (REPO, SHA)
    assert remote["fileHashes"] == local["fileHashes"]
    assert remote["modelHash"] == local["modelHash"]


def test_hash_from_the_hub_downloads_nothing(workplace: Path, hub_server: HubServer) -> None:
    assert main(["hash", "--hub", REPO]) == 0
    assert hub_server.count("GET", "/resolve/") + hub_server.count("HEAD", "/resolve/") == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "either DIR or --hub"),
        (["x", "--hub", REPO], "either DIR or --hub"),
        (["absent"], "expected a folder of weights"),
        ([".", "-j", "0"], "at least 1"),
        (["--hub", "no/such"], "no such repository"),
        (["--hub", "../x"], "expected owner/name"),
        (["--hub", REPO, "--json", "absent/x.json"], "expected to write a file"),
    ],
)
def test_hash_refuses_with_a_reason(
    workplace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    (workplace / "x.gguf").write_bytes(b"x")
    assert main(["hash", *arguments]) in (2, 3)
    shown = capsys.readouterr()
    assert text in shown.err
    assert "Traceback" not in shown.err


def test_hash_of_weights_outside_lfs(
    workplace: Path, hub_server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hub_server.repos[REPO].lfs.clear()
    assert main(["hash", "--hub", REPO]) != 0
    assert "not stored by LFS" in capsys.readouterr().err
    del hub_server.repos[REPO].files["model.gguf"]
    assert main(["hash", "--hub", REPO]) == 2


@pytest.mark.parametrize("command", [["fetch"], ["cache"], ["cache", "verify"], ["cache", "prune"], ["hash"]])
def test_help_shows_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert f"alloy {command[0]}" in capsys.readouterr().out.split("examples:")[1]


def test_the_progress_bar_goes_to_a_terminal_alone(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "x.gguf").write_bytes(bytes(5_000_000))
    assert main(["hash", "."]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["hash", "."]) == 0
    shown = capsys.readouterr()
    assert "hashing" in shown.err
    assert json.loads(shown.out)["fileHashes"][0]["size"] == 5_000_000


def test_fetch_does_not_judge_the_alloy(
    workplace: Path, hub_server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = workplace / "catalog" / "published" / "tiny.lock.json"
    entry = json.loads(lock.read_text())
    entry["alloy"] |= {"sha256": sha256(b"\xff not JSON"), "size": 10}
    lock.write_text(json.dumps(entry))
    hub_server.repos[REPO].files["tiny.alloy.json"] = b"\xff not JSON"
    assert main(["fetch"]) == 0
    assert "datasets were not fetched" in capsys.readouterr().err
