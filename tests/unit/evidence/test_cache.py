import fcntl
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.evidence.cache import Cache

WRITER = """
import sys, os, random
from pathlib import Path
from verifier.evidence.cache import Cache
cache = Cache(Path(sys.argv[1]))
source = Path(sys.argv[2])
print("ready", flush=True)
while True:
    cache.put_file(source)
    cache.put_bytes(os.urandom(random.randrange(1, 3_000_000)))
"""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_put_can_be_got(cache: Cache, tmp_path: Path) -> None:
    sha = cache.put_bytes(b"evidence")
    assert sha == digest(b"evidence")
    path = cache.get(sha)
    assert path == cache.root / "sha256" / sha[:2] / sha
    assert path.read_bytes() == b"evidence"
    (tmp_path / "f").write_bytes(bytes(5_000_000))
    sha = cache.put_file(tmp_path / "f")
    found = cache.get(sha)
    assert found is not None
    assert found.stat().st_size == 5_000_000


def test_absent_blob_and_absent_cache(cache: Cache) -> None:
    assert cache.get("0" * 64) is None
    assert not cache.root.exists()
    assert cache.verify() == []
    assert cache.prune(set()).size == 0


def test_blobs_are_read_only_and_no_temporary_remains(cache: Cache) -> None:
    path = cache.path(cache.put_bytes(b"x"))
    assert path.stat().st_mode & 0o777 == 0o444
    assert list((cache.root / "tmp").iterdir()) == []


def test_putting_twice_is_fine(cache: Cache) -> None:
    assert cache.put_bytes(b"x") == cache.put_bytes(b"x")
    assert len(list(cache.blobs())) == 1


@pytest.mark.parametrize("sha", ["", "0" * 63, "A" * 64, "../" * 21 + "x", "0" * 64 + "\n"])
def test_malformed_digests_are_refused(cache: Cache, sha: str) -> None:
    with pytest.raises(DocumentError, match="64 lower-case hex digits"):
        cache.get(sha)


@pytest.mark.parametrize("defect", ["changed", "shortened", "emptied"])
def test_a_corrupt_blob_is_not_believed_and_removed(cache: Cache, defect: str) -> None:
    path = cache.path(cache.put_bytes(b"good bytes"))
    path.chmod(0o644)
    path.write_bytes({"changed": b"evil bytes", "shortened": b"good", "emptied": b""}[defect])
    assert [problem.kind for problem in cache.verify()] == ["corrupt"]
    assert cache.get(path.name) is None
    assert not path.exists()


def test_every_get_hashes_anew(cache: Cache) -> None:
    path = cache.path(cache.put_bytes(b"good"))
    assert cache.get(path.name)
    stamp = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"evil")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert cache.get(path.name) is None


def test_a_link_under_a_blobs_name_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    path = cache.path(digest(b"x"))
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "f")
    assert [problem.kind for problem in cache.verify()] == ["misplaced"]
    assert cache.get(path.name) is None
    assert not path.is_symlink()
    assert (tmp_path / "f").exists()


def test_a_fifo_under_a_blobs_name_does_not_hang(cache: Cache) -> None:
    path = cache.path("0" * 64)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert cache.get("0" * 64) is None


def test_a_seed_is_never_changed(cache: Cache) -> None:
    path = cache.path(cache.put_bytes(b"good"))
    path.chmod(0o644)
    path.write_bytes(b"evil")
    seed = Cache(cache.root, read_only=True)
    assert seed.get(path.name) is None
    assert seed.prune(set()).blobs == ()
    assert path.read_bytes() == b"evil"
    with pytest.raises(EvidenceMissingError, match="read-only seed"):
        seed.put_bytes(b"x")


def test_misplaced_files_are_reported_and_can_be_removed(cache: Cache) -> None:
    path = cache.path(cache.put_bytes(b"x"))
    wrong = path.parent / "README"
    wrong.write_bytes(b"")
    other = cache.root / "sha256" / "zz" / path.name
    other.parent.mkdir()
    other.write_bytes(b"x")
    problems = cache.verify()
    assert {problem.path for problem in problems} == {wrong, other}
    for problem in problems:
        cache.remove(problem)
    assert cache.verify() == []
    assert cache.get(path.name) == path


