"""Clients that send too much at once, or too little ever, over plain HTTP."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory
from tests.integration.web.sockets import upgrade
from tests.integration.web.test_patience_with_calls import resident_bytes

ASK = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
MEGABYTE = 1024 * 1024


def dial(server: GreenroomServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def answer_of(connection: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65536)
    return answer


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server hangs up. Raises TimeoutError when it does not."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            answer += data
    return answer


def say_until_hung_up(connection: socket.socket, data: bytes, times: int) -> int:
    """How often it could be said."""
    for count in range(times):
        try:
            connection.sendall(data)
        except OSError:
            return count
    return times


def test_requests_sent_far_ahead_of_their_answers_end_the_connection(greenroom_server: GreenroomServer) -> None:
    before = resident_bytes(greenroom_server.pid)
    with dial(greenroom_server) as connection:
        said = say_until_hung_up(connection, (ASK + b"\r\n") * 1500, 200)
    assert said < 200
    assert resident_bytes(greenroom_server.pid) - before < 4 * MEGABYTE


def test_a_few_requests_sent_ahead_are_answered_in_turn(greenroom_server: GreenroomServer) -> None:
    with dial(greenroom_server) as connection:
        connection.sendall((ASK + b"\r\n") * 7 + ASK + b"Connection: close\r\n\r\n")
        assert all_of(connection).count(b"HTTP/1.1 200 ") == 8


@pytest.mark.parametrize("trailers", [b"a:b\r\n" * 20_000, b"x" * 100_000], ids=["many", "one"])
def test_trailers_without_end_end_the_connection(greenroom_server: GreenroomServer, trailers: bytes) -> None:
    before = resident_bytes(greenroom_server.pid)
    with dial(greenroom_server) as connection:
        connection.sendall(ASK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        assert say_until_hung_up(connection, trailers, 300) < 300
    assert resident_bytes(greenroom_server.pid) - before < 4 * MEGABYTE


@pytest.mark.parametrize(("head", "more"), [(b"\r\n", b"\r\n"), (b"Content-Length: 1000\r\n\r\n", b"x")])
def test_after_an_answer_only_another_request_keeps_a_connection(
    greenroom_server: GreenroomServer, head: bytes, more: bytes
) -> None:
    with dial(greenroom_server) as connection:
        connection.sendall(ASK + head)
        answer_of(connection)
        connection.sendall(more)
        assert all_of(connection) == b""


def test_another_request_does_keep_it(greenroom_server: GreenroomServer) -> None:
    with dial(greenroom_server) as connection:
        until = time.monotonic() + 5.5  # longer than a silent one is kept
        while time.monotonic() < until:
            connection.sendall(ASK + b"\r\n")
            assert b" 200 " in answer_of(connection)
            time.sleep(0.5)


def test_a_refusal_never_stands_in_for_an_answer_that_is_due(greenroom_server: GreenroomServer) -> None:
    body = b'{"model":"minilm","input":"text"}'
    held = (
        b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    for wrong in (b"no http\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 500_000):
        with dial(greenroom_server) as connection:
            connection.sendall(held)
            greenroom_server.control.snapshot()  # came later, so the other one is held by now
            say_until_hung_up(connection, wrong, 1)
            assert all_of(connection) == b""


def test_one_address_has_its_share_of_the_connections_and_gets_places_back(
    greenroom_server_factory: GreenroomServerFactory,
) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_MAX_HTTP_CONNECTIONS_PER_ADDRESS": "2"})
    with (
        upgrade(server.url),
        upgrade(server.url),
        upgrade(server.url),
        dial(server),
        dial(server),
        dial(server) as third,
    ):
        assert b" 429 " in all_of(third)
    deadline = time.monotonic() + 5
    while not is_answered(server):
        assert time.monotonic() < deadline


def is_answered(server: GreenroomServer) -> bool:
    with dial(server) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(ASK + b"Connection: close\r\n\r\n")
        return b" 200 " in all_of(connection)
    return False
