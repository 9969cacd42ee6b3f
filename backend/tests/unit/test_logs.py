from __future__ import annotations

import logging

import pytest

from greenroom.logs import hide_queries


@pytest.mark.parametrize(
    ("logger", "line", "arguments"),
    [
        ("uvicorn.error", '%s - "WebSocket %s" [accepted]', ("127.0.0.1:5", "/ws/init/me?token=geheim&x=?")),
        ("uvicorn.error", '%s - "WebSocket %s" 403', ("127.0.0.1:5", "/ws/init/me?token=geheim")),
        ("uvicorn.access", '%s - "%s %s HTTP/%s" %d', ("127.0.0.1:5", "GET", "/status?token=geheim", "1.1", 200)),
    ],
)
def test_uvicorns_lines_lose_their_query_strings(
    caplog: pytest.LogCaptureFixture, logger: str, line: str, arguments: tuple[object, ...]
) -> None:
    hide_queries()
    with caplog.at_level(logging.INFO, logger):
        logging.getLogger(logger).info(line, *arguments)
    assert str(arguments[0]) in caplog.text
    assert "geheim" not in caplog.text
