from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from greenroom.web.origin import is_same_origin, origin_is_allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://green.example:8000", True),
        ("http://localhost:5173", True),
        ("http://127.0.0.1", True),
        ("https://partner.example", True),
        ("https://evil.example", False),
        ("http://green.example:9000", False),
        ("http://localhost.evil.example", False),
        ("null", False),
        ("http://[broken", False),
        ("file://localhost", False),
    ],
)
def test_only_our_own_pages_loopback_and_allowed_origins_may_connect(origin: str | None, allowed: bool) -> None:
    headers = {"host": "green.example:8000"} | ({"origin": origin} if origin is not None else {})
    assert origin_is_allowed(Headers(headers), {"https://partner.example"}) is allowed


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": "http://localhost:5173"}, False),
        ({"origin": "http://127.0.0.1:8000"}, False),
        ({"origin": "https://partner.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_same_origin_is_this_very_host_and_port_or_no_page_at_all(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(Headers({"host": "localhost:8000", **headers})) is same
