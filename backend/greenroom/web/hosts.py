"""Whether a request asks for a name that this server goes by.

Nobody else can tell: a page of `evil.example` may have its own name resolved to 127.0.0.1 (DNS rebinding). For the
browser it then *is* that page's server, so neither same-origin policy nor CORS protects what is answered. What gives
it away is the Host header, which still says `evil.example`.

Addresses (`127.0.0.1`, `[::1]`, `10.0.0.7`) pass: a name is what rebinding needs, and who asks for an address is
answered by what has that address. Load balancers and kubelets probe by address, so they need no setting.
`localhost` and what is under it belong to loopback (RFC 6761 §6.3).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from greenroom.settings import Settings
from greenroom.web.base_path import own_path
from greenroom.words import BadRequestError, HostRefusedError

PROBES = frozenset({"/health", "/livez", "/readyz", "/metrics"})
"""What watches the server: always answered, a full server included, for that is what it is to see."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")


def host_name(header: str) -> str | None:
    """The name or address in a Host header, in lower case and without the port; None when it is malformed."""
    found = _HOST.fullmatch(header)
    return (found[1] or found[2]).lower().removesuffix(".") if found else None


def host_is_allowed(name: str, allowed: Collection[str]) -> bool:
    """`allowed`: names; `*.a.example` or `.a.example` stands for every name under it, `*` for every name."""
    if "*" in allowed or name in allowed or name == "localhost" or name.endswith(".localhost") or is_address(name):
        return True
    return any(name.endswith(rule.removeprefix("*")) for rule in allowed if rule.startswith((".", "*.")))


def is_address(name: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def require_known_host(connection: HTTPConnection, settings: Settings) -> None:
    """Let pass what asks for this server by a name of its own. Raises BadRequestError, HostRefusedError.

    Without a Host header (HTTP/1.0 alone may leave it out, RFC 9112 §3.2) the caller is no browser."""
    given = connection.headers.getlist("host")
    if not given and connection.scope.get("http_version") == "1.0":
        return
    name = host_name(given[0]) if len(given) == 1 else None
    if name is None:
        raise BadRequestError("Exactly one Host header is needed, and it must be a name or an address.")
    own = {settings.host.lower(), *settings.allowed_hosts}
    if host_is_allowed(name, own) or (settings.probes_any_host and own_path(connection.scope) in PROBES):
        return
    raise HostRefusedError(f"If {name} is a name of this server, its operator can add it to GREENROOM_ALLOWED_HOSTS.")
