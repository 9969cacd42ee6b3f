"""`mount(app)`: socket, readiness calls, errors and lifespan in somebody else's Starlette or FastAPI app.

A `Mount` would run no lifespan, so the routes are added to the app itself, and its own lifespan is wrapped.
Routes that the app already has under the same path win, because ours come after them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from greenroom.serving.greenroom import Greenroom
from greenroom.web import metrics, models, readiness, refused
from greenroom.web.hub import Hub
from greenroom.web.problems import GREENROOM_HANDLERS
from greenroom.web.rates import Rates
from greenroom.web.socket import init_socket
from greenroom.words import UpgradeRequiredError

_SOCKET = "/ws/init/{client_id}"


async def upgrade_required(request: Request) -> Response:
    """A proxy that passes no Upgrade turns a handshake into a plain GET; a 404 would mislead its operator."""
    raise UpgradeRequiredError("This address speaks WebSocket; behind a proxy pass Upgrade and Connection.")


ROUTES: tuple[BaseRoute, ...] = (
    WebSocketRoute(_SOCKET, init_socket), Route(_SOCKET, upgrade_required), *readiness.ENDPOINTS, *models.ENDPOINTS,
    *refused.ENDPOINTS, *metrics.ENDPOINTS,
)  # fmt: skip


def attach(app: Starlette, greenroom: Greenroom) -> Greenroom:
    """Give `app` the readiness routes, the errors and the lifespan of `greenroom`, and return it."""
    app.state.greenroom = greenroom
    app.state.greenroom_rates = Rates(greenroom.settings)
    app.state.greenroom_hub = hub = Hub(greenroom)
    app.router.routes.extend(ROUTES)
    for kind, handler in GREENROOM_HANDLERS.items():
        app.add_exception_handler(kind, handler)
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with greenroom.running(), hub.running(), inner(started) as state:
            yield state

    app.router.lifespan_context = lifespan
    return greenroom
