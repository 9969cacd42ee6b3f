"""The doors of our own server: who is let in at all. Somebody else's app (`greenroom.mount`) has its own; there the
socket checks its Origin by itself, and nothing else is ours to refuse."""

from __future__ import annotations

from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from greenroom.settings import Settings
from greenroom.web.base_path import own_path
from greenroom.web.headcount import Headcount
from greenroom.web.hosts import PROBES, require_known_host
from greenroom.web.origin import require_own_page
from greenroom.web.problems import refuse
from greenroom.web.rates import network_of
from greenroom.words import GreenroomError, OverloadedError

_network_of = lru_cache(1024)(network_of)
"""Cached: it stands in the way of every request."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Doors:
    """Pure ASGI middleware: refuses foreign names (HTTP and sockets) and foreign pages (writes and sockets)."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._admit(scope)
            except GreenroomError as refusal:
                await refuse(scope, receive, send, refusal)
                return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        require_known_host(HTTPConnection(scope), self._settings)
        if scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS:
            require_own_page(Headers(scope=scope), self._settings.allowed_origins)


class Crowd:
    """Pure ASGI middleware: at most `most` HTTP requests at a time, half of them from one address. Probes do not count
    and are always answered: a server that is busy must not be taken for dead. Sockets have limits of their own."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._inside = Headcount(most, max(1, most // 2))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or own_path(scope) in PROBES:
            await self._app(scope, receive, send)
            return
        if self._inside.is_full:
            await refuse(scope, receive, send, OverloadedError("The server is full. Try again in a moment."))
            return
        client = scope.get("client")
        address = _network_of(client[0]) if client else ""
        if self._inside.has_its_share(address):
            await refuse(scope, receive, send, OverloadedError("Too many requests at a time from your address."))
            return
        self._inside.enter(address)
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside.leave(address)
