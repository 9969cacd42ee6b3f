"""The line that a socket leaves in the log: how it was let in, and how it ended."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from greenroom.web.middleware import RequestLog


async def talk(app: Any, *arriving: Message) -> None:
    messages = iter(arriving)

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        """To nobody."""

    await RequestLog(app)({"type": "websocket", "path": "/ws", "root_path": "", "headers": []}, receive, send)


async def until_left(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def close(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4003})
    await until_left(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 403, "headers": []})


@pytest.mark.parametrize(
    ("app", "status", "close_code"), [(until_left, 101, 1001), (close, 101, 4003), (refuse, 403, None)]
)
def test_a_sockets_line_says_how_it_was_let_in_and_with_which_code_it_was_closed_first(
    app: Any, status: int, close_code: int | None, log: io.StringIO
) -> None:
    asyncio.run(talk(app, {"type": "websocket.receive"}, {"type": "websocket.disconnect", "code": 1001}))
    line = log.getvalue()
    assert f"status={status}" in line
    assert f"close_code={close_code}" in line
