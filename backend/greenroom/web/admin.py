"""Who may change things: `require_admin`, a guard in the same two spellings as `require_models_ready`.

    @require_admin                                                    # Starlette: decorates an endpoint
    async def endpoint(request: Request) -> Response: ...

    @app.post("/x", dependencies=[Depends(require_admin)])            # FastAPI: a dependency

The credential is `Authorization: Bearer` with GREENROOM_ADMIN_TOKEN (RFC 6750 §2.1). It is never read from the
address: addresses end up in logs, histories and Referer headers. Without a token in the settings nobody is let in,
except under GREENROOM_LOCAL (start-local.sh) whoever sits at this machine: see `asks_from_this_machine`.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

import structlog
from starlette.requests import HTTPConnection, Request

from greenroom.settings import Settings
from greenroom.web.guard import Guard
from greenroom.web.hosts import host_name
from greenroom.web.origin import LOOPBACK_HOSTS, is_same_origin
from greenroom.web.rates import address_of, rates_of, require_within
from greenroom.words import ForbiddenError, NotAuthorisedError

log = structlog.get_logger("greenroom.web")

_FORWARDING_HEADERS = frozenset({"forwarded", "x-real-ip", "via"})


class AdminGuard(Guard):
    """Lets operators pass and nobody else."""

    async def check(self, request: Request) -> None:
        """Raises NotAuthorisedError (401), ForbiddenError (403: no token is set), OverloadedError (429)."""
        settings: Settings = request.app.state.greenroom.settings
        given = request.headers.get("authorization")
        if (given is None or settings.admin_token is None) and settings.local and asks_from_this_machine(request):
            return
        if settings.admin_token is None:
            raise ForbiddenError("Admin calls are closed. The operator opens them by setting GREENROOM_ADMIN_TOKEN.")
        scheme, _, token = (given or "").partition(" ")
        if scheme.lower() != "bearer":  # none, or a credential for something else: no guess
            raise NotAuthorisedError("Send the header Authorization: Bearer <the admin token>.")
        if not same_secret(token.strip(), settings.admin_token.get_secret_value()):
            _refuse_token(request)


def _refuse_token(request: Request) -> None:
    """Only wrong tokens meet the limit: it must not lock out an operator who shares an address with a guesser. What
    stops guessing is the token's length (MIN_TOKEN_CHARACTERS); the limit bounds what guesses write into the log."""
    rate = rates_of(request).wrong_tokens
    require_within(rate, request, "Too many wrong admin tokens from your address.")
    address = address_of(request)
    rate.count(address, time.monotonic())
    log.warning("wrong_admin_token", address=address)
    raise NotAuthorisedError("This is not the admin token.")


def same_secret(given: str, secret: str) -> bool:
    """In a time that tells nothing of `secret`, not even its length: digests are compared."""
    return hmac.compare_digest(sha256(given.encode()).digest(), sha256(secret.encode()).digest())


def asks_from_this_machine(connection: HTTPConnection) -> bool:
    """Whether a person or program on this machine asks, for itself: loopback at both ends, no proxy in between, and
    no page but our own. (A page on another loopback port is somebody else's.)"""
    headers = connection.headers
    forwarded = any(name in _FORWARDING_HEADERS or name.startswith("x-forwarded-") for name in headers)
    host = host_name(headers.get("host", ""))
    peer = connection.client.host if connection.client else ""
    return not forwarded and host in LOOPBACK_HOSTS and _is_loopback(peer) and is_same_origin(headers)


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


require_admin = AdminGuard()
"""The guard itself."""
