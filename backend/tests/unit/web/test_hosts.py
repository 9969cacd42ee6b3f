from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.web.hosts import host_is_allowed, host_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost.:8000", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("green_room.example", "green_room.example"),
        ("", None),
        ("::1", None),
        ("[::1", None),
        ("a.example:port", None),
        ("a.example:8000:1", None),
        ("a.example:٣", None),
        ("user@localhost", None),
        ("localhost/", None),
        ("localhost evil.example", None),
    ],
)
def test_a_host_header_is_a_name_or_an_address_and_a_port(header: str, name: str | None) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("fe80::1", True),
        ("green.example", True),
        ("a.wild.example", True),
        ("a.b.wild.example", True),
        ("a.dotted.example", True),
        ("wild.example", False),
        ("evilwild.example", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433", False),
        ("0x7f.1", False),
    ],
)
def test_only_own_names_and_addresses_pass(name: str, allowed: bool) -> None:
    rules = {"green.example", "*.wild.example", ".dotted.example"}
    assert host_is_allowed(name, rules) is allowed
    assert host_is_allowed(name, {"*"})


@given(st.text(max_size=40))
def test_any_header_has_a_clear_reading(header: str) -> None:
    name = host_name(header)
    assert name is None or (name in header.lower() and not set(name) & set("/@ \r\n"))
