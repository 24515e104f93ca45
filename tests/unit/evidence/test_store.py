import gzip
import hashlib
import os
from pathlib import Path

import pytest

from tests.hubserver import HubServer
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError
from verifier.evidence import download
from verifier.evidence.cache import Cache
from verifier.evidence.download import download_url
from verifier.evidence.hub import HubClient
from verifier.evidence.locations import default_cache_dir, mirror_dir, seed_caches
from verifier.evidence.store import EvidenceStore, open_store
from verifier.runners.model import DatasetPin

REPO = "acme/tiny-moe"
SHA = "a" * 40
DATA = b'{"task_id": "x"}\n' * 100


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    (folder / "hub" / REPO).mkdir(parents=True)
    (folder / "datasets").mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def server(hub_server: HubServer) -> HubServer:
    hub_server.add(REPO, {"samples.jsonl": DATA, "model.gguf": DATA * 9}, lfs=("model.gguf",))
    return hub_server


def get(
    store: EvidenceStore, path: str = "samples.jsonl", data: bytes = DATA, repo: str | None = REPO
) -> Path:
    return store.fetch(repo=repo, revision=SHA, path=path, sha256=sha256(data), size=len(data))


def test_order_is_cache_seed_mirror_hub(
    cache: Cache, mirror: Path, server: HubServer, tmp_path: Path
) -> None:
    seed = Cache(tmp_path / "seed")
    store = EvidenceStore(
        cache, [Cache(seed.root, read_only=True)], mirror, HubClient(server.endpoint, timeout=5)
    )
    assert get(store) == cache.path(sha256(DATA)), "from the Hub, stored in the cache"
    assert server.count("GET", "/resolve/") == 1
    cache.prune(set())
    in_mirror = mirror / "hub" / REPO / "samples.jsonl"
    in_mirror.write_bytes(DATA)
    assert get(store) == in_mirror.resolve()
    seed.put_bytes(DATA)
    assert get(store) == seed.path(sha256(DATA))
    cache.put_bytes(DATA)
    assert get(store) == cache.path(sha256(DATA))
    assert server.count("GET", "/resolve/") == 1


def test_nothing_anywhere_names_every_source(cache: Cache, mirror: Path) -> None:
    with pytest.raises(EvidenceMissingError) as caught:
        get(EvidenceStore(cache, [cache], mirror, None))
    text = str(caught.value)
    for part in (
        "samples.jsonl of acme/tiny-moe",
        sha256(DATA),
        "cache ",
        "seed: absent",
        "mirror hub/",
        "offline",
    ):
        assert part in text
    with pytest.raises(EvidenceMissingError, match="ALLOY_MIRROR is not set"):
        get(EvidenceStore(cache, [], None, None))


def test_an_artifact_without_a_repository_is_looked_up_by_digest_alone(cache: Cache, mirror: Path) -> None:
    store = EvidenceStore(cache, [], mirror, None)
    with pytest.raises(EvidenceMissingError, match=r"samples\.jsonl: expected bytes"):
        get(store, repo=None)
    cache.put_bytes(DATA)
    assert get(store, repo=None).read_bytes() == DATA


def test_wrong_bytes_of_the_mirror_are_refused_by_name(cache: Cache, mirror: Path) -> None:
    (mirror / "hub" / REPO / "samples.jsonl").write_bytes(b"forged")
    with pytest.raises(EvidenceMismatchError) as caught:
        get(EvidenceStore(cache, [], mirror, None))
    assert caught.value.expected == sha256(DATA)
    assert caught.value.found == sha256(b"forged")
    assert caught.value.source == f"mirror hub/{REPO}/samples.jsonl"
    assert list(cache.blobs()) == []


def test_a_withdrawn_version_is_found_by_its_pin(cache: Cache, mirror: Path) -> None:
    old = mirror / "withdrawn" / REPO / "x.alloy.json"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"1.0.0")
    (mirror / "hub" / REPO / "x.alloy.json").write_bytes(b"1.0.1")
    store = EvidenceStore(cache, [], mirror, None)
    assert get(store, "x.alloy.json", b"1.0.0") == old.resolve()
    assert get(store, "x.alloy.json", b"1.0.1").read_bytes() == b"1.0.1"
    with pytest.raises(EvidenceMismatchError):
        get(store, "x.alloy.json", b"1.0.2")


