"""Our own app as `greenroom serve --app bench.front_app:make` serves it, with one window for the benches.

Everything is the product's, but for two things. `GET /bench/state` tells what only the inside knows: how many tasks
there are that stay, once the garbage is collected. And where the scripted engine's clock stands still, snapshots get
real stamps, since a load generator compares them with its own clock.
"""

from __future__ import annotations

import asyncio
import gc
import time
import weakref

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from greenroom.app import create_app
from greenroom.clock import Clock


class RealStamps:
    """A clock whose `unix` is the real one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def unix(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


STAYS_SECONDS = 0.7
"""What somebody waits for a while, like the jobs' worker for a reason to look, comes and goes faster."""


async def state(request: Request) -> Response:
    """`{"tasks": n}`: those that were there STAYS_SECONDS ago and still are, without the garbage."""
    before = weakref.WeakSet(asyncio.all_tasks())
    await asyncio.sleep(STAYS_SECONDS)
    gc.collect()
    return JSONResponse({"tasks": sum(not task.done() for task in before)})


STATE = Route("/bench/state", state)


def make() -> Starlette:
    """The factory."""
    app = create_app(routes=[STATE])
    board = app.state.greenroom.board
    board.clock = RealStamps(board.clock)
    return app
