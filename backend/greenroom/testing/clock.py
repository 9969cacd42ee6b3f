"""A clock that stands still, so that a test decides when a second has passed."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time

TURNS_AFTER_A_WAKE = 25
"""Rounds of the event loop that woken tasks get before the clock goes on."""
TICK_SECONDS = 0.02


class StandingClock:
    """A `greenroom.clock.Clock` that moves only when told to.

    Sleepers wake in the order in which they are due, those due at the same moment in the order in which they lay
    down, and the clock shows a sleeper's own moment when it wakes. `unix_seconds` is where `unix()` begins
    (default: now, so that a browser beside it is not surprised); give it for times that are the same in each run."""

    def __init__(self, unix_seconds: float | None = None) -> None:
        self._now = 0.0
        self._unix_start = time.time() if unix_seconds is None else unix_seconds
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._unix_start + self._now

    @property
    def sleepers(self) -> int:
        """How many tasks wait for this clock."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    def step(self, seconds: float) -> None:
        """Set `unix()` forward, or back, as a machine's clock is set; `monotonic()` and sleepers feel nothing."""
        self._unix_start += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved by `seconds`; 0 or less gives other tasks one turn."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        """Move by `seconds`, waking on the way everybody who is due, those too who lie down again meanwhile."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds}")
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, sleeper = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not sleeper.done():
                sleeper.set_result(None)
                await _let_tasks_run()
        self._now = max(self._now, end)

    async def run(self, seconds: float | None = None) -> None:
        """Go with real time for `seconds` (None: until cancelled)."""
        begun = last = time.monotonic()
        while seconds is None or last - begun < seconds:
            await asyncio.sleep(TICK_SECONDS)
            moment = time.monotonic()
            await self.advance(moment - last)
            last = moment


async def _let_tasks_run() -> None:
    for _ in range(TURNS_AFTER_A_WAKE):
        await asyncio.sleep(0)