def test_wrong_bytes_of_the_mirror_do_not_hide_the_hubs(
    cache: Cache, mirror: Path, server: HubServer
) -> None:
    (mirror / "hub" / REPO / "samples.jsonl").write_bytes(b"forged")
    store = EvidenceStore(cache, [], mirror, HubClient(server.endpoint, timeout=5))
    assert get(store).read_bytes() == DATA


@pytest.mark.parametrize("path", ["model.gguf", "samples.jsonl"], ids=["lfs", "plain"])
def test_wrong_bytes_of_the_hub(cache: Cache, server: HubServer, path: str) -> None:
    good = server.repos[REPO].files[path]
    forged = b"F" + good[1:]
    server.repos[REPO].files[path] = forged
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint, timeout=5))
    with pytest.raises(EvidenceMismatchError) as caught:
        get(store, path, good)
    assert (caught.value.expected, caught.value.found) == (sha256(good), sha256(forged))
    assert REPO in caught.value.source
    assert list(cache.blobs()) == []
    assert cache.verify() == []


def test_bytes_other_than_the_hub_announced(cache: Cache, server: HubServer) -> None:
    good = server.repos[REPO].files["model.gguf"]
    server.fault("GET", "/" + sha256(good), body=bytes(len(good)))
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint, timeout=5))
    with pytest.raises(EvidenceMismatchError) as caught:
        get(store, "model.gguf", good)
    assert caught.value.found == sha256(bytes(len(good)))
    assert list(cache.blobs()) == []


def test_a_hub_failure_keeps_its_reason_and_remedy(cache: Cache, server: HubServer) -> None:
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint, timeout=5))
    with pytest.raises(EvidenceMissingError, match=r"no such file \(404\)") as caught:
        get(store, "absent.jsonl")
    assert "removed or renamed" in caught.value.remedy


def test_a_corrupt_cached_blob_is_replaced(cache: Cache, server: HubServer) -> None:
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint, timeout=5))
    path = get(store)
    path.chmod(0o644)
    path.write_bytes(b"rot")
    assert get(store).read_bytes() == DATA


@pytest.mark.parametrize("path", ["../../x", "/etc/passwd", "a/../../x", "..", "a\\..\\x", "C:\\x", ""])
def test_paths_that_escape_are_refused(cache: Cache, mirror: Path, path: str) -> None:
    (mirror.parent / "x").write_bytes(DATA)
    with pytest.raises(DocumentError, match="expected a relative path"):
        get(EvidenceStore(cache, [], mirror, None), path)


@pytest.mark.parametrize("repo", ["../outside", "acme/..", "acme", "/acme/x", "acme/x/../../y"])
def test_repositories_that_escape_are_refused(cache: Cache, mirror: Path, repo: str) -> None:
    with pytest.raises(DocumentError, match="expected owner/name"):
        get(EvidenceStore(cache, [], mirror, None), repo=repo)


@pytest.mark.parametrize("where", ["file", "folder"])
def test_links_out_of_the_mirror_are_not_followed(cache: Cache, mirror: Path, where: str) -> None:
    outside = mirror.parent / "outside"
    outside.mkdir()
    (outside / "samples.jsonl").write_bytes(DATA)
    target = mirror / "hub" / REPO
    if where == "file":
        (target / "samples.jsonl").symlink_to(outside / "samples.jsonl")
    else:
        target.rmdir()
        target.symlink_to(outside)
    with pytest.raises(EvidenceMissingError, match="leads out of the mirror, not followed"):
        get(EvidenceStore(cache, [], mirror, None))


def test_a_mirror_that_is_itself_a_link_is_fine(cache: Cache, mirror: Path, tmp_path: Path) -> None:
    (mirror / "hub" / REPO / "samples.jsonl").write_bytes(DATA)
    (tmp_path / "link").symlink_to(mirror)
    assert get(EvidenceStore(cache, [], tmp_path / "link", None)).read_bytes() == DATA


