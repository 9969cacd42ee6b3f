"""A server on a real port that hands out files as a hub does, and misbehaves when it is told to.

Its pages (a hub's metadata, redirects) are on one port and the bytes on another, as with a hub and its CDN.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

PIECE_BYTES = 8 * 1024
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Fault:
    """What is wrong with one answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """The connection is closed after so many bytes of the body."""
    body: bytes | None = None
    """Sent for the file's own."""
    same_etag: bytes | None = None
    """The ETag is that of this content."""
    length: bool = True
    """Whether the answer says how long it is."""
    gate: threading.Event | None = None
    """Waited for after the first half of the body."""


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    port: int


class FileServer:
    """`files` maps path → content; those under a repository's name are the hub's."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.repositories: dict[str, list[str]] = {}
        self.plain_git: set[str] = set()
        """Paths that the hub keeps in git itself, not as LFS."""
        self.etags = True
        self.heads = True
        """Whether HEAD is known."""
        self.faults: list[Fault] = []
        """For the next answers with a file's bytes, one each."""
        self.page_faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.token = ""
        self.sent: Callable[[int], None] = lambda count: None
        """Hears of every piece of a body that went out."""
        self.half_sent = threading.Event()
        self.pages = _listen(self)
        self.bytes = _listen(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.pages.server_port}"

    @property
    def bytes_url(self) -> str:
        return f"http://127.0.0.1:{self.bytes.server_port}"

    def add(self, repository: str, name: str, content: bytes, git: bool = False) -> None:
        self.files[f"/{repository}/{name}"] = content
        self.repositories.setdefault(repository, []).append(name)
        if git:
            self.plain_git.add(f"/{repository}/{name}")

    def metadata(self, repository: str) -> dict[str, object]:
        siblings = [self._sibling(repository, name) for name in self.repositories[repository]]
        return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}

    def _sibling(self, repository: str, name: str) -> dict[str, object]:
        path = f"/{repository}/{name}"
        content = self.files[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        found: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
        if path not in self.plain_git:
            sha256 = hashlib.sha256(content).hexdigest()
            found |= {"blobId": "0" * 40, "lfs": {"sha256": sha256, "size": len(content), "pointerSize": 130}}
        return found

    def close(self) -> None:
        for server in (self.pages, self.bytes):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed leave in the middle."""


def _listen(server: FileServer) -> _Server:
    class Handler(_Handler):
        files = server

    listening = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return listening


class _Handler(BaseHTTPRequestHandler):
    files: FileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Said by `FileServer.seen`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        assert isinstance(self.server, _Server)
        port = self.server.server_port
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.files.seen.append(Seen(self.command, path, headers, port))
        if port == self.files.pages.server_port and self._page(path, headers):
            return
        self._file(path)

    def _page(self, path: str, headers: dict[str, str]) -> bool:
        if self.files.page_faults:
            fault = self.files.page_faults.pop(0)
            self._send(fault.status, fault.body or b"", fault.headers)
            return True
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._metadata(found[1], headers)
            return True
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            self._send(302, b"", {"Location": f"{self.files.bytes_url}/{found[1]}/{found[2]}"})
            return True
        if path == "/circle":
            self._send(302, b"", {"Location": "/circle"})
            return True
        return False

    def _metadata(self, repository: str, headers: dict[str, str]) -> None:
        allowed = not self.files.token or headers.get("authorization") == f"Bearer {self.files.token}"
        if not allowed:
            self._send(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        elif repository not in self.files.repositories:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        else:
            self._send(200, json.dumps(self.files.metadata(repository)).encode(), {"Content-Type": "application/json"})

    def _file(self, path: str) -> None:
        body = self.files.files.get(path)
        fault = self.files.faults.pop(0) if self.files.faults and self.command == "GET" else Fault()
        if body is None or fault.status:
            self._send(fault.status or 404, b"", fault.headers)
            return
        body = body if fault.body is None else fault.body
        etag = f'"{hashlib.sha256(fault.same_etag or body).hexdigest()[:16]}"' if self.files.etags else ""
        start = self._start(etag)
        total, rest = len(body), body[start:]
        headers = {"ETag": etag} if etag else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        self._send(206 if start else 200, rest, {**headers, **fault.headers}, fault)

    def _start(self, etag: str) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not found or self.headers.get("If-Range", etag) != etag:
            return 0
        return int(found[1])

    def _send(self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault is None or fault.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._body(body, fault or Fault())

    def _body(self, body: bytes, fault: Fault) -> None:
        end = len(body) if fault.cut_after is None else min(fault.cut_after, len(body))
        for offset in range(0, end, PIECE_BYTES):
            if fault.gate and offset >= end // 2:
                self.files.half_sent.set()
                fault.gate.wait(20)
            self.wfile.write(body[offset : min(offset + PIECE_BYTES, end)])
            self.files.sent(min(PIECE_BYTES, end - offset))
        if end < len(body):
            self.close_connection = True


@contextmanager
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    try:
        yield server
    finally:
        server.close()
