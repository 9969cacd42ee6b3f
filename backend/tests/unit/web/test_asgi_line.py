"""The socket under a server that is not ours: everything goes through ASGI's own `send`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from greenroom import create_app
from greenroom.protocol.base import Message
from greenroom.protocol.outgoing import Outgoing
from greenroom.protocol.socket import Ping
from greenroom.settings import load_settings
from greenroom.web.line import AsgiLine


def said(message: Message) -> tuple[Outgoing, ...]:
    return (Outgoing.of(message),)


class HeldSocket:
    """Takes texts only while `reads` is set."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.taken: list[str] = []

    async def send_text(self, text: str) -> None:
        await self.reads.wait()
        self.taken.append(text)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_line_is_free_again_once_the_client_took_the_message() -> None:
    socket: Any = HeldSocket()
    line, freed = AsgiLine(socket), asyncio.Event()
    line.on_free = freed.set
    running = asyncio.create_task(line.run())
    line.write(said(Ping(at="now")))
    assert not line.free
    await asyncio.sleep(0.01)
    assert not line.free
    socket.reads.set()
    async with asyncio.timeout(5):
        await freed.wait()
    assert line.free
    assert len(socket.taken) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.anyio
async def test_giving_a_line_up_ends_a_send_that_hangs() -> None:
    socket: Any = HeldSocket()
    line = AsgiLine(socket)
    running = asyncio.create_task(line.run())
    line.write(said(Ping(at="now")))
    await asyncio.sleep(0.01)
    line.abort()
    async with asyncio.timeout(5):
        await running


def read_on(link: WebSocketTestSession) -> None:
    while True:
        link.receive_json()


def test_the_conversation_is_the_same_as_under_our_own_server(tmp_path: Path) -> None:
    app = create_app(load_settings(data=tmp_path, engine="scripted"))
    with TestClient(app) as client, client.websocket_connect("ws://localhost/ws/init/test") as link:
        assert link.receive_json()["type"] == "hello"
        assert link.receive_json()["type"] == "initialization"
        app.state.greenroom.board.touch()
        assert link.receive_json()["seq"] > 1
        link.send_text("x" * 5000)
        with pytest.raises(WebSocketDisconnect) as closed:
            read_on(link)
    assert closed.value.code == 4413
