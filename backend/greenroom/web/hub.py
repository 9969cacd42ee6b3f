"""The hub: every open socket gets the newest snapshot, and nobody's slowness is anybody else's.

One task goes round all connections: after each publication, and once a second. A connection holds no messages, only
how far it got (the `seq` and the event it saw last); when its line is free it gets what is newest, when it is not,
it is passed over and gets what is newest once it is. That is the conflating slot of PROTOCOL §2, at no bytes each.
A line that has not been free for GREENROOM_SLOW_READER_SECONDS is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator

import structlog

from greenroom import __version__
from greenroom.protocol.base import timestamp
from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import Draining, Event, Hello, Ping
from greenroom.serving.greenroom import Greenroom
from greenroom.tasks import crash_loudly
from greenroom.web.headcount import Headcount
from greenroom.web.line import Line
from greenroom.words import OverloadedError

log = structlog.get_logger("greenroom.web")

HEARTBEAT_SECONDS = 10.0
MAX_MESSAGE_BYTES = 4096
ROUND_SECONDS = 1.0
CONNECTIONS_PER_TURN = 64
"""After so many the hub lets the event loop turn: at about 10 µs for each write, everybody else waits < 1 ms."""
MAX_EVENTS = 32
"""Events kept for connections whose line is not free; older ones are dropped, the snapshot has their outcome."""
RECONNECTS_PER_SECOND = 500
"""The rate at which clients are asked to come back after a drain: a handshake costs the successor about 0.5 ms."""
MIN_RECONNECT_SECONDS = 0.5
"""A restarted server answers after about half a second."""
MAX_RECONNECT_SECONDS = 30.0
FLUSH_SECONDS = 0.5
FLUSH_CHECKS = 25


class Connection:
    """How far one client got."""

    __slots__ = ("events_seen", "last_sent", "line", "scope", "seq", "waits_since")

    def __init__(self, line: Line, scope: tuple[str, ...], events_seen: int) -> None:
        self.line = line
        self.scope = scope
        self.seq = 0
        self.events_seen = events_seen
        self.last_sent = 0.0
        self.waits_since: float | None = None
        """When its line was first seen not to be free."""


class Hub:
    """All open connections. `running()` for the server's life; the endpoint takes a `seat` and joins with it.

    `now`: seconds on a clock that only rises; by it heartbeats and deadlines go."""

    def __init__(self, greenroom: Greenroom, now: Callable[[], float] = time.monotonic) -> None:
        self._greenroom = greenroom
        self._now = now
        self._board = greenroom.board
        self._connections: dict[Connection, None] = {}
        self._guests: dict[Line, None] = {}
        """Lines on which others speak; they are told of the end."""
        settings = greenroom.settings
        self._seats = Headcount(settings.max_connections, settings.max_connections_per_address)
        self._events: deque[Outgoing] = deque(maxlen=MAX_EVENTS)
        self._events_made = 0
        self._hello = Outgoing.of(
            Hello(
                server=f"greenroom/{__version__}", epoch=self._board.epoch,
                heartbeat_ms=int(HEARTBEAT_SECONDS * 1000), max_message_bytes=MAX_MESSAGE_BYTES,
            )
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._connections) + len(self._guests)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the connections until left."""
        stop_listening = self._board.listen(self._remember)
        task = asyncio.create_task(self._run(), name="hub")
        task.add_done_callback(crash_loudly)
        try:
            yield
        finally:
            stop_listening()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.contextmanager
    def seat(self, address: str) -> Iterator[None]:
        """A place for one connection. Raises OverloadedError when there is none."""
        if self._seats.is_full:
            raise OverloadedError("All connections are taken. Poll GET /status, or try again later.", 5)
        if self._seats.has_its_share(address):
            raise OverloadedError("Too many connections from this address. Close some, or poll GET /status.", 5)
        self._seats.enter(address)
        try:
            yield
        finally:
            self._seats.leave(address)

    @contextlib.contextmanager
    def joined(self, line: Line, scope: tuple[str, ...]) -> Iterator[None]:
        """Greet the client at the end of `line` and keep it up to date about `scope`."""
        connection = Connection(line, scope, self._events_made)
        line.on_free = lambda: self._advance(connection, self._now())
        self._connections[connection] = None
        self._write(connection, [self._hello, *self._news(connection)], self._now())
        try:
            yield
        finally:
            del self._connections[connection]
            line.on_free = None

    @contextlib.contextmanager
    def visited(self, line: Line) -> Iterator[None]:
        """Somebody else speaks on this line; the hub says goodbye on it when the server stops."""
        self._guests[line] = None
        try:
            yield
        finally:
            del self._guests[line]

    async def drain(self, seconds: float) -> None:
        """The server is about to stop: give calls in progress `seconds`, and tell every socket when to come back.

        Their reconnects are spread so that a successor is met by at most RECONNECTS_PER_SECOND."""
        self._greenroom.stop_soon(seconds)
        spread = min(len(self) / RECONNECTS_PER_SECOND, MAX_RECONNECT_SECONDS)
        for line in self._lines():
            if line.free:
                delay = MIN_RECONNECT_SECONDS + random.uniform(0, max(spread, 0.5))  # noqa: S311 - spreads load
                line.write([Outgoing.of(Draining(reconnect_in_ms=round(delay * 1000)))])
        for _ in range(FLUSH_CHECKS):
            if all(line.free for line in self._lines()):
                return
            await asyncio.sleep(FLUSH_SECONDS / FLUSH_CHECKS)
        for line in self._lines():
            if not line.free:
                line.abort()  # it would keep the server from ending

    def _lines(self) -> list[Line]:
        return [*(connection.line for connection in self._connections), *self._guests]

    async def _run(self) -> None:
        while True:
            seen = self._board.rounds
            await self.go_round()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._board.changed(seen)

    async def go_round(self) -> None:
        """Bring everybody up to date, as far as their lines allow."""
        for count, connection in enumerate(tuple(self._connections), start=1):
            if connection in self._connections:
                self._try_to_advance(connection)
            if count % CONNECTIONS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _try_to_advance(self, connection: Connection) -> None:
        """A bug costs one client its connection, not all of them their news."""
        try:
            self._advance(connection, self._now())
        except Exception:
            log.exception("socket_broke")
            connection.line.abort()

    def _advance(self, connection: Connection, now: float) -> None:
        """Bring one client up to date as far as its line allows."""
        if not connection.line.free:
            self._watch(connection, now)
            return
        connection.waits_since = None
        if news := self._news(connection):
            self._write(connection, news, now)
        elif now - connection.last_sent >= HEARTBEAT_SECONDS:
            self._write(connection, [Outgoing.of(Ping(at=timestamp(self._board.clock.unix())))], now)

    def _watch(self, connection: Connection, now: float) -> None:
        """Cut off a client whose line has not been free for too long."""
        if connection.waits_since is None:
            connection.waits_since = now
        elif now - connection.waits_since >= self._greenroom.settings.slow_reader_seconds:
            log.info("socket_too_slow", seconds=round(now - connection.waits_since, 1))
            connection.line.abort()

    def _news(self, connection: Connection) -> list[Outgoing]:
        """What the client has not seen: the newest snapshot, then events (each shows in that snapshot)."""
        news = []
        posted = self._board.posted(connection.scope)
        if posted.state.seq != connection.seq:
            connection.seq = posted.state.seq
            news.append(posted.outgoing)
        if unseen := min(self._events_made - connection.events_seen, len(self._events)):
            news += list(self._events)[-unseen:]
            connection.events_seen = self._events_made
        return news

    def _write(self, connection: Connection, messages: list[Outgoing], now: float) -> None:
        connection.last_sent = now
        connection.line.write(messages)

    def _remember(self, event: Event) -> None:
        self._events.append(Outgoing.of(event))
        self._events_made += 1
