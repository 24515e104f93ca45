import hashlib
from pathlib import Path

import pytest

from tests.hubserver import HubServer
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.hub import HubClient, RemoteFile, is_alloy_name

REPO = "acme/tiny-moe"
SHA = "a" * 40
WEIGHTS = bytes(range(256)) * 2000
ALLOY = b'{"name": "tiny"}'


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def server(hub_server: HubServer) -> HubServer:
    hub_server.add(
        REPO,
        {"tiny.alloy.json": ALLOY, "model.safetensors": WEIGHTS, "eval/samples.jsonl": b"{}\n"},
        lfs=("model.safetensors",),
    )
    return hub_server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(server: HubServer, waits: list[float]) -> HubClient:
    return HubClient(server.endpoint, timeout=5, sleep=waits.append)


def test_revision_is_the_commit_of_the_main_branch(client: HubClient) -> None:
    assert client.revision(REPO) == SHA
    assert client.revision(REPO, "main") == SHA
    assert client.revision(REPO, SHA) == SHA


def test_files_have_size_and_lfs_digest_without_a_download(client: HubClient, server: HubServer) -> None:
    assert client.files(REPO, SHA) == (
        RemoteFile(path="eval/samples.jsonl", size=3, sha256=None),
        RemoteFile(path="model.safetensors", size=len(WEIGHTS), sha256=sha256(WEIGHTS)),
        RemoteFile(path="tiny.alloy.json", size=len(ALLOY), sha256=None),
    )
    assert server.count("GET", "/resolve/") == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.alloy.json", True),
        ("forge-alloy.json", True),
        ("a/b.alloy.json", True),
        (".alloy.json", False),
        ("alloy.json", False),
        ("forge-alloy.json.bak", False),
    ],
)
def test_alloy_names(name: str, expected: bool) -> None:
    assert is_alloy_name(name) is expected


def test_the_one_alloy_is_found(client: HubClient, server: HubServer) -> None:
    server.repos[REPO].files["old/earlier.alloy.json"] = b"{}"
    assert client.find_alloy(REPO, SHA) == "tiny.alloy.json"


def test_two_alloys_are_an_error_that_names_both(client: HubClient, server: HubServer) -> None:
    server.repos[REPO].files["forge-alloy.json"] = b"{}"
    with pytest.raises(
        DocumentError, match=r"expected one alloy .* found forge-alloy\.json, tiny\.alloy\.json"
    ):
        client.find_alloy(REPO, SHA)


def test_no_alloy_is_an_error_that_tells_of_deeper_ones(client: HubClient, server: HubServer) -> None:
    server.repos[REPO].files = {"deep/x.alloy.json": b"{}"}
    with pytest.raises(DocumentError, match=r"found none \(in folders: deep/x\.alloy\.json\)"):
        client.find_alloy(REPO, SHA)


def test_download_by_redirect_sends_no_token_to_the_other_origin(
    client: HubClient, server: HubServer, tmp_path: Path
) -> None:
    server.repos[REPO].private_token = "hf_secret"
    client = HubClient(server.endpoint, token="hf_secret", timeout=5)
    path = client.download(
        REPO, SHA, "model.safetensors", tmp_path, size=len(WEIGHTS), sha256=sha256(WEIGHTS)
    )
    assert path.read_bytes() == WEIGHTS
    from_cdn = [seen for seen in server.seen if seen.cdn]
    assert from_cdn
    assert all("authorization" not in seen.headers for seen in from_cdn)


def test_download_of_a_plain_file_in_a_folder(client: HubClient, tmp_path: Path) -> None:
    path = client.download(REPO, None, "eval/samples.jsonl", tmp_path)
    assert path.read_bytes() == b"{}\n"
    assert path.resolve().is_relative_to(tmp_path.resolve())


