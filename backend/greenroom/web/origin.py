"""Whether a browser page of some origin may open a socket here, or write. CORS covers neither: it decides who may
*read* an answer, and a form can be posted to anywhere. Nobody checks but us.

Pages on loopback pass as our own do: a development server (Vite) on another port hands their calls on. Nothing is
at stake, since no call carries a credential that the browser adds by itself: there are no cookies, and the admin
token is sent by those who know it. Where being there is the credential (admin calls under GREENROOM_LOCAL), only
`is_same_origin` counts.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from greenroom.words import OriginRefusedError

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


def is_same_origin(headers: Headers) -> bool:
    """Whether a page of this very host asks, or no page at all. Stricter than `origin_is_allowed`: a page on another
    port of this machine is somebody else's."""
    origin = headers.get("origin")
    if origin is not None:
        scheme, _, rest = origin.partition("://")
        return scheme in {"http", "https"} and rest == headers.get("host", "")
    return _is_no_foreign_page(headers)


def require_own_page(headers: Headers, allowed: Collection[str]) -> None:
    """Let a write pass unless a foreign page sends it. Raises OriginRefusedError."""
    if not origin_is_allowed(headers, allowed) or ("origin" not in headers and not _is_no_foreign_page(headers)):
        raise OriginRefusedError(
            "Pages of this origin may not do this; the operator can add the origin to GREENROOM_ALLOWED_ORIGINS."
        )


def _is_no_foreign_page(headers: Headers) -> bool:
    """By Sec-Fetch-Site, which pages cannot set; `none` is a person's own doing. Absent: an old browser or none."""
    return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
