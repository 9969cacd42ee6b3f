"""The whole app in this process, one request at a time: no port, no model, no lifespan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import Message

AppMaker = Callable[..., Starlette]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    @property
    def problem(self) -> str:
        """The slug of its problem type."""
        return str(json.loads(self.body)["type"]).removeprefix("/problems/")


def ask(
    app: Any, path: str = "/health", method: str = "GET", headers: dict[str, str] | None = None,
    body: bytes = b"", client: tuple[str, int] | None = ("127.0.0.1", 1234), kind: str = "http",
    http_version: str = "1.1", pairs: Sequence[tuple[str, str]] | None = None,
) -> Answer:  # fmt: skip
    """Send one request, or one socket's handshake (`kind="websocket"`), and collect the answer."""
    given = list(pairs) if pairs is not None else list(({"host": "localhost:8000"} | (headers or {})).items())
    target, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": kind, "asgi": {"version": "3.0"}, "http_version": http_version, "method": method,
        "scheme": "http" if kind == "http" else "ws", "path": target, "raw_path": target.encode(),
        "query_string": query.encode(), "root_path": "", "client": client, "server": ("127.0.0.1", 8000),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given],
        "state": {}, "subprotocols": [], "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    if kind == "websocket":
        del scope["method"]
    return asyncio.run(_exchange(app, scope, body, kind))


async def _exchange(app: Any, scope: dict[str, Any], body: bytes, kind: str) -> Answer:
    sent: list[Message] = []
    arriving: list[Message] = [
        {"type": "http.request", "body": body, "more_body": False} if kind == "http" else {"type": "websocket.connect"},
        {"type": "http.disconnect"} if kind == "http" else {"type": "websocket.disconnect", "code": 1005},
    ]

    async def receive() -> Message:
        return arriving.pop(0) if len(arriving) > 1 else arriving[0]

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(int(start.get("status", 101)), Headers(raw=start.get("headers", [])), content)
