"""What counts as a head, where the network's pieces must be exactly these."""

from __future__ import annotations

import asyncio
from unittest.mock import MagicMock

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from greenroom.connections import HttpConnection, Places
from greenroom.settings import load_settings


@pytest.mark.parametrize(("piece", "told"), [(b"x" * 100_000 + b"GET /", False), (b"", True)])
def test_a_body_leaves_the_next_head_its_room(piece: bytes, told: bool) -> None:
    async def speak() -> None:
        connections = HttpConnection.within(Places(load_settings()))
        connection = connections(Config(MagicMock(), log_config=None), ServerState(), {})
        transport = MagicMock(**{"is_closing.return_value": False, "get_extra_info.return_value": None})
        connection.connection_made(transport)
        connection.data_received(b"GET / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
        connection.cycle.response_complete = True
        connection.data_received(piece or b"x" * 100_000)
        connection.data_received(b" HTTP/1.1\r\nX:" if piece else b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert transport.close.called is told
        connection.connection_lost(None)

    asyncio.run(speak())
