"""Around every request: an id, one log line with the latency, headers that close what a page does not need, and an
answer even where our own code fails."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable

import structlog
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.web.base_path import own_path
from greenroom.web.hosts import PROBES
from greenroom.web.problems import on_bug

log = structlog.get_logger("greenroom.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_QUIET_PATHS = PROBES | {"/status"}
_SHOWN_CHARACTERS = 200
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page may do: load what we serve, and talk to us. Nothing inline, nothing from anywhere else."""
_EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""On every answer, unless the endpoint has set its own. CORS is not touched by the resource policy, which is about
answers that a page embeds without asking. Whether all is HTTPS (HSTS) is for the proxy to say, which has the keys."""


def _encoded(policy: str) -> list[tuple[bytes, bytes]]:
    headers = {"content-security-policy": policy, **_EVERYWHERE}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_PAGE_HEADERS, _ANSWER_HEADERS = _encoded(_PAGE), _encoded(_NOTHING)


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
            reading = receive if scope["type"] == "http" else _noting_the_end(receive, seen)
            await self._app(scope, reading, _stamping(scope, send, seen))
        finally:
            _log(scope, seen, time.perf_counter() - begun)


def _stamping(scope: Scope, send: Send, seen: dict[str, int]) -> Send:
    request_id = scope["greenroom.request_id"].encode()

    async def stamped(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            seen["status"] = message["status"]
            message["headers"] = _stamped(message.get("headers", ()), request_id)
        elif message["type"] == "websocket.accept":
            seen["status"] = 101
        elif message["type"] == "websocket.close":
            seen.setdefault("close_code", message.get("code", 1000))
        await send(message)

    return stamped


def _noting_the_end(receive: Receive, seen: dict[str, int]) -> Receive:
    async def noting() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            seen.setdefault("close_code", message.get("code", 1005))  # no code came (RFC 6455 §7.1.5)
        return message

    return noting


def _stamped(headers: Iterable[tuple[bytes, bytes]], request_id: bytes) -> list[tuple[bytes, bytes]]:
    """`headers` with the id, and with those of ours that the endpoint has not set."""
    headers = list(headers)
    given = dict(headers)
    ours = _PAGE_HEADERS if given.get(b"content-type", b"").startswith(b"text/html") else _ANSWER_HEADERS
    kept = [header for header in headers if header[0] != b"x-request-id"]
    return [*kept, (b"x-request-id", request_id), *(header for header in ours if header[0] not in given)]


def _log(scope: Scope, seen: dict[str, int], seconds: float) -> None:
    write = log.debug if own_path(scope) in _QUIET_PATHS else log.info
    is_socket = scope["type"] == "websocket"
    write(
        "socket" if is_socket else "request",
        method=scope.get("method", "WS"), path=_shown(scope["path"]), status=seen.get("status"),
        **({"close_code": seen.get("close_code")} if is_socket else {}),
        ms=round(seconds * 1000, 2), request_id=scope["greenroom.request_id"],
    )  # fmt: skip


def _shown(path: str) -> str:
    """A path as one harmless line: `%0a` must not begin a line of its own, nor `%1b` command somebody's terminal."""
    path = path[:_SHOWN_CHARACTERS]
    return path if path.isprintable() else ascii(path)[1:-1]


class BugAnswers:
    """Pure ASGI middleware: what nobody has foreseen becomes a 500 problem.

    Starlette would do that outside of all middleware, where no request id and no header is added any more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as bug:
            answer = await on_bug(Request(scope), bug)
            if begun:
                raise  # the server ends the connection: a cut answer must not look whole
            await answer(scope, receive, send)


class Cors(CORSMiddleware):
    """What pages of `GREENROOM_ALLOWED_ORIGINS` may send and read (PROTOCOL §3)."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Prefer", "Idempotency-Key"),
            expose_headers=(
                "Retry-After", "Location", "Preference-Applied", "X-Cache", "x-should-retry", "x-embedding-space",
                "Link", "X-Total-Count", "Content-Disposition",
            ),
        )  # fmt: skip