def test_prune_keeps_what_it_is_told(cache: Cache) -> None:
    keep = cache.put_bytes(b"keep")
    drop = cache.put_bytes(b"drop")
    assert cache.prune({keep}, dry_run=True).blobs == (drop,)
    assert cache.get(drop)
    pruned = cache.prune({keep})
    assert (pruned.blobs, pruned.size) == ((drop,), 4)
    assert cache.get(keep)
    assert cache.get(drop) is None


def test_prune_spares_a_living_writer(cache: Cache) -> None:
    with cache.scratch() as folder:
        (folder / "f").write_bytes(b"x")
        assert cache.prune(set()).leftovers == ()
        assert (folder / "f").exists()
    assert not folder.exists()


def test_adopted_file_moves_without_a_copy(cache: Cache) -> None:
    with cache.scratch() as folder:
        (folder / "f").write_bytes(b"x")
        inode = (folder / "f").stat().st_ino
        path = cache.adopt_file(folder / "f", digest(b"x"))
    assert path.stat().st_ino == inode
    assert cache.get(digest(b"x")) == path


def test_a_full_or_forbidden_disk_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EvidenceMissingError, match="expected to store a file") as caught:
        Cache(tmp_path / "file" / "cache").put_bytes(b"x")
    assert "ALLOY_CACHE" in caught.value.remedy


def test_a_failing_source_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(EvidenceMissingError):
        cache.put_file(tmp_path / "absent")
    assert list((cache.root / "tmp").iterdir()) == []
    assert list(cache.blobs()) == []


def test_a_bad_blob_is_not_removed_once_another_process_mended_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.path(cache.put_bytes(b"good"))
    path.chmod(0o644)
    path.write_bytes(b"evil")
    plain = Cache._remove_if_same

    def mended_meanwhile(self: Cache, blob: Path, identity: tuple[int, int] | None) -> None:
        Cache(cache.root).put_bytes(b"good")
        plain(self, blob, identity)

    monkeypatch.setattr(Cache, "_remove_if_same", mended_meanwhile)
    assert cache.get(path.name) is None
    assert path.read_bytes() == b"good"


def start(cache: Cache, source: Path) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(cache.root), str(source)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_killed_writers_never_leave_a_corrupt_blob(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(random.Random(1).randbytes(6_000_000))
    leftovers = 0
    for round_ in range(24):
        writer = start(cache, source)
        give_up = time.monotonic() + 60
        while not any((cache.root / "tmp").glob("*")) and time.monotonic() < give_up:
            time.sleep(0.0002)
        time.sleep(0.002 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert writer.stdout is not None
        writer.stdout.close()
        problems = cache.verify()
        assert {problem.kind for problem in problems} <= {"leftover"}
        leftovers += len(problems)
        cache.prune({path.name for path in cache.blobs()})
        assert cache.verify() == []
    assert leftovers > 0, "no writer was killed in the middle: the test shows nothing"


def test_concurrent_writers_readers_and_prunes(cache: Cache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(random.Random(2).randbytes(2_000_000))
    sha = cache.put_file(source)
    writers = [start(cache, source) for _ in range(3)]
    try:
        for _ in range(30):
            assert cache.get(sha) is not None
            cache.prune({sha})
    finally:
        for writer in writers:
            assert writer.poll() is None, "a writer failed"
            writer.kill()
            writer.wait()
            assert writer.stdout is not None
            writer.stdout.close()
    cache.prune({sha})
    assert {problem.kind for problem in cache.verify()} <= set()
    assert [path.name for path in cache.blobs()] == [sha]


def test_a_leftover_is_told_by_its_lock_not_its_age(cache: Cache) -> None:
    (cache.root / "tmp").mkdir(parents=True)
    dead, alive = cache.root / "tmp" / "dead", cache.root / "tmp" / "alive"
    for path in (dead, alive):
        path.write_bytes(b"partial")
    (cache.root / "tmp" / "dead.d").mkdir()
    (cache.root / "tmp" / "orphan.d").mkdir()
    descriptor = os.open(alive, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.utime(alive, (0, 0))
        assert sorted(path.name for path in cache.prune(set()).leftovers) == ["dead", "orphan.d"]
    finally:
        os.close(descriptor)
    assert [path.name for path in (cache.root / "tmp").iterdir()] == ["alive"]
