"""The app of `desk`, whose jobs go by a clock that a test can set."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from greenroom.clock import SystemClock
from tests.integration.jobs import desk


class SteppedClock(SystemClock):
    ahead_seconds = 0.0

    def unix(self) -> float:
        return super().unix() + self.ahead_seconds


def app() -> Starlette:
    made, clock = desk.app(), SteppedClock()
    made.state.jobs.clock = clock

    async def step(request: Request) -> Response:
        clock.ahead_seconds += float(request.query_params["seconds"])
        return JSONResponse(clock.ahead_seconds)

    made.router.routes.insert(0, Route("/test/step", step, methods=["POST"]))
    return made