def test_progress_of_a_download_ends_at_the_size(client: HubClient, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    client.download(REPO, SHA, "model.safetensors", tmp_path, on_progress=lambda *call: calls.append(call))
    import inspect

    import huggingface_hub

    if "tqdm_class" not in inspect.signature(huggingface_hub.hf_hub_download).parameters:
        pytest.skip("this huggingface_hub offers no progress class for single downloads")
    assert calls[-1] == ("model.safetensors", len(WEIGHTS), len(WEIGHTS))


def test_endpoint_comes_from_the_environment(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    assert HubClient(timeout=5).revision(REPO) == SHA


@pytest.mark.parametrize(
    ("repo", "revision", "path", "text"),
    [
        ("acme/absent", SHA, "x", r"no such repository \(404\)"),
        (REPO, "b" * 40, "x", r"no such revision \(404\)"),
        (REPO, SHA, "absent.json", r"no such file \(404\)"),
    ],
    ids=["repository", "revision", "file"],
)
def test_404_names_what_is_absent(
    client: HubClient, tmp_path: Path, repo: str, revision: str, path: str, text: str
) -> None:
    with pytest.raises(EvidenceMissingError, match=text) as caught:
        client.download(repo, revision, path, tmp_path)
    assert caught.value.remedy


def test_404_of_a_listing(client: HubClient) -> None:
    with pytest.raises(EvidenceMissingError, match=r"acme/absent: .* no such repository \(404\)"):
        client.files("acme/absent", None)


def test_401_asks_for_a_token(client: HubClient, server: HubServer, tmp_path: Path) -> None:
    server.repos[REPO].private_token = "hf_secret"
    for call in (
        lambda: client.revision(REPO),
        lambda: client.download(REPO, SHA, "model.safetensors", tmp_path),
    ):
        with pytest.raises(EvidenceMissingError, match=r"access refused \(401\)") as caught:
            call()
        assert "HF_TOKEN" in caught.value.remedy
    assert HubClient(server.endpoint, token="hf_secret").revision(REPO) == SHA


def test_gated_repository(client: HubClient, server: HubServer) -> None:
    server.fault("GET", "/api/models", status=403, headers={"X-Error-Code": "GatedRepo"})
    with pytest.raises(EvidenceMissingError, match=r"access forbidden \(403\)"):
        client.revision(REPO)


def test_429_waits_as_asked_then_succeeds(client: HubClient, server: HubServer, waits: list[float]) -> None:
    server.fault("GET", "/api/models", status=429, headers={"Retry-After": "7"}, times=2)
    assert client.revision(REPO) == SHA
    assert waits == [7.0, 7.0]


def test_429_without_end(client: HubClient, server: HubServer, waits: list[float]) -> None:
    server.fault("GET", "/api/models", status=429, headers={"Retry-After": "2"}, times=99)
    with pytest.raises(EvidenceMissingError, match=r"too many requests \(429\), asking to wait 2 s"):
        client.revision(REPO)
    assert waits == [2.0, 2.0, 2.0]
    assert server.count("GET", "/api/models") == 4


def test_429_with_an_absurd_wait_gives_up_at_once(
    client: HubClient, server: HubServer, waits: list[float]
) -> None:
    server.fault("GET", "/api/models", status=429, headers={"Retry-After": "86400"}, times=99)
    with pytest.raises(EvidenceMissingError, match="asking to wait 86400 s"):
        client.revision(REPO)
    assert waits == []


def test_429_of_a_download_then_success(client: HubClient, server: HubServer, tmp_path: Path) -> None:
    server.fault("HEAD", "/resolve/", status=429, headers={"Retry-After": "0"})
    server.fault("GET", "/" + sha256(WEIGHTS), status=429, headers={"Retry-After": "0"})
    assert client.download(REPO, SHA, "model.safetensors", tmp_path).read_bytes() == WEIGHTS


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_then_success(
    client: HubClient, server: HubServer, waits: list[float], status: int
) -> None:
    server.fault("GET", "/api/models", status=status, times=2)
    assert client.revision(REPO) == SHA
    assert waits == [1.0, 2.0]


def test_server_error_without_end(client: HubClient, server: HubServer) -> None:
    server.fault("GET", "/api/models", status=500, times=99)
    with pytest.raises(EvidenceMissingError, match=r"a failing server \(500\)"):
        client.files(REPO, SHA)


def test_a_truncated_body_is_resumed(
    client: HubClient, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    server.fault("GET", "/" + sha256(WEIGHTS), truncate=1000)
    assert client.download(REPO, SHA, "model.safetensors", tmp_path).read_bytes() == WEIGHTS
    ranges = [seen.headers["range"] for seen in server.seen if seen.cdn and "range" in seen.headers]
    assert ranges == ["bytes=1000-"]


def test_a_server_that_serves_less_than_it_announced(
    client: HubClient, server: HubServer, tmp_path: Path
) -> None:
    server.fault("GET", "/" + sha256(WEIGHTS), body=b"short", times=99)
    with pytest.raises(EvidenceMissingError, match="truncated or malformed"):
        client.download(REPO, SHA, "model.safetensors", tmp_path)


def test_other_digest_in_the_metadata_is_refused_before_the_download(
    client: HubClient, server: HubServer, tmp_path: Path
) -> None:
    with pytest.raises(
        EvidenceMismatchError, match=f"expected sha256 {'0' * 64}, found {sha256(WEIGHTS)}"
    ) as caught:
        client.download(REPO, SHA, "model.safetensors", tmp_path, sha256="0" * 64)
    assert caught.value.found == sha256(WEIGHTS)
    assert server.count("GET", "") == 0


def test_other_size_in_the_metadata_is_refused_before_the_download(
    client: HubClient, server: HubServer, tmp_path: Path
) -> None:
    with pytest.raises(EvidenceMismatchError, match=f"expected 5 bytes, found {len(ALLOY)}"):
        client.download(REPO, SHA, "tiny.alloy.json", tmp_path, size=5)
    assert server.count("GET", "") == 0


def test_a_hang_ends_in_a_timeout(server: HubServer, waits: list[float], tmp_path: Path) -> None:
    client = HubClient(server.endpoint, timeout=0.2, retries=1, sleep=waits.append)
    server.fault("GET", "/api/models", hang=True, times=99)
    server.fault("HEAD", "/resolve/", hang=True, times=99)
    for call in (lambda: client.files(REPO, SHA), lambda: client.download(REPO, SHA, "x.bin", tmp_path)):
        with pytest.raises(EvidenceMissingError, match=r"no answer in time \(timeout\)"):
            call()
    assert waits == [1.0, 1.0]


def test_a_download_that_hangs_once_is_resumed(
    client: HubClient, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
    server.fault("GET", "/" + sha256(WEIGHTS), hang=True)
    assert client.download(REPO, SHA, "model.safetensors", tmp_path).read_bytes() == WEIGHTS


def test_no_server_at_all(waits: list[float]) -> None:
    client = HubClient("http://127.0.0.1:9", timeout=5, sleep=waits.append)
    with pytest.raises(EvidenceMissingError, match="no connection") as caught:
        client.revision(REPO)
    assert "ALLOY_MIRROR" in caught.value.remedy
    assert waits == [1.0]
    with pytest.raises(EvidenceMissingError, match=r"no connection \(tried a moment ago\)"):
        client.files(REPO, SHA)
    assert waits == [1.0], "what is known to be down is not waited for again"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>captive portal</html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"id": "acme/tiny-moe"}',
        b'{"id": "acme/tiny-moe", "sha": 5, "siblings": {"rfilename": "x"}}',
        b'{"id": "acme/tiny-moe", "sha": "../../x", "siblings": [{"size": 1}]}',
        b'{"id": "acme/tiny-moe", "sha": "HEAD", "siblings": [{"rfilename": "../x", "size": 1}]}',
        b'{"id": "acme/tiny-moe", "sha": "HEAD", "siblings": [{"rfilename": "/etc/x", "size": 1}]}',
        b'{"id": "acme/tiny-moe", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": -1}]}',
        b'{"id": "acme/tiny-moe", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": true}]}',
        b'{"id": "acme/tiny-moe", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": null}]}',
        b'{"id": "x", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": 1, "lfs": {"size": 1, '
        b'"sha256": "zz", "pointerSize": 1}}]}',
        b'{"id": "x", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": 1, "lfs": {"size": 1}}]}',
        b'{"id": "x", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": 1, "lfs": [1]}]}',
        b'{"id": "x", "sha": "HEAD", "siblings": [7]}',
        b'{"id": "x", "sha": "HEAD", "siblings": [{"rfilename": "x", "size": 1}, '
        b'{"rfilename": "x", "size": 2}]}',
    ],
)
def test_weird_answers_are_named_errors(client: HubClient, server: HubServer, body: bytes) -> None:
    server.fault("GET", "/api/models", body=body, times=2)
    with pytest.raises(EvidenceMissingError, match="Hub") as caught:
        client.revision(REPO)
    assert caught.value.remedy
    with pytest.raises(EvidenceMissingError, match="Hub"):
        client.files(REPO, SHA)


@pytest.mark.parametrize("headers", [{}, {"ETag": '"x"'}, {"X-Repo-Commit": SHA}])
def test_metadata_without_the_hubs_headers(
    client: HubClient, server: HubServer, tmp_path: Path, headers: dict[str, str]
) -> None:
    server.fault("HEAD", "/resolve/", status=200, headers=headers, times=99)
    with pytest.raises(EvidenceMissingError):
        client.download(REPO, SHA, "tiny.alloy.json", tmp_path)


def test_a_redirect_without_end(client: HubClient, server: HubServer, tmp_path: Path) -> None:
    target = f"{server.endpoint}/{REPO}/resolve/{SHA}/tiny.alloy.json"
    server.fault("HEAD", "/resolve/", status=302, headers={"Location": target}, times=999)
    server.fault("GET", "/resolve/", status=302, headers={"Location": target}, times=999)
    with pytest.raises(EvidenceMissingError):
        client.download(REPO, SHA, "tiny.alloy.json", tmp_path)


@pytest.mark.parametrize("repo", ["", "x", "a/b/c", "../x", "a/..", "a/b?c", "a/b#c", "/a/b", "a\n/b"])
def test_malformed_ids_are_refused_without_a_request(client: HubClient, server: HubServer, repo: str) -> None:
    with pytest.raises(DocumentError, match="expected owner/name"):
        client.files(repo, None)
    assert server.seen == []


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\\b", "C:/x", "a//b", "a/\0"])
def test_paths_that_leave_the_folder_are_refused_without_a_request(
    client: HubClient, server: HubServer, tmp_path: Path, path: str
) -> None:
    with pytest.raises(DocumentError, match="expected a relative path"):
        client.download(REPO, SHA, path, tmp_path)
    assert server.seen == []


def test_the_clients_offline_switch_is_named(client: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EvidenceMissingError, match="HF_HUB_OFFLINE"):
        client.revision(REPO)


def test_an_endless_truncating_server_is_stopped(
    client: HubClient, server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import inspect

    import huggingface_hub

    if "tqdm_class" not in inspect.signature(huggingface_hub.hf_hub_download).parameters:
        pytest.skip("this huggingface_hub offers no hook into single downloads")
    monkeypatch.setattr("verifier.evidence.hub._SLACK_BYTES", 0)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 65536)
    server.fault("GET", "/" + sha256(WEIGHTS), truncate=len(WEIGHTS) - 1, ignore_range=True, times=99)
    with pytest.raises(AlloyError, match="more data than the file can hold"):
        client.download(REPO, SHA, "model.safetensors", tmp_path)


def test_a_redirect_within_the_hub_is_followed(client: HubClient, server: HubServer, tmp_path: Path) -> None:
    target = {"Location": f"/{REPO}/resolve/{SHA}/tiny.alloy.json"}
    server.fault("HEAD", "/resolve/main/", status=307, headers=target, times=9)
    server.fault("GET", "/resolve/main/", status=307, headers=target, times=9)
    assert client.download(REPO, "main", "tiny.alloy.json", tmp_path).read_bytes() == ALLOY
    assert any(SHA in seen.path for seen in server.seen)
