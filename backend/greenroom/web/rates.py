"""How often an address may ask, in bounded memory.

The rule is the generic cell rate algorithm (GCRA, ITU-T I.371): of each address only one time is kept, the moment at
which all that it has asked for will have been paid off at the permitted rate. It may run ahead by one minute's worth.

Why not the `limits` library: its store in memory keeps every address until a timer thread of its own has expired it,
however many there are; a million made-up IPv6 addresses would be a million entries. Here the least recent address is
forgotten when there are too many. That errs on the side of letting somebody ask once more.
"""

from __future__ import annotations

import math
import time
from ipaddress import IPv6Address, ip_address

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from greenroom.settings import Settings
from greenroom.words import OverloadedError

MAX_ADDRESSES = 10_000
WRONG_TOKENS_PER_MINUTE = 10


class Rate:
    """At most `per_minute` for each key, all at once or spread."""

    def __init__(self, per_minute: int, most_keys: int = MAX_ADDRESSES) -> None:
        self._interval = 60.0 / per_minute
        self._ahead = 60.0 - self._interval
        self._most_keys = most_keys
        self._paid_off: dict[str, float] = {}
        """Least recently counted first."""

    def __len__(self) -> int:
        return len(self._paid_off)

    def wait_seconds(self, key: str, now: float) -> float:
        """How long `key` has to wait before the next one; 0 when it need not."""
        wait = self._paid_off.get(key, now) - now - self._ahead
        return max(0.0, round(wait, 6))  # the sum of many intervals is off by some digits

    def count(self, key: str, now: float) -> None:
        """`key` has had one."""
        paid_off = max(self._paid_off.pop(key, now), now) + self._interval
        while self._paid_off:
            least_recent = next(iter(self._paid_off))
            if len(self._paid_off) < self._most_keys and self._paid_off[least_recent] > now:
                break
            del self._paid_off[least_recent]
        self._paid_off[key] = paid_off


class Rates:
    """The limits of one server life, for `app.state`."""

    def __init__(self, settings: Settings) -> None:
        self.calls = Rate(settings.calls_per_minute) if settings.calls_per_minute else None
        self.retries = Rate(settings.retries_per_minute)
        self.wrong_tokens = Rate(WRONG_TOKENS_PER_MINUTE)


def rates_of(connection: HTTPConnection) -> Rates:
    """Those of the app that answers."""
    app: Starlette = connection.app
    rates: Rates = app.state.greenroom_rates
    return rates


def spend(rate: Rate, connection: HTTPConnection) -> None:
    """Count this request. Raises OverloadedError when its address has had its share."""
    require_within(rate, connection)
    rate.count(address_of(connection), time.monotonic())


def require_within(rate: Rate, connection: HTTPConnection, why: str = "Too many of these from your address.") -> None:
    """Raises OverloadedError when the request's address has had its share; counts nothing."""
    wait = rate.wait_seconds(address_of(connection), time.monotonic())
    if wait > 0:
        raise OverloadedError(f"{why} Wait a little, then try again.", math.ceil(wait))


def address_of(connection: HTTPConnection) -> str:
    """The key of the caller, see `network_of`.

    Behind a proxy this is the caller's only when the server trusts that proxy (GREENROOM_TRUSTED_PROXIES)."""
    return network_of(connection.client.host if connection.client else "")


def network_of(host: str) -> str:
    """An IPv4 address itself, of an IPv6 address the network of 64 bits, all of which one customer gets."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
