"""Whether a browser page of some origin may open a socket here. CORS does not cover sockets: nobody checks but us."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def origin_is_allowed(headers: Headers, allowed: Collection[str]) -> bool:
    """No Origin (no browser), our own host, loopback, or one the operator allowed. `null` is refused."""
    origin = headers.get("origin")
    if origin is None or origin in allowed:
        return True
    try:
        parts = urlsplit(origin)
        own = parts.netloc == headers.get("host", "")
        return parts.scheme in {"http", "https"} and (own or parts.hostname in LOOPBACK_HOSTS)
    except ValueError:
        return False
