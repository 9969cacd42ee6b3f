"""Closed by default, on a real port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory

TOKEN = "a-token-that-nobody-would-guess"
ASKED = b'{"model":"minilm","input":"two words"}'
HANDSHAKE = (
    "GET /ws/init/me?token=geheim HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def raw(server: GreenroomServer, sent: bytes) -> socket.socket:
    """A connection on which `sent` was sent."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    connection.sendall(sent)
    return connection


def until_closed(connection: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path: str, headers: str, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode() + body


def test_a_foreign_name_is_refused_for_calls_and_sockets(greenroom_server: GreenroomServer) -> None:
    answer = httpx.get(f"{greenroom_server.url}/status", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["type"]) == (421, "/problems/host-refused")
    with raw(greenroom_server, HANDSHAKE.format(host="evil.example").encode()) as refused:
        assert refused.recv(4096).startswith(b"HTTP/1.1 421 ")
    with raw(greenroom_server, HANDSHAKE.format(host="localhost").encode()) as accepted:
        assert accepted.recv(4096).startswith(b"HTTP/1.1 101 ")


def test_a_write_of_a_foreign_page_is_refused(greenroom_server: GreenroomServer) -> None:
    url = f"{greenroom_server.url}/models/minilm/retry"
    assert httpx.post(url, headers={"origin": "https://evil.example"}).status_code == 403
    assert httpx.post(url, headers={"origin": greenroom_server.url}).status_code == 409


@pytest.fixture
def hasty(greenroom_server_factory: GreenroomServerFactory) -> GreenroomServer:
    """A server with little patience for bodies."""
    server: GreenroomServer = greenroom_server_factory(environment={"GREENROOM_BODY_TIMEOUT_SECONDS": "0.2"})
    return server


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_ends_in_408_and_a_closed_line(hasty: GreenroomServer, framing: str) -> None:
    begun = ASKED if "Length" in framing else b"3\r\n{ "
    answer = until_closed(raw(hasty, post("/v1/embeddings", f"Content-Type: application/json\r\n{framing}", begun)))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/body-too-slow" in answer
    assert b"\r\nconnection: close\r\n" in answer


def test_a_body_that_grows_beyond_the_limit_is_refused_at_the_limit(greenroom_server: GreenroomServer) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(5 * 1024):
            yield b" " * 1024

    answer = httpx.post(
        f"{greenroom_server.url}/v1/embeddings", content=endless(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/payload-too-large")


def test_a_held_caller_who_leaves_is_noticed_at_once(greenroom_server: GreenroomServer) -> None:
    headers = f"Content-Type: application/json\r\nPrefer: wait=30\r\nContent-Length: {len(ASKED)}\r\nX-Request-ID: left"
    raw(greenroom_server, post("/v1/embeddings", headers, ASKED)).close()
    greenroom_server.control.wait_for(lambda _: '"left"' in greenroom_server.log(), "the line of a request that ended")
    (line,) = [line for line in greenroom_server.log().splitlines() if '"left"' in line]
    assert '"status": 499' in line


def test_a_full_server_still_answers_probes(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_MAX_REQUESTS": "1"})
    headers = {"prefer": "wait=20", "content-type": "application/json"}
    with ThreadPoolExecutor() as pool:
        held = pool.submit(httpx.post, f"{server.url}/v1/embeddings", content=ASKED, headers=headers, timeout=30)
        while (full := httpx.get(f"{server.url}/status")).status_code != 429:
            assert not held.done()
        assert full.headers["retry-after"] == "1"
        assert httpx.get(f"{server.url}/livez").status_code == 200
        server.kill()
        assert isinstance(held.exception(), httpx.HTTPError)


def test_admin_calls_need_the_token_and_it_is_in_no_log(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_ADMIN_TOKEN": TOKEN, "GREENROOM_LOG_LEVEL": "debug"})
    url = f"{server.url}/models/minilm/refused"
    assert httpx.get(f"{url}?token={TOKEN}").status_code == 401
    assert httpx.get(url, headers={"authorization": "Bearer geheim"}).status_code == 401
    answer = httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()) == (200, {"model": "minilm", "refused": []})
    with raw(server, HANDSHAKE.format(host="localhost").encode()) as accepted:
        assert accepted.recv(4096).startswith(b"HTTP/1.1 101 ")
    server.control.wait_for(lambda _: '"socket"' in server.log(), "the socket's line")
    assert "wrong_admin_token" in server.log()
    assert TOKEN not in server.log()
    assert "geheim" not in server.log()


def test_the_local_mode_trusts_this_machine_and_no_proxy(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_LOCAL": "1"})
    url = f"{server.url}/models/minilm/refused"
    assert httpx.delete(url).json() == {"model": "minilm", "forgiven": 0}
    assert httpx.delete(url, headers={"origin": server.url}).status_code == 200
    assert httpx.delete(url, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 403
    assert httpx.delete(url, headers={"origin": "http://localhost:5173"}).status_code == 403


def test_people_behind_one_address_may_retry_so_often(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_RETRIES_PER_MINUTE": "2"})
    answers = [httpx.post(f"{server.url}/models/minilm/retry") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [409, 409, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30


def test_guarded_calls_are_limited_when_set(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_CALLS_PER_MINUTE": "2"})
    headers = {"content-type": "application/json"}
    for expected in ([425] * 3, [200, 200, 429]):
        answers = [httpx.post(f"{server.url}/v1/embeddings", content=ASKED, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == expected
        server.control.become_ready()


def test_an_input_that_ends_its_host_twice_is_listed_until_it_is_forgiven(
    greenroom_server_factory: GreenroomServerFactory,
) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_ADMIN_TOKEN": TOKEN})
    url, admin = f"{server.url}/models/minilm/refused", {"authorization": f"Bearer {TOKEN}"}
    server.control.become_ready()
    server.control.hold_calls()
    with ThreadPoolExecutor() as pool:
        fatal = pool.submit(
            httpx.post, f"{server.url}/v1/embeddings", content=ASKED, timeout=30,
            headers={"content-type": "application/json"},
        )  # fmt: skip
        for _ in range(2):
            server.control.wait_for(lambda _: server.control.state()["models"]["minilm"]["held_calls"] == 1, "held")
            server.control.crash()
            server.control.become_ready()
        assert fatal.result().json()["type"] == "/problems/input-refused"
    (refused,) = httpx.get(url, headers=admin).json()["refused"]
    assert len(refused) == 64
    assert httpx.delete(url, headers=admin).json()["forgiven"] == 1
    assert httpx.get(url, headers=admin).json()["refused"] == []
