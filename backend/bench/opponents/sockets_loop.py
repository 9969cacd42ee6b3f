"""A Starlette app that pushes state to every client in a loop, as most examples do: `sockets_loop.py json|text PORT`.

`json`: `await client.send_json(state)` for each. `text`: made into text once, then `await client.send_text(text)`.
Served by uvicorn with the settings of our own server. `POST /bench/pulse?hz=4` sets how often the state changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

IDLE_SECONDS = 0.05


class Loop:
    """The clients, and the task that tells them."""

    def __init__(self, once: bool) -> None:
        self._once = once
        self._clients: set[WebSocket] = set()
        self._hz = 0.0
        example = resources.files("greenroom.protocol") / "examples" / "snapshot-loading.json"
        self._state: dict[str, Any] = json.loads(example.read_text())

    async def join(self, client: WebSocket) -> None:
        await client.accept()
        await client.send_json(self._stamped())
        self._clients.add(client)
        try:
            while True:
                await client.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.discard(client)

    async def pulse(self, request: Request) -> Response:
        self._hz = float(request.query_params["hz"])
        return JSONResponse({"hz": self._hz})

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            if not self._hz:
                await asyncio.sleep(IDLE_SECONDS)
                due = time.monotonic()
                continue
            await self._tell_all()
            due = max(due + 1 / self._hz, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _tell_all(self) -> None:
        state = self._stamped()
        text = json.dumps(state, separators=(",", ":"))
        for client in list(self._clients):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await (client.send_text(text) if self._once else client.send_json(state))

    def _stamped(self) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {**self._state, "seq": self._state["seq"] + 1, "at": at}


async def state(request: Request) -> Response:
    gc.collect()
    return JSONResponse({"tasks": len(asyncio.all_tasks())})


def make(once: bool) -> Starlette:
    loop = Loop(once)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(loop.run())
        yield
        task.cancel()

    routes = [
        WebSocketRoute("/ws/init/{client_id}", loop.join),
        Route("/bench/pulse", loop.pulse, methods=["POST"]),
        Route("/bench/state", state),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        make(sys.argv[1] == "text"), host="127.0.0.1", port=int(sys.argv[2]), ws="websockets-sansio",
        ws_per_message_deflate=False, ws_max_size=64 * 1024, log_config=None, access_log=False,
    )  # fmt: skip
