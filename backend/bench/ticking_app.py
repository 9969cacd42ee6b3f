"""Greenroom's own app with a ticker in its loop: `--app bench.ticking_app:create_app`. For `health` alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette

import greenroom
from bench.ticker import Ticker, ticks_route


def create_app() -> Starlette:
    app = greenroom.create_app(routes=[ticks_route()])
    app.state.ticker = Ticker()
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        ticking = asyncio.create_task(app.state.ticker.run())
        try:
            async with inner(started) as state:
                yield state
        finally:
            ticking.cancel()

    app.router.lifespan_context = lifespan
    return app