def test_listings_are_asked_once(cache: Cache, server: HubServer) -> None:
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint, timeout=5))
    assert store.remote_files(REPO, SHA) == store.remote_files(REPO, SHA)
    assert server.count("GET", "/api/models") == 1
    with pytest.raises(EvidenceMissingError, match="offline"):
        EvidenceStore(cache, [], None, None).remote_files(REPO, SHA)


def pin(url: str | None, data: bytes = DATA) -> DatasetPin:
    return DatasetPin(filename="Bench.jsonl.gz", sha256=sha256(data), size=len(data), url=url)


def test_dataset_from_the_mirror(cache: Cache, mirror: Path) -> None:
    (mirror / "datasets" / "Bench.jsonl.gz").write_bytes(DATA)
    store = EvidenceStore(cache, [], mirror, None)
    assert store.fetch_dataset(pin("https://example.invalid/x")).read_bytes() == DATA
    with pytest.raises(EvidenceMismatchError):
        store.fetch_dataset(pin("https://example.invalid/x", b"other"))


def test_dataset_offline_says_where_it_would_come_from(cache: Cache) -> None:
    with pytest.raises(EvidenceMissingError, match=r"https://example\.invalid/x: not tried \(offline\)"):
        EvidenceStore(cache, [], None, None).fetch_dataset(pin("https://example.invalid/x"))
    with pytest.raises(EvidenceMissingError, match="no address in the pin"):
        EvidenceStore(cache, [], None, None).fetch_dataset(pin(None))


def dataset_url(server: HubServer) -> str:
    return f"{server.endpoint}/{REPO}/resolve/main/model.gguf"


def test_dataset_download_follows_redirects_and_is_cached(cache: Cache, server: HubServer) -> None:
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint))
    calls: list[tuple[str, int, int]] = []
    wanted = pin(dataset_url(server), DATA * 9)
    path = store.fetch_dataset(wanted, on_progress=lambda *call: calls.append(call))
    assert path == cache.path(wanted.sha256)
    assert calls[-1][1:] == (wanted.size, wanted.size)
    before = len(server.seen)
    assert store.fetch_dataset(wanted) == path
    assert len(server.seen) == before


def test_dataset_with_wrong_bytes(cache: Cache, server: HubServer) -> None:
    server.fault("GET", "/" + sha256(DATA * 9), body=bytes(len(DATA) * 9))
    store = EvidenceStore(cache, [], None, HubClient(server.endpoint))
    with pytest.raises(EvidenceMismatchError):
        store.fetch_dataset(pin(dataset_url(server), DATA * 9))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"status": 404}, "HTTP status 404"),
        ({"status": 500, "times": 9}, "HTTP status 500"),
        ({"body": DATA * 10}, "expected 15300 bytes from .* found at least"),
        ({"body": b"short"}, "expected 15300 bytes from .* found 5"),
        ({"truncate": 100, "times": 9}, "broken answer|no connection"),
        ({"hang": True, "times": 9}, r"no answer in time \(timeout\)"),
        ({"status": 302, "headers": {"Location": "ftp://x/y"}}, "broken answer"),
        ({"status": 302, "headers": {"Location": "file:///etc/passwd"}}, "broken answer"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, value)),
)
def test_dataset_failures_are_named(
    server: HubServer, tmp_path: Path, fault: dict[str, object], text: str
) -> None:
    server.fault("GET", "/" + sha256(DATA * 9), **fault)
    with pytest.raises(EvidenceMissingError, match=text) as caught:
        download_url(
            dataset_url(server),
            tmp_path / "d",
            size=len(DATA) * 9,
            timeout=(1, 0.3),
            sleep=lambda seconds: None,
        )
    assert "ALLOY_MIRROR" in caught.value.remedy


