"""Somebody else's apps, with Greenroom mounted: served by the tests beside this file."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from greenroom import Greenroom, mount, require_models_ready


def fastapi_app() -> FastAPI:
    """The README's FastAPI recipe, and a lifespan of the app's own."""
    started: list[str] = []

    async def lifespan(app: FastAPI) -> Any:
        started.append("yes")
        yield {"own": "state"}

    app = FastAPI(lifespan=asynccontextmanager(lifespan))
    greenroom = mount(app)

    @app.post("/similar", dependencies=[Depends(require_models_ready("minilm"))])
    async def similar(request: Request) -> dict[str, Any]:
        embedded = await greenroom.embed("minilm", ["text"])
        return {"dimension": embedded.dimension, "own": request.state.own, "started": started}

    @app.get("/ask")
    async def ask() -> dict[str, bool]:
        return {"ready": greenroom.is_ready("minilm")}

    @app.get("/wait")
    async def wait(seconds: float) -> dict[str, bool]:
        return {"ready": await greenroom.wait_until_ready("minilm", timeout=seconds)}

    return app


def starlette_app() -> Starlette:
    """The README's Starlette recipe."""

    @require_models_ready("minilm")
    async def similar(request: Request) -> Response:
        greenroom: Greenroom = request.app.state.greenroom
        embedded = await greenroom.embed("minilm", ["text"])
        return JSONResponse({"dimension": embedded.dimension})

    async def health(request: Request) -> Response:
        return JSONResponse({"mine": True})

    app = Starlette(routes=[Route("/similar", similar, methods=["POST"]), Route("/health", health)])
    mount(app)
    return app
