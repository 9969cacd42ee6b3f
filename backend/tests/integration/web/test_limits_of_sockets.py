"""Clients that say too much over a socket, and what they are told."""

from __future__ import annotations

import contextlib
import socket

import pytest

from bench.malformed_wire import close_code
from greenroom.testing import GreenroomServer
from tests.integration.web.sockets import masked_frame, upgrade
from tests.integration.web.test_patience_with_calls import resident_bytes

PING, TEXT, CLOSE = 9, 1, 8


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server hangs up, or says that it will."""
    answer = b""
    while close_code(answer) is None and (data := connection.recv(65536)):
        answer += data
    return answer


@pytest.mark.parametrize(
    ("said", "code", "error"),
    [
        (masked_frame(PING) * 20_000, 4429, b"too-many-messages"),
        (masked_frame(TEXT) * 20_000, 4429, b"too-many-messages"),
        (masked_frame(TEXT, b"x" * 70_000), 4413, b"payload-too-large"),
        (masked_frame(TEXT, b"\xff"), 4400, b"malformed-message"),
    ],
    ids=["pings", "messages", "too big", "not UTF-8"],
)
def test_who_says_too_much_at_once_is_told_so(
    greenroom_server: GreenroomServer, said: bytes, code: int, error: bytes
) -> None:
    with upgrade(greenroom_server.url) as link:
        link.sendall(said)
        answer = all_of(link)
    assert (close_code(answer), error in answer) == (code, True)


def test_bursts_of_empty_messages_cost_little_memory(greenroom_server: GreenroomServer) -> None:
    before = resident_bytes(greenroom_server.pid)
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(upgrade(greenroom_server.url)) for _ in range(10)]
        for link in links:
            link.settimeout(0.5)
            with contextlib.suppress(TimeoutError, ConnectionError):
                link.sendall(masked_frame(TEXT) * 40_000)
        greenroom_server.control.snapshot()  # answered later, so all of it has been read by now
        assert resident_bytes(greenroom_server.pid) - before < 8 * 1024 * 1024


def test_a_client_that_says_nonsense_and_leaves_makes_no_trace(greenroom_server: GreenroomServer) -> None:
    with upgrade(greenroom_server.url) as link:
        link.sendall(masked_frame(TEXT, b"nonsense") + masked_frame(CLOSE, (1000).to_bytes(2, "big")))
        all_of(link)
    greenroom_server.control.snapshot()
    assert "Traceback" not in greenroom_server.log()
