"""pytest fixtures, there as soon as Greenroom is installed. Nothing is imported or started before a test asks.

    def test_the_page_waits_for_the_model(greenroom_server):
        greenroom_server.control.freeze(60)
        ...

`greenroom_server`: a real server with the scripted engine, one per worker (pytest-xdist) and on one port for the
whole run; each test finds it in a new life with its model frozen at 0 %. `greenroom_server_factory`: more of them,
or the real engine. `greenroom_app`: override it (session scope) to have your own app served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from greenroom.testing.server import GreenroomServer

GreenroomServerFactory = Callable[..., "GreenroomServer"]


@pytest.fixture(scope="session")
def greenroom_app() -> str:
    """`module:factory` of the app that the servers of this run serve."""
    return "greenroom:create_app"


@pytest.fixture(scope="session")
def _greenroom_worker_server(greenroom_app: str) -> Iterator[GreenroomServer]:
    from greenroom.testing.server import GreenroomServer

    server = GreenroomServer(greenroom_app)
    yield server
    server.stop()


@pytest.fixture
def greenroom_server(_greenroom_worker_server: GreenroomServer) -> GreenroomServer:
    """This worker's server with the scripted engine, in a new life, its model frozen at 0 %."""
    _greenroom_worker_server.restart(forget=True)
    return _greenroom_worker_server


@pytest.fixture
def greenroom_server_factory(greenroom_app: str) -> Iterator[GreenroomServerFactory]:
    """Makes started servers (arguments of `GreenroomServer`; the app is `greenroom_app` unless given)."""
    from greenroom.testing.server import GreenroomServer

    servers: list[GreenroomServer] = []

    def make(app: str = greenroom_app, **options: Any) -> GreenroomServer:
        server = GreenroomServer(app, **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()
