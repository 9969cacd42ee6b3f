"""`/` and the built web app under `/app/`."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from greenroom import __version__
from greenroom.protocol.answers import Welcome
from greenroom.web.bodies import json_answer


def page_routes(static: Path | None) -> list[BaseRoute]:
    """The routes for `/`, and for `/app/` when `static` holds a built app."""
    built = static is not None and (static / "index.html").is_file()

    async def root(request: Request) -> Response:
        if built and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/app/", 302)
        welcome = Welcome(version=__version__, docs="/docs", socket="/ws/init/{client_id}", status="/status")
        return json_answer(welcome)

    routes: list[BaseRoute] = [Route("/", root)]
    if built:
        routes.append(Mount("/app", _App(directory=static, html=True)))
    return routes


class _App(StaticFiles):
    """Static files whose unknown paths are the app's own routes; built assets carry a hash in their names."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or path.startswith("assets/") or "." in path.rpartition("/")[2]:
                raise
            response = await super().get_response("index.html", scope)
        immutable = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if immutable else "no-cache"
        return response
