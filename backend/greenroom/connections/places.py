"""How many plain HTTP connections there may be, and how many from one address.

Each costs a file descriptor, and once those are used up nobody is let in any more, probes neither. Sockets are counted
by the hub; a connection that becomes one gives its place here back. Proxies that the operator trusts speak for many."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address, ip_network

from greenroom.settings import Settings
from greenroom.web.rates import network_of


class Places:
    """Those of one server."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_http_connections
        self._most_per_address = settings.max_http_connections_per_address
        self._proxies = tuple(ip_network(proxy) for proxy in settings.trusted_proxies)
        self._taken = 0
        self._by_address: Counter[str] = Counter()

    def take(self, host: str) -> str | None:
        """A place for a connection from `host`; what to give back later, None when there is none."""
        address = "" if self._is_proxy(host) else network_of(host)
        if self._taken >= self._most or (address and self._by_address[address] >= self._most_per_address):
            return None
        self._taken += 1
        self._by_address[address] += 1
        return address

    def give_back(self, address: str) -> None:
        self._taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]  # addresses must not pile up

    def _is_proxy(self, host: str) -> bool:
        if not host:
            return True  # a Unix socket: only what runs here, a proxy as a rule
        return bool(self._proxies) and any(ip_address(host) in proxy for proxy in self._proxies)
