"""The base path: everything under `https://host/greenroom/…` instead of at the host's root.

ASGI's way of saying it is `root_path`: `path` holds it in front, routing takes it away, and every address that an
answer names (redirects, a problem's `instance`, the contract) puts it there again. A proxy may pass the path on as
it came, or without the base path; both arrive here as the same scope. So the bare addresses keep working for those
who ask the server itself, probes for instance.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from greenroom.words import ConfigError


class BasePath:
    """Pure ASGI middleware; it belongs outermost, so that everything inside sees one form of the path.

    `base`: what the setting says, such as `/greenroom`; empty for the host's root."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._base and scope["type"] in ("http", "websocket"):
            scope["root_path"] = self._base
            path: str = scope["path"]
            if path != self._base and not path.startswith(f"{self._base}/"):
                scope["path"] = self._base + path
        await self._app(scope, receive, send)


def base_of(scope: Scope) -> str:
    """What stands before this app's own addresses: `root_path` as it was before any mount inside the app."""
    return str(scope.get("app_root_path", scope.get("root_path", "")))


def own_path(scope: Scope) -> str:
    """The path as our routes spell it, without what stands before them."""
    return str(scope["path"]).removeprefix(base_of(scope))


def require_free(base: str, routes: Iterable[BaseRoute]) -> None:
    """Raises ConfigError when a route begins like `base`: once a proxy took `base` away, `/ws/init/me` under a
    `base` of `/ws` would look as if it still had it."""
    for route in routes:
        path = str(getattr(route, "path", ""))
        if base and f"{path}/".startswith(f"{base}/"):
            raise ConfigError(f"GREENROOM_BASE_PATH={base} is how our own address {path} begins; choose another.")