def test_dataset_server_errors_are_tried_again(server: HubServer, tmp_path: Path) -> None:
    waits: list[float] = []
    server.fault("GET", "/" + sha256(DATA * 9), status=503)
    server.fault("GET", "/" + sha256(DATA * 9), truncate=10)
    download_url(dataset_url(server), tmp_path / "d", size=len(DATA) * 9, sleep=waits.append)
    assert (tmp_path / "d").read_bytes() == DATA * 9
    assert len(waits) == download.ATTEMPTS - 1


def test_dataset_stays_packed(server: HubServer, tmp_path: Path) -> None:
    packed = gzip.compress(DATA)
    server.repos[REPO].files["bench.gz"] = packed
    download_url(f"{server.endpoint}/{REPO}/resolve/main/bench.gz", tmp_path / "d", size=len(packed))
    assert (tmp_path / "d").read_bytes() == packed


def test_dataset_address_must_be_http(tmp_path: Path) -> None:
    with pytest.raises(EvidenceMissingError, match="expected an http or https address"):
        download_url("file:///etc/passwd", tmp_path / "d", size=5)


def test_a_dribbling_server_is_given_up(server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(EvidenceMissingError, match="timeout"):
        download_url(
            dataset_url(server),
            tmp_path / "d",
            size=len(DATA) * 9,
            total_seconds=-1,
            sleep=lambda seconds: None,
        )


def test_cache_folder_by_environment_checkout_or_user(tmp_path: Path) -> None:
    assert default_cache_dir({"ALLOY_CACHE": "/x"}) == Path("/x")
    (tmp_path / "catalog").mkdir()
    (tmp_path / "pyproject.toml").write_bytes(b"")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert default_cache_dir({}, start=tmp_path / "deep" / "er") == tmp_path / "_cache"
    assert default_cache_dir({"ALLOY_CATALOG": str(tmp_path / "catalog")}) == tmp_path / "_cache"


def test_cache_folder_of_a_user_without_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.evidence.locations._PACKAGE", tmp_path / "site-packages" / "verifier")
    assert default_cache_dir({"XDG_CACHE_HOME": "/x"}, start=tmp_path) == Path("/x/alloy")
    assert default_cache_dir({}, start=tmp_path).is_relative_to(Path.home())
    installed = tmp_path / "site-packages" / "verifier" / "_data" / "cache" / "reference"
    sha = Cache(installed).put_bytes(b"x")
    assert [seed.get(sha) for seed in seed_caches({}, start=tmp_path)] == [
        installed / "sha256" / sha[:2] / sha
    ]


def test_seeds_are_read_only(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "pyproject.toml").write_bytes(b"")
    sha = Cache(tmp_path / "_cache" / "reference").put_bytes(b"x")
    seeds = seed_caches({}, start=tmp_path)
    assert seeds[0].get(sha)
    assert seeds[0].read_only


def test_mirror_must_be_a_folder(tmp_path: Path) -> None:
    assert mirror_dir({}) is None
    assert mirror_dir({"ALLOY_MIRROR": str(tmp_path)}) == tmp_path
    with pytest.raises(UsageError, match="ALLOY_MIRROR: expected a folder"):
        mirror_dir({"ALLOY_MIRROR": str(tmp_path / "absent")})


def test_open_store_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("ALLOY_MIRROR", str(tmp_path))
    assert open_store(offline=True).hub is None
    store = open_store(offline=False)
    assert store.hub is not None
    assert store.cache.root == tmp_path / "c"
    assert store.mirror == tmp_path


def test_the_published_withdrawn_alloy_lies_beside_its_successor(cache: Cache) -> None:
    named = os.environ.get("ALLOY_MIRROR")
    if not named:
        pytest.skip("needs a mirror of the published alloys (ALLOY_MIRROR)")
    repo = "continuum-ai/qwen3-coder-30b-a3b-compacted-19b-256k"
    path = f"{repo.split('/')[1]}.alloy.json"
    store = EvidenceStore(cache, [], Path(named), None)
    for top in ("hub", "withdrawn"):
        data = Path(named, top, repo, path).read_bytes()
        assert get(store, path, data, repo).read_bytes() == data
