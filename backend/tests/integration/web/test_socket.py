"""The readiness socket of PROTOCOL §2 on a real port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from greenroom.testing import GreenroomServer
from greenroom.testing.plugin import GreenroomServerFactory


def join(
    server: GreenroomServer, client_id: str = "test", query: str = "", **options: Any
) -> AbstractContextManager[ClientConnection]:
    link: AbstractContextManager[ClientConnection] = connect(
        f"{server.url.replace('http', 'ws')}/ws/init/{client_id}{query}", **options
    )
    return link


def frames(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    while True:
        yield json.loads(socket.recv(timeout=10))


def until(socket: ClientConnection, **wanted: Any) -> dict[str, Any]:
    return next(frame for frame in frames(socket) if wanted.items() <= frame.items())


def test_the_server_speaks_first_and_needs_no_reply(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.freeze(25)
    with join(greenroom_server) as socket:
        hello, snapshot = (json.loads(socket.recv(timeout=5)) for _ in range(2))
    assert (hello["type"], hello["protocol"], hello["phase"]) == ("hello", 1, "connecting")
    assert (snapshot["type"], snapshot["progress"], snapshot["epoch"]) == ("initialization", 25, hello["epoch"])


def test_whoever_connects_late_gets_the_terminal_state_first(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.fail("no luck")
    with join(greenroom_server) as socket:
        assert until(socket, type="initialization", status="error")["models"][0]["error"]["message"] == "no luck"


def test_progress_is_pushed_and_seq_only_rises(greenroom_server: GreenroomServer) -> None:
    seen = []
    with join(greenroom_server) as socket:
        for percent in (20, 40, 80):
            greenroom_server.control.freeze(percent)
            seen.append(until(socket, type="initialization", progress=percent))
        greenroom_server.control.become_ready()
        seen.append(until(socket, type="initialization", ready=True))
    assert [frame["seq"] for frame in seen] == sorted({frame["seq"] for frame in seen})
    assert seen[-1]["progress"] == 100


def test_a_crash_and_the_recovery_are_announced(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.become_ready()
    with join(greenroom_server) as socket:
        until(socket, type="initialization", ready=True)
        greenroom_server.control.crash()
        until(socket, type="initialization", ready=False, round=2)
        greenroom_server.control.become_ready()
        until(socket, type="event", name="model.recovered", model="minilm")


def test_a_frame_has_the_bytes_of_a_425_with_the_same_seq(greenroom_server: GreenroomServer) -> None:
    greenroom_server.control.fail("stands still")
    with join(greenroom_server) as socket:
        until(socket, type="hello")
        raw = socket.recv(timeout=5)
        polled = httpx.get(f"{greenroom_server.url}/api/v1/admin/ready")
    assert polled.status_code == 503
    assert polled.text == raw


def test_a_reconnect_under_the_same_id_is_a_connection_of_its_own(greenroom_server: GreenroomServer) -> None:
    with join(greenroom_server, "same") as new:
        with join(greenroom_server, "same") as old:
            until(old, type="initialization")
        greenroom_server.control.freeze(70)
        assert until(new, type="initialization", progress=70)


def test_an_offered_subprotocol_is_echoed_and_a_foreign_one_refused(greenroom_server: GreenroomServer) -> None:
    with join(greenroom_server, subprotocols=[Subprotocol("greenroom.v1")]) as socket:
        assert socket.subprotocol == "greenroom.v1"
    with pytest.raises(InvalidStatus) as refused, join(greenroom_server, subprotocols=[Subprotocol("other.v9")]):
        pass
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    ("client_id", "query", "origin", "status"),
    [
        ("bad id!", "", None, 422),
        ("x" * 65, "", None, 422),
        ("ok", "?models=nobody", None, 404),
        ("ok", "", "https://evil.example", 403),
        ("ok", "", "null", 403),
    ],
)
def test_a_refusal_is_plain_http_before_accept(
    greenroom_server: GreenroomServer, client_id: str, query: str, origin: Any, status: int
) -> None:
    client_id = client_id.replace(" ", "%20")
    with pytest.raises(InvalidStatus) as refused, join(greenroom_server, client_id, query, origin=origin):
        pass
    assert refused.value.response.status_code == status


def test_an_oversized_message_is_explained_and_ends_the_link(greenroom_server: GreenroomServer) -> None:
    with join(greenroom_server) as socket:
        socket.send("x" * 5000)
        assert until(socket, type="error")["code"] == "payload-too-large"
        with pytest.raises(ConnectionClosed) as closed:
            list(frames(socket))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4413


def test_too_many_messages_are_explained_and_end_the_link(greenroom_server: GreenroomServer) -> None:
    with join(greenroom_server) as socket, pytest.raises(ConnectionClosed) as closed:
        keep_sending(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429


def keep_sending(socket: ClientConnection) -> None:
    while True:
        socket.send('{"type":"pong"}')


def test_frames_that_are_not_known_yet_are_ignored(greenroom_server: GreenroomServer) -> None:
    with join(greenroom_server) as socket:
        for message in ('{"type":"pong"}', '{"type":"subscribe","to":"everything"}'):
            socket.send(message)
        greenroom_server.control.freeze(33)
        assert until(socket, type="initialization", progress=33)


@pytest.mark.parametrize(
    "nonsense", ["not json", "[]", '{"no":"type"}', '{"type":7}', '{"a":' * 500, b"\x00\xff", "", "\ufffe{}"]
)
def test_nonsense_is_explained_and_ends_the_link(greenroom_server: GreenroomServer, nonsense: str | bytes) -> None:
    with join(greenroom_server) as socket:
        socket.send(nonsense)
        assert until(socket, type="error")["code"] == "malformed-message"
        with pytest.raises(ConnectionClosed) as closed:
            list(frames(socket))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


def test_one_address_may_not_take_every_place(greenroom_server_factory: GreenroomServerFactory) -> None:
    server = greenroom_server_factory(environment={"GREENROOM_MAX_CONNECTIONS_PER_ADDRESS": "2"})
    with join(server) as first, join(server):
        until(first, type="initialization")
        with pytest.raises(InvalidStatus) as refused, join(server):
            pass
        assert refused.value.response.status_code == 429
