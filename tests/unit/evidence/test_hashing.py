import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.errors import DocumentError, UsageError
from verifier.evidence.hashing import BUFFER_BYTES, hash_files, hash_folder, model_hash, sha256_file


@pytest.mark.parametrize(
    "size", [0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES + 7]
)
def test_digest_around_the_buffers_edges(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("jobs", [1, 2, 8, None])
def test_many_files_in_the_order_asked_for(tmp_path: Path, jobs: int | None) -> None:
    paths = []
    for i in range(9):
        path = tmp_path / f"f{i}"
        path.write_bytes(bytes([i]) * (i * 300_000))
        paths.append(path)
    found = hash_files([*paths, paths[0]], jobs=jobs)
    assert list(found) == paths
    assert found == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_no_files() -> None:
    assert hash_files([]) == {}


def test_jobs_below_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jobs: expected at least 1, found 0"):
        hash_files([], jobs=0)


def test_progress_is_monotonous_and_complete(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(bytes(BUFFER_BYTES * 2 + 5))
    calls: list[tuple[str, int, int]] = []
    inside = threading.Lock()

    def note(what: str, done: int, total: int) -> None:
        assert inside.acquire(blocking=False), "entered by two threads at once"
        calls.append((what, done, total))
        inside.release()

    hash_files(paths, jobs=3, on_progress=note)
    total = 3 * (BUFFER_BYTES * 2 + 5)
    dones = [done for _, done, _ in calls]
    assert dones == sorted(dones)
    assert calls[-1][1:] == (total, total)
    assert {what for what, _, _ in calls} == {"a", "b", "c"}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(400 * 1024 * 1024)
    code = (
        "import resource, sys; from verifier.evidence.hashing import hash_files;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; hash_files([sys.argv[1]], jobs=2);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 32 * 1024 * 1024


def published() -> Iterator[Path]:
    mirror = os.environ.get("ALLOY_MIRROR")
    return iter(sorted(Path(mirror, "hub").rglob("*alloy.json"))) if mirror else iter(())


def test_model_hash_is_that_of_every_published_alloy() -> None:
    paths = list(published())
    if not paths:
        pytest.skip("needs a mirror of the published alloys (ALLOY_MIRROR)")
    for path in paths:
        integrity = json.loads(path.read_bytes())["results"]["integrity"]
        assert model_hash(integrity["fileHashes"]) == integrity["modelHash"], path.name
    assert len(paths) == 17


def test_model_hash_ignores_order_and_other_members() -> None:
    a = {"filename": "a", "sha256": "a" * 64, "size": 5}
    b = {"filename": "b", "sha256": "b" * 64}
    assert model_hash([a, b]) == model_hash([b, {"filename": "a", "sha256": "a" * 64}])
    text = '[{"filename":"a","sha256":"' + "a" * 64 + '"},{"filename":"b","sha256":"' + "b" * 64 + '"}]'
    assert model_hash([a, b]) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "records",
    [
        [{"filename": "a"}],
        [{"sha256": "a" * 64}],
        [{"filename": 1, "sha256": "a" * 64}],
        [{"filename": "a", "sha256": "A" * 64}],
        [{"filename": "a", "sha256": "pending"}],
        [{"filename": "a", "sha256": "a" * 64}, {"filename": "a", "sha256": "b" * 64}],
        ["a"],
        [None],
    ],
)
def test_model_hash_of_malformed_records(records: list[dict[str, object]]) -> None:
    with pytest.raises(DocumentError):
        model_hash(records)


def test_folder_has_the_weights_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".cache").mkdir()
    for name in ("model-2.safetensors", "sub/x.gguf", "README.md", "config.json", ".cache/y.gguf"):
        (tmp_path / name).write_bytes(name.encode())
    found = hash_folder(tmp_path)
    assert [record["filename"] for record in found["fileHashes"]] == ["model-2.safetensors", "sub/x.gguf"]
    assert found["fileHashes"][1] == {
        "filename": "sub/x.gguf",
        "sha256": hashlib.sha256(b"sub/x.gguf").hexdigest(),
        "size": 10,
    }
    assert found["modelHash"] == model_hash(found["fileHashes"])


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"a")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    assert [record["filename"] for record in hash_folder(tmp_path)["fileHashes"]] == ["a.gguf", "b.gguf"]


@pytest.mark.parametrize("defect", ["link-out", "folder-link", "dangling", "fifo", "folder"])
def test_what_is_no_plain_file_of_the_folder_is_refused(tmp_path: Path, defect: str) -> None:
    root = tmp_path / "root"
    outside = tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "x.gguf").write_bytes(b"x")
    (root / "ok.gguf").write_bytes(b"ok")
    if defect == "link-out":
        (root / "x.gguf").symlink_to(outside / "x.gguf")
    elif defect == "folder-link":
        (root / "more").symlink_to(outside)
    elif defect == "dangling":
        (root / "x.gguf").symlink_to("absent.gguf")
    elif defect == "fifo":
        os.mkfifo(root / "x.gguf")
    else:
        (root / "x.gguf").mkdir()
        (root / "x.gguf" / "ok.gguf").write_bytes(b"fine: a folder may have any name")
        assert len(hash_folder(root)["fileHashes"]) == 2
        return
    with pytest.raises(UsageError) as caught:
        hash_folder(root)
    assert caught.value.remedy


def test_folder_without_weights_or_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected \*\.safetensors or \*\.gguf, found none"):
        hash_folder(tmp_path)
    with pytest.raises(UsageError, match="expected a folder of weights"):
        hash_folder(tmp_path / "absent")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, verifier.evidence, verifier.cli_evidence;"
        "bad = {'numpy', 'huggingface_hub', 'requests', 'rich', 'httpx', 'tqdm'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
