"""`/` and the built web app under `/app/`.

The app is built with relative addresses, so that one build serves every base path. A page `name.html` answers for
`/app/name`, the first page for routes of any depth (`/app/a/b`), where relative addresses would lead astray; so they
are made absolute when it is served.
"""

from __future__ import annotations

import html
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from greenroom import __version__
from greenroom.protocol.answers import Welcome
from greenroom.web.base_path import base_of
from greenroom.web.bodies import json_answer


def page_routes(static: Path | None) -> list[BaseRoute]:
    """The routes for `/`, and for `/app/` when `static` holds a built app."""
    built = static is not None and (static / "index.html").is_file()

    async def root(request: Request) -> Response:
        base = base_of(request.scope)
        if built and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{base}/app/", 302)
        return json_answer(
            Welcome(
                version=__version__,
                docs=f"{base}/docs",
                socket=f"{base}/ws/init/{{client_id}}",
                status=f"{base}/status",
            )
        )

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
            response = await super().get_response(await self._page_of(path), scope)
        if isinstance(response, FileResponse) and Path(response.path).suffix == ".html":
            response = await _page(Path(response.path), scope)
        immutable = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if immutable else "no-cache"
        return response

    async def _page_of(self, path: str) -> str:
        """The page that answers for a route."""
        page = f"{path}.html"
        _, found = await run_in_threadpool(self.lookup_path, page)
        return "index.html" if found is None else page


async def _page(file: Path, scope: Scope) -> Response:
    """No ETag: with the file's own, a browser would keep a page of the base path before this one."""
    text = await run_in_threadpool(file.read_text, "utf-8")
    return HTMLResponse(text.replace('"./', f'"{html.escape(scope["root_path"])}/'))
