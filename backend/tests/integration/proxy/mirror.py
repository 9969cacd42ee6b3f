"""Greenroom with two addresses more, which say what the server takes its caller for."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import greenroom


def create_app() -> Starlette:
    """For `greenroom serve --app`."""
    return greenroom.create_app(routes=[Route("/mirror", answer), WebSocketRoute("/ws/mirror", converse)])


async def answer(request: Request) -> Response:
    return JSONResponse(_seen(request))


async def converse(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(_seen(socket))
    await socket.close()


def _seen(connection: HTTPConnection) -> dict[str, str]:
    client = connection.client.host if connection.client else ""
    return {"client": client, "scheme": connection.url.scheme, "url": str(connection.url)}
