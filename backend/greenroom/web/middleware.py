"""Around every request: an id, one log line with the latency, and headers that close what a page does not need."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("greenroom.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_QUIET_PATHS = frozenset({"/health", "/livez", "/readyz", "/status"})
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class RequestLog:
    """Pure ASGI middleware. A caller's `X-Request-ID` is kept when it is harmless; the query string is never
    logged, since people put secrets there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        scope["greenroom.request_id"] = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        begun = time.perf_counter()
        seen: dict[str, int] = {}
        try:
            await self._app(scope, receive, _stamping(scope, send, seen))
        finally:
            _log(scope, seen.get("status"), time.perf_counter() - begun)


def _stamping(scope: Scope, send: Send, seen: dict[str, int]) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            seen["status"] = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["x-request-id"] = scope["greenroom.request_id"]
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return stamped


def _log(scope: Scope, status: int | None, seconds: float) -> None:
    write = log.debug if scope["path"] in _QUIET_PATHS else log.info
    write(
        "request" if scope["type"] == "http" else "socket",
        method=scope.get("method", "WS"), path=scope["path"], status=status,
        ms=round(seconds * 1000, 2), request_id=scope["greenroom.request_id"],
    )  # fmt: skip
