"""The board: turns what happens into published snapshots.

The problem: many surfaces (sockets, 425 bodies, polls) must show the same thing, a load reports thousands of steps,
and a waiting person wants to see time pass even when nothing is reported. The idea: events only mark the board
dirty. Whoever looks at a dirty board publishes: the next `seq` is taken, and every scope's bytes are made at most
once per `seq`. A pump looks ten times a second at most, and once a second while an automatic step is under way,
and wakes the sockets; they take the newest and never queue.
Invariant: equal (`epoch`, `seq`, `scope`) means equal bytes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenroom.clock import Clock
from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.snapshot import InitState
from greenroom.protocol.socket import Event
from greenroom.readiness.readiness import Readiness

MIN_INTERVAL_SECONDS = 0.1
TICK_SECONDS = 1.0
MAX_CACHED_SCOPES = 64


@dataclass(frozen=True)
class Posted:
    """A published snapshot and its one serialisation."""

    state: InitState
    outgoing: Outgoing

    @property
    def data(self) -> bytes:
        return self.outgoing.data


class Board:
    def __init__(self, readiness: Readiness, epoch: str, clock: Clock) -> None:
        self.readiness = readiness
        self.epoch = epoch
        self.clock = clock
        self.seq = 0
        self._dirty = True
        self._moment = (0.0, 0.0)
        self._posted: OrderedDict[tuple[str, ...], Posted] = OrderedDict()
        self._wake_pump = asyncio.Event()
        self._changed: asyncio.Future[None] | None = None
        self._closing = False
        self.rounds = 0
        """How often the pump has woken those who wait; taken before looking, it makes `changed` lose nothing."""
        self._listeners: set[Callable[[Event], None]] = set()

    def happened(self, event: Callable[..., Any], *arguments: Any) -> Any:
        """Apply one readiness event at the present moment and mark the board dirty."""
        result = event(*arguments, now=self.clock.monotonic())
        self.touch()
        return result

    def touch(self) -> None:
        self._dirty = True
        self._wake_pump.set()

    def posted(self, scope: tuple[str, ...]) -> Posted:
        """The current snapshot of `scope`, publishing first if something changed."""
        if self._dirty:
            self._publish()
        if scope in self._posted:
            self._posted.move_to_end(scope)
            return self._posted[scope]
        now, at = self._moment
        state = self.readiness.snapshot(scope, seq=self.seq, at=at, now=now)
        posted = self._posted[scope] = Posted(state, Outgoing.of(state))
        if len(self._posted) > MAX_CACHED_SCOPES:
            self._posted.popitem(last=False)
        return posted

    def _publish(self) -> None:
        self.seq += 1
        self._moment = (self.clock.monotonic(), self.clock.unix())
        self._posted.clear()
        self._dirty = False

    def announce(self, make: Callable[[int], Event]) -> None:
        """Tell every listener of an event; `make` gets the `seq` of the first snapshot that shows it."""
        self._publish()
        self._wake_pump.set()
        event = make(self.seq)
        for listener in tuple(self._listeners):
            listener(event)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every event; returns the call that ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def changed(self, seen: int | None = None) -> None:
        """Wait for the pump's next round; return at once if there was one since `rounds` stood at `seen`."""
        if seen is not None and seen != self.rounds:
            return
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._changed)

    async def wait_until_ready(self, scope: tuple[str, ...]) -> bool:
        """Wait until every model of `scope` is ready, for as long as it takes; False when the server ends first, or
        one of them has failed for good."""
        while not self.readiness.is_ready(scope):
            if self._closing or self.readiness.is_failed_for_good(scope):
                return False
            await self.changed()
        return True

    def close(self) -> None:
        """Nobody need wait any longer: the server is about to end."""
        self._closing = True
        self._wake_everybody()

    async def pump(self) -> None:
        """Publish and wake, for ever. On the event loop's own time: a clock that tests hold still must not
        hold back what they ask for."""
        while True:
            await self._next_reason()
            if not (self._dirty or self._wake_pump.is_set()):
                continue  # nothing to tell: sockets are left to their own heartbeat
            self._wake_pump.clear()
            if self._dirty:
                self._publish()
            self._wake_everybody()
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    def _wake_everybody(self) -> None:
        self.rounds += 1
        waiting, self._changed = self._changed, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _next_reason(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS - MIN_INTERVAL_SECONDS):
                await self._wake_pump.wait()
        except TimeoutError:
            self._dirty = self._dirty or self.readiness.moving(self.clock.monotonic())
