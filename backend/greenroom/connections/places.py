"""How many plain HTTP connections there may be, and how many from one address.

Each costs a file descriptor, and once those are used up nobody is let in any more, probes neither. Sockets are counted
by the hub; a connection that becomes one gives its place here back. Proxies that the operator trusts speak for many."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from greenroom.settings import Settings
from greenroom.web.headcount import Headcount
from greenroom.web.rates import network_of


class Places:
    """Those of one server."""

    def __init__(self, settings: Settings) -> None:
        self._taken = Headcount(settings.max_http_connections, settings.max_http_connections_per_address)
        self._proxies = tuple(ip_network(proxy) for proxy in settings.trusted_proxies)

    def take(self, host: str) -> str | None:
        """A place for a connection from `host`; what to give back later, None when there is none."""
        address = "" if self._is_proxy(host) else network_of(host)
        if self._taken.is_full or (address and self._taken.has_its_share(address)):
            return None
        self._taken.enter(address)
        return address

    def give_back(self, address: str) -> None:
        self._taken.leave(address)

    def _is_proxy(self, host: str) -> bool:
        if not host:
            return True  # a Unix socket: only what runs here, a proxy as a rule
        return bool(self._proxies) and any(ip_address(host) in proxy for proxy in self._proxies)
