"""A small Hub on loopback, for tests that run the real client against it.

It answers the three requests that this project makes (repository information, file metadata, file), serves
LFS files by redirect from a second origin as the real Hub does, and misbehaves on demand.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

HANG_SECONDS = 30.0


@dataclass(kw_only=True)
class Repo:
    """A repository of one commit."""

    sha: str
    files: dict[str, bytes] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)
    private_token: str | None = None


@dataclass(kw_only=True)
class Fault:
    """What to do with the next ``times`` requests whose method and address fit."""

    method: str
    part: str
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    truncate: int | None = None
    hang: bool = False
    ignore_range: bool = False


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    cdn: bool


class HubServer:
    """The server; use as a context manager."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._hub = self._server(cdn=False)
        self._cdn = self._server(cdn=True)
        self.endpoint = f"http://127.0.0.1:{self._hub.server_port}"
        self.cdn_endpoint = f"http://127.0.0.1:{self._cdn.server_port}"

    def __enter__(self) -> "HubServer":
        for server in (self._hub, self._cdn):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping.set()
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()

    def add(
        self, repo: str, files: Mapping[str, bytes], *, lfs: tuple[str, ...] = (), sha: str = "a" * 40
    ) -> Repo:
        self.repos[repo] = Repo(sha=sha, files=dict(files), lfs=set(lfs))
        return self.repos[repo]

    def fault(self, method: str, part: str, **what: Any) -> None:
        self.faults.append(Fault(method=method, part=part, **what))

    def count(self, method: str, part: str) -> int:
        return sum(seen.method == method and part in seen.path for seen in self.seen)

    def take_fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and fault.part in path:
                    fault.times -= 1
                    return fault
        return None

    def _server(self, *, cdn: bool) -> ThreadingHTTPServer:
        hub = self

        class Handler(_Handler):
            owner = hub
            is_cdn = cdn

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        return server


class _Handler(BaseHTTPRequestHandler):
    owner: HubServer
    is_cdn: bool
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.seen.append(Seen(method=self.command, path=self.path, headers=headers, cdn=self.is_cdn))
        fault = self.owner.take_fault(self.command, path)
        if fault and fault.hang:
            self.owner.stopping.wait(HANG_SECONDS)
            self.close_connection = True
            return
        if fault and fault.status is not None:
            self._send(fault.status, fault.body or b"{}", fault.headers)
            return
        if self.is_cdn:
            self._send_file(self._by_digest(path), {}, fault)
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/"), fault)
        elif "/resolve/" in path:
            self._resolve(path, fault)
        else:
            self._send(404, b"{}", {})

    def _repo(self, name: str) -> Repo | None:
        repo = self.owner.repos.get(name)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo is not None and repo.private_token and token != repo.private_token:
            self._send(401, b"{}", {"X-Error-Message": "Invalid username or password."})
            return None
        if repo is None:
            self._send(
                404, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            )
        return repo

    def _info(self, rest: str, fault: Fault | None) -> None:
        name, _, revision = rest.partition("/revision/")
        repo = self._repo(name)
        if repo is None:
            return
        if revision not in ("", "main", repo.sha):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = []
        for path, data in repo.files.items():
            item: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": "b" * 40}
            if path in repo.lfs:
                sha256 = hashlib.sha256(data).hexdigest()
                item["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
            siblings.append(item)
        body = json.dumps({"id": name, "sha": repo.sha, "siblings": siblings}).encode()
        self._send(200, fault.body if fault and fault.body is not None else body, {})

    def _resolve(self, path: str, fault: Fault | None) -> None:
        name, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        repo = self._repo(name)
        if repo is None:
            return
        if revision not in ("main", repo.sha):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        data = repo.files.get(file)
        if data is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repo.sha})
            return
        digest = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": repo.sha, "ETag": f'"{digest[:40]}"'}
        if file not in repo.lfs:
            self._send_file(data, headers, fault)
            return
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        self._send(302, b"", headers | {"Location": f"{self.owner.cdn_endpoint}/{digest}"})

    def _by_digest(self, path: str) -> bytes:
        for repo in self.owner.repos.values():
            for data in repo.files.values():
                if path == "/" + hashlib.sha256(data).hexdigest():
                    return data
        return b""

    def _send_file(self, data: bytes, headers: Mapping[str, str], fault: Fault | None) -> None:
        if fault and fault.body is not None:
            data = fault.body
        wanted = self.headers.get("Range", "")
        start = 0
        if wanted.startswith("bytes=") and not (fault and fault.ignore_range):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        part = data[start:]
        extra = dict(headers)
        if start:
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = fault.truncate if fault else None
        self._send(206 if start else 200, part, extra, cut=cut)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
