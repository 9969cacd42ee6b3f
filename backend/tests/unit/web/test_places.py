"""Who may have how many plain HTTP connections."""

from __future__ import annotations

from greenroom.connections.places import Places
from greenroom.settings import load_settings


def places(**settings: object) -> Places:
    return Places(load_settings(**settings))


def test_an_address_has_its_share_and_gets_it_again() -> None:
    ours = places(max_http_connections_per_address=1)
    first = ours.take("192.0.2.1")
    assert first is not None
    assert ours.take("192.0.2.1") is None
    assert ours.take("192.0.2.2") is not None
    ours.give_back(first)
    assert ours.take("192.0.2.1") is not None


def test_a_network_of_ipv6_is_one_address() -> None:
    ours = places(max_http_connections_per_address=1)
    assert ours.take("2001:db8::1") is not None
    assert ours.take("2001:db8::2") is None


def test_a_trusted_proxy_speaks_for_many() -> None:
    ours = places(max_http_connections_per_address=1, trusted_proxies="10.0.0.0/8")
    assert [ours.take("10.0.0.7") for _ in range(3)] == ["", "", ""]
    assert ours.take("") == ""  # a Unix socket


def test_all_together_have_a_limit() -> None:
    ours = places(max_http_connections=2, trusted_proxies="10.0.0.0/8")
    assert [ours.take("10.0.0.7"), ours.take("192.0.2.1"), ours.take("10.0.0.7")] == ["", "192.0.2.1", None]
