"""HTTP with limits; see HttpConnection."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Self

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from greenroom.connections.places import Places

HEAD_SECONDS = 10.0
"""For a whole request head, from its first byte; for the first byte, from the connection on."""
MAX_HEAD_BYTES = 64 * 1024
"""Without a head complete or a piece of a body among them. Where a head begins inside of what was read at once is not
known, so one that comes with other things may be larger by one read (256 KiB)."""
MAX_PIPELINED = 8
"""Requests that wait while one is answered. Browsers send none ahead."""


class HttpConnection(HttpToolsProtocol):
    """HTTP that ends by itself whatever the client does or leaves undone.

    - Deadlines: for each head, from its first byte; after an answer, for the next head to begin. Nothing else stops
      that second clock: neither empty lines nor the rest of a body that nobody wants any more.
      (Bodies that somebody reads have their deadline in the app.)
    - Sizes: `_idle_bytes` are those since the parser last got on (a head complete, a piece of a body, the end of a
      message), so they are a head, trailers, or nothing at all. Trailers are dropped: nothing here reads them.
    - Requests: at most MAX_PIPELINED wait for their turn.
    - Connections: as many as there are places (`greenroom.connections.places`).

    Who breaks a limit is told so, unless the answer to an earlier request is still due: then that is missing, and
    nothing else may stand in its place."""

    places: ClassVar[Places]

    _head_timer: asyncio.TimerHandle | None = None
    _next_timer: asyncio.TimerHandle | None = None
    _in_head = False
    _idle_bytes = 0
    _got_on = False
    _place: str | None = None

    @classmethod
    def within(cls, places: Places) -> type[Self]:
        """The connections of a server that has these places: uvicorn makes them, and hands them nothing of ours."""
        return type(cls.__name__, (cls,), {"places": places})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()
        self._place = self.places.take(self.client[0] if self.client else "")
        if self._place is None:
            self._refuse(b"429 Too Many Requests\r\nretry-after: 5")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        self._leave_place()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._got_on = False
        super().data_received(data)
        self._idle_bytes = 0 if self._got_on else self._idle_bytes + len(data)
        if self._idle_bytes > MAX_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def handle_websocket_upgrade(self) -> None:
        self._stop_timers()
        self._leave_place()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._got_on = True
        self._stop_timers()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise OverflowError("too many requests at once")  # the parser then reads no further
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = _Dropped()

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._got_on = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Take uvicorn's clock for the next request over: it would stop at any byte."""
        super().on_response_complete()
        if self._next_timer is not None:
            self._next_timer.cancel()
        self._next_timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        if self._in_head and self._next_timer is not None:  # it has begun already
            self._next_timer.cancel()
            self._next_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(b"400 Bad Request")

    def _leave_place(self) -> None:
        if self._place is not None:
            self.places.give_back(self._place)
            self._place = None

    def _begin_head(self) -> None:
        self._stop_timers()
        self._in_head = True
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, b"408 Request Timeout")

    def _stop_timers(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._next_timer is not None:
            self._next_timer.cancel()
            self._next_timer = None

    def _refuse(self, status: bytes) -> None:
        """End it, and say why where that can be told from the answer to an earlier request."""
        self._stop_timers()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


class _Dropped(list[Any]):
    """Takes the place of a request's headers once they are complete: what still comes are trailers."""

    def append(self, header: object) -> None:
        pass
