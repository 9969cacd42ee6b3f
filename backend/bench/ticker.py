"""How long an event loop does not come round: a task that asks to be woken each millisecond, and notes how much
later it was. It runs in the same loop as the server that is measured, so nothing can hide from it."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TICK_SECONDS = 0.001


class Ticker:
    """Keeps the largest delay, in seconds, since it was last read."""

    def __init__(self) -> None:
        self._largest = 0.0
        self._ticks = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self._largest = max(self._largest, time.perf_counter() - asked - TICK_SECONDS)
            self._ticks += 1

    def take(self) -> tuple[float, int]:
        """Largest delay and number of ticks since the last call."""
        taken = self._largest, self._ticks
        self._largest, self._ticks = 0.0, 0
        return taken


def ticks_route() -> Route:
    """`GET /bench/ticks`: what `app.state.ticker` saw since the last call."""

    async def ticks(request: Request) -> JSONResponse:
        largest, count = request.app.state.ticker.take()
        return JSONResponse({"largest_seconds": largest, "ticks": count})

    return Route("/bench/ticks", ticks)
