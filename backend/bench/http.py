"""HTTP/1.1 over one kept connection, in as little work as possible: what asks must not cost what it measures."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A connection to a server on this machine. Raises OSError when there is none, or when it ends."""

    def __init__(self, port: int, timeout_seconds: float = 120.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port

    def get(self, path: str) -> Answer:
        return self.exchange(request_bytes(self._port, path))

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        return self.exchange(request_bytes(self._port, path, body, headers))

    def delete(self, path: str) -> Answer:
        return self.exchange(f"DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())

    def upload(self, path: str, content: bytes, media_type: str) -> Answer:
        """POST a file as it is."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return self.exchange(head.encode() + content)

    def exchange(self, request: bytes) -> Answer:
        """Send a whole request, wait for the whole answer."""
        self._socket.sendall(request)
        data = b""
        while not (end := answer_length(data)) or len(data) < end:
            if not (chunk := self._socket.recv(1 << 20)):
                raise ConnectionError("the connection ended before the answer did")
            data += chunk
        return Answer(int(data[9:12]), data.partition(b"\r\n\r\n")[2])

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def request_bytes(
    port: int, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """GET without a body, POST with one (as JSON)."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def answer_length(data: bytes | bytearray) -> int:
    """Bytes of the whole answer that `data` begins; 0 while its head is not complete. Answers need a Content-Length."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    found = _LENGTH.search(data, 0, head + 2)
    return head + 4 + (int(found[1]) if found else 0)


def first_answer(
    process: subprocess.Popen[bytes], port: int, path: str, *, seconds: float = 60.0, pause_seconds: float = 0.002
) -> Answer:
    """Connect again and again until `path` answers 200. Raises TimeoutError, RuntimeError when `process` ended."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(OSError), Connection(port) as connection:
            answer = connection.get(path)
            if answer.status == 200:
                return answer
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode} before {path} answered")
        time.sleep(pause_seconds)
    raise TimeoutError(f"{path} did not answer 200 within {seconds:g} s")
