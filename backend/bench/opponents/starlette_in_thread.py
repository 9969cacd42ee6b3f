"""A Starlette app that loads the model in a thread of the server while it answers: the usual second version, once
people complain that the first one answers nothing. `MODEL_FOLDER` names the model."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.ticker import Ticker, ticks_route


def load() -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(os.environ["MODEL_FOLDER"], device="cpu")
    model.encode(["warm up"])
    return model


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.model = None
    app.state.ticker = Ticker()

    async def load_beside() -> None:
        app.state.model = await asyncio.to_thread(load)

    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(app.state.ticker.run())
        tasks.create_task(load_beside())
        yield
        ticking.cancel()


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "healthy", "model_loaded": request.app.state.model is not None})


app = Starlette(routes=[Route("/health", health), ticks_route()], lifespan=lifespan)
